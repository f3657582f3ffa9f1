import { OPERATIONS } from '../model/config.js';

/** The window is counted in tenths of it. */
const TENTHS = 10;
/** The tenth under way comes on top of ten whole ones. */
const SLOTS = TENTHS + 1;
/** Cells of a slot: a count for each operation, bytes freed, and the time of its first deletion. */
const FREED = OPERATIONS.length;
const FIRST = FREED + 1;
const CELLS = FIRST + 1;

/** What lies within a window. */
export interface WindowSums {
  /** By index of the operation. */
  readonly operations: number[];
  readonly freedBytes: number;
  /** Seconds since boot of the first deletion; NaN: there is none. */
  readonly startSeconds: number;
}

/**
 * Counts the deletions of the last `windowSeconds`, in memory that does not depend on how many they are. All that are within
 * the window count, and none that is older than eleven tenths of it.
 */
export class SlidingWindow {
  /** Deletions within the window when it was last moved. */
  total = 0;
  private readonly slotSeconds: number;
  private readonly cells = new Float64Array(SLOTS * CELLS);
  private readonly counts = new Uint32Array(SLOTS);
  /** The number of the slot under way, since boot. */
  private slot = 0;

  constructor(windowSeconds: number) {
    this.slotSeconds = windowSeconds / TENTHS;
  }

  /** Forgets what is too old at `seconds` since boot. A time before the newest one counts as that. */
  moveTo(seconds: number): void {
    const slot = Math.floor(seconds / this.slotSeconds);
    if (slot <= this.slot) return;
    const cleared = Math.min(slot - this.slot, SLOTS);
    for (let next = slot - cleared + 1; next <= slot; next++) {
      const index = next % SLOTS;
      this.total -= this.counts[index]!;
      this.counts[index] = 0;
      this.cells.fill(0, index * CELLS, (index + 1) * CELLS);
    }
    this.slot = slot;
  }

  /** Counts a deletion, to be called after moveTo(). */
  add(seconds: number, operation: number, freedBytes: number): void {
    const index = this.slot % SLOTS;
    const cell = index * CELLS;
    if (this.counts[index]! === 0) this.cells[cell + FIRST] = seconds;
    this.counts[index]! += 1;
    this.cells[cell + operation]! += 1;
    this.cells[cell + FREED]! += freedBytes;
    this.total += 1;
  }

  /** Takes out what another window has counted; each of its deletions was counted here as well. */
  subtract(other: SlidingWindow): void {
    for (let slot = Math.max(other.slot, this.slot) - SLOTS + 1; slot <= Math.min(other.slot, this.slot); slot++) {
      if (slot < 0) continue;
      const index = slot % SLOTS;
      const cell = index * CELLS;
      const count = Math.min(this.counts[index]!, other.counts[index]!);
      this.counts[index]! -= count;
      this.total -= count;
      for (let i = cell; i < cell + FIRST; i++) this.cells[i] = Math.max(0, this.cells[i]! - other.cells[i]!);
    }
  }

  clear(): void {
    this.cells.fill(0);
    this.counts.fill(0);
    this.total = 0;
  }

  sums(): WindowSums {
    const operations = OPERATIONS.map(() => 0);
    let freedBytes = 0;
    let startSeconds = Number.NaN;
    for (let index = 0; index < SLOTS; index++) {
      const cell = index * CELLS;
      if (this.counts[index] === 0) continue;
      operations.forEach((count, operation) => {
        operations[operation] = count + this.cells[cell + operation]!;
      });
      freedBytes += this.cells[cell + FREED]!;
      const first = this.cells[cell + FIRST]!;
      if (!(first >= startSeconds)) startSeconds = first;
    }
    return { operations, freedBytes, startSeconds };
  }
}
