/** A thread that reads lines for the page: judging them for browsers must not keep the daemon from the ring. */
import { parentPort, workerData } from 'node:worker_threads';
import type { PageThreadData, ToThread } from './page-messages.js';
import { PageView } from './page-view.js';

const view = new PageView(workerData as PageThreadData, (message) => parentPort?.postMessage(message));
parentPort?.on('message', (message: ToThread) => view.take(message));
