/** How much of an allowance may be saved up, in milliseconds: what comes in a burst is done at once. */
const SAVED_MAX_MS = 200;

/** Holds work that others can provoke down to a part of the time; a token bucket of milliseconds. */
export class TimeBudget {
  private savedMs = SAVED_MAX_MS;
  private filledAt: number;

  /** `share`: of the time, above 0 and at most 1. `now`: milliseconds of a clock that is never set. */
  constructor(
    private readonly share: number,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.filledAt = now();
  }

  /** Milliseconds until work is allowed again; 0: now. */
  get waitMs(): number {
    this.fill();
    return this.savedMs > 0 ? 0 : -this.savedMs / this.share + 1;
  }

  /** Does `work` and charges the time that it takes, also when it throws. */
  spend<T>(work: () => T): T {
    const began = this.now();
    try {
      return work();
    } finally {
      this.fill();
      this.savedMs -= this.now() - began;
    }
  }

  private fill(): void {
    const now = this.now();
    this.savedMs = Math.min(SAVED_MAX_MS, this.savedMs + (now - this.filledAt) * this.share);
    this.filledAt = now;
  }
}
