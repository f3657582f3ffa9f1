/** A thread that reads one configuration: ten thousand watches take a second, in which no event would be handled. */
import { once } from 'node:events';
import { parentPort, workerData } from 'node:worker_threads';
import { loadConfig } from './load.js';
import type { LoadMessage } from './load-in-thread.js';

/** Ten thousand watches in one message would hold the other thread for 80 ms. */
const WATCHES_AT_ONCE = 500;

const port = parentPort!;
const send = (message: LoadMessage) => port.postMessage(message);

const loaded = await loadConfig(workerData as string | undefined);
if ('config' in loaded) {
  // Where values were written is of no use to another thread.
  const { watches, ...others } = loaded.config;
  for (let at = 0; at < watches.length; at += WATCHES_AT_ONCE) {
    send({ watches: watches.slice(at, at + WATCHES_AT_ONCE) });
    await once(port, 'message');
  }
  send({ config: others });
} else {
  send(loaded);
}
