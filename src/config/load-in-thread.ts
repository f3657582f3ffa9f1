import { Worker } from 'node:worker_threads';
import type { Config } from '../model/config.js';
import type { Problem } from './problem.js';

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
    thread.once('message', resolve);
    thread.once('error', reject);
    // After an answer this changes nothing.
    thread.once('exit', (code) => reject(new Error(`the thread that reads the configuration ended with ${code}`)));
  });
}
