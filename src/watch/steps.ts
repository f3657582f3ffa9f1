/** Work that can be interrupted wherever it yields, and returns its result. */
export type Steps<T> = Generator<void, T, void>;

/** Does all the steps in one go. */
export function atOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

/** Other work of the event loop has its turn after so long. */
const SLICE_MS = 10;

/** Does the steps in slices of 10 ms. Rejects with the reason of `signal` when that is aborted, and as the steps throw. */
export async function inSlices<T>(steps: Steps<T>, signal?: AbortSignal): Promise<T> {
  for (;;) {
    signal?.throwIfAborted();
    const until = performance.now() + SLICE_MS;
    do {
      const { done, value } = steps.next();
      if (done) return value;
    } while (performance.now() < until);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
