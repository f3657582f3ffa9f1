import type { BurstActor } from '../event/burst-line.js';
import type { BurstOrigin } from '../event/event-words.js';
import type { WatchTotals } from '../metrics/watch-counters.js';
import { SlidingWindow } from './sliding-window.js';
import type { Tally } from './tally.js';

/** A burst that goes on. Times are seconds since boot. */
export interface Burst {
  /** Rises by one from burst to burst since the daemon started. */
  readonly number: number;
  readonly watch: string;
  readonly totals: WatchTotals;
  /** Who deletes, for lines; undefined: the watch wants none. */
  readonly actor: BurstActor | undefined;
  readonly startSeconds: number;
  lastSeconds: number;
  /** When the last line was made. */
  toldSeconds: number;
  /** By index of the operation. */
  readonly operations: number[];
  freedBytes: number;
  /** Deletions without a line of their own. */
  folded: number;
}

/** Follows the deletions of one process, or of what processes have in common, in one watch. */
export class Tracker {
  readonly window: SlidingWindow;
  burst: Burst | undefined;
  /** Kept from half of the threshold on. */
  tally: Tally | undefined;

  constructor(
    readonly origin: BurstOrigin,
    /** The id of a container, the path of a cgroup, `NAME[PID]` of a parent; latin1 view. '' for others. */
    readonly originId: string,
    windowSeconds: number,
  ) {
    this.window = new SlidingWindow(windowSeconds);
  }

  /** Whether nothing that it has counted matters any more at `seconds`. */
  isIdle(seconds: number): boolean {
    if (this.burst !== undefined) return false;
    this.window.moveTo(seconds);
    return this.window.total === 0;
  }
}
