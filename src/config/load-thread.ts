/** A thread that reads one configuration: ten thousand watches take a second, in which no event would be handled. */
import { once } from 'node:events';
import { getPriority, setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import type { LoadMessage } from './load-in-thread.js';

/** Ten thousand watches in one message would hold the other thread for 80 ms. */
const WATCHES_AT_ONCE = 500;

/** That of an ordinary process. */
const PRIORITY = 0;

const port = parentPort!;
const send = (message: LoadMessage) => port.postMessage(message);

// The priority is that of this thread alone on Linux (setpriority(2)). The daemon runs before other processes; its reload waits
// its turn among them, so that it takes no processor from the drain in a flood. To lower it is always permitted.
if (getPriority() < PRIORITY) setPriority(PRIORITY);
// Loading the modules is most of the work.
const { loadConfig } = await import('./load.js');
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
