/**
 * Upper bounds in seconds. The promise of the daemon is "within a few milliseconds", so the low end is finer than
 * the usual web latency buckets; the high end still tells a stuck reader from a busy one.
 */
const UPPER_BOUNDS: readonly number[] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** One published bucket: how many observations were at most `upperBound`. */
export interface CumulativeBucket {
  readonly upperBound: number;
  readonly count: number;
}

/**
 * The time from a deletion to its line, in plain cells: a labelled or histogram call into the client library costs
 * about 200 ns, which at 100,000 events a second is 2 % of a core; this costs a few. Doubles, since 32-bit cells would
 * wrap within hours on a busy host.
 */
export class DelayHistogram {
  private readonly bounds = Float64Array.from(UPPER_BOUNDS);
  /** Observations of each bucket alone, not cumulative; the last cell is everything above the highest bound. */
  private readonly cells = new Float64Array(UPPER_BOUNDS.length + 1);
  private totalSeconds = 0;

  /** A clock that was set back makes delays negative; those count as no delay, so that the count stays the number of events. */
  observe(seconds: number): void {
    const delay = Number.isNaN(seconds) ? 0 : Math.max(seconds, 0);
    const { bounds } = this;
    let cell = 0;
    while (cell < bounds.length && delay > bounds[cell]!) cell++;
    this.cells[cell]!++;
    this.totalSeconds += delay;
  }

  get sum(): number {
    return this.totalSeconds;
  }

  get count(): number {
    return this.cells.reduce((total, cell) => total + cell, 0);
  }

  /** Without the implied `+Inf` bucket, which is `count`. */
  buckets(): CumulativeBucket[] {
    let count = 0;
    return UPPER_BOUNDS.map((upperBound, index) => {
      count += this.cells[index]!;
      return { upperBound, count };
    });
  }
}
