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

/**
 * Does the steps in slices of 10 ms, the first at once. Rejects as the steps throw, and with the reason of `signal` when that is
 * aborted: the steps end then with what they have in `finally`. `spend` does the work of each slice.
 */
export async function inSlices<T>(
  steps: Steps<T>,
  signal?: AbortSignal,
  spend: <R>(work: () => R) => R = (work) => work(),
): Promise<T> {
  for (;;) {
    if (signal?.aborted) {
      steps.return(undefined as T);
      throw signal.reason;
    }
    const { done, value } = spend(() => slice(steps));
    if (done) return value;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function slice<T>(steps: Steps<T>): IteratorResult<void, T> {
  const until = performance.now() + SLICE_MS;
  for (;;) {
    const result = steps.next();
    if (result.done || performance.now() >= until) return result;
  }
}
