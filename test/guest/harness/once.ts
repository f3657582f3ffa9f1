/** What is made or fetched once in each process, under the lock that keeps two runs apart. */
import { withLock } from './cache.js';

/**
 * A function that runs `make` once for each list of arguments, and again when that failed: what is in the cache is verified
 * once in each process, since the digests of all trees together take a second.
 */
export function onceUnderLock<Args extends readonly string[], T>(
  make: (...args: Args) => T | Promise<T>,
): (...args: Args) => Promise<T> {
  const made = new Map<string, Promise<T>>();
  return (...args) => {
    const key = JSON.stringify(args);
    const known = made.get(key);
    if (known !== undefined) return known;
    const promise = withLock('fetch', () => make(...args));
    promise.catch(() => made.delete(key));
    made.set(key, promise);
    return promise;
  };
}
