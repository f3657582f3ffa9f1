/** A thread that reads one configuration: ten thousand watches take a second, in which no event would be handled. */
import { parentPort, workerData } from 'node:worker_threads';
import { loadConfig } from './load.js';

const loaded = await loadConfig(workerData as string | undefined);
// Where values were written is of no use to another thread.
parentPort?.postMessage('config' in loaded ? { config: loaded.config } : loaded);
