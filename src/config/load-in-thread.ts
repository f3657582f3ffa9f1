import { Worker } from 'node:worker_threads';
import type { Config, WatchConfig } from '../model/config.js';
import type { Problem } from './problem.js';

/** What the thread sends. It waits for an answer to each part of the watches. */
export type LoadMessage =
  | { readonly watches: readonly WatchConfig[] }
  | { readonly config: Omit<Config, 'watches'> }
  | { readonly problems: readonly Problem[] };

/**
 * As loadConfig, in a thread of its own, whose memory goes with it. Rejects when the thread ends without an answer, as for
 * want of memory.
 */
export function loadInThread(
  file: string | undefined,
): Promise<{ readonly config: Config } | { readonly problems: readonly Problem[] }> {
  return new Promise((resolve, reject) => {
    const thread = new Worker(new URL('./load-thread.js', import.meta.url), {
      workerData: file,
      argv: [],
      execArgv: [],
    });
    const watches: WatchConfig[] = [];
    thread.on('message', (message: LoadMessage) => {
      if ('watches' in message) {
        watches.push(...message.watches);
        // Other work of the event loop comes first.
        setImmediate(() => thread.postMessage('more'));
      } else {
        resolve('config' in message ? { config: { ...message.config, watches } } : message);
      }
    });
    thread.once('error', reject);
    // After an answer this changes nothing.
    thread.once('exit', (code) => reject(new Error(`the thread that reads the configuration ended with ${code}`)));
  });
}
