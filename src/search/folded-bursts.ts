import { isTimestamp, type RecordLine } from './logged-event.js';

/** Deletions that the record tells by summaries only. */
export interface FoldedBurst {
  /** Times of the first and the newest deletion of the burst. */
  readonly start: string;
  readonly end: string;
  readonly folded: number;
  /** The burst in one sentence. */
  readonly message: string;
}

interface Entry {
  readonly number: number;
  /** Its first line is in the same piece. */
  readonly begins: boolean;
  readonly burst: FoldedBurst;
}

const BURSTS_MAX = 1000;

/** The bursts of one piece of the record of which some lines are folded, each by its newest line: that has the sums. */
export class FoldedBursts {
  readonly entries: Entry[] = [];
  /** Bursts beyond those that are kept. */
  unkept = 0;
  /** By number, where the burst that goes on stands; numbers begin with 1 again in each run. */
  private readonly open = new Map<number, number>();
  private readonly begun = new Set<number>();

  add(record: RecordLine): void {
    const { number, folded } = (record.rmwatch['burst'] ?? {}) as Readonly<Record<string, unknown>>;
    const { action, start, end } = record.event;
    if (typeof number !== 'number' || !isTimestamp(start) || !isTimestamp(end)) return;
    if (action === 'mass-deletion-started') {
      this.open.delete(number);
      if (this.begun.size < BURSTS_MAX) this.begun.add(number);
    }
    if (typeof folded !== 'number' || folded <= 0) return;
    this.put({ number, begins: this.begun.has(number), burst: { start, end, folded, message: record.message ?? '' } });
    if (action === 'mass-deletion-ended') this.open.delete(number);
  }

  private put(entry: Entry): void {
    const at = this.open.get(entry.number);
    if (at !== undefined) this.entries[at] = entry;
    else if (this.entries.length >= BURSTS_MAX) this.unkept += 1;
    else {
      this.open.set(entry.number, this.entries.length);
      this.entries.push(entry);
    }
  }
}

/** Of all pieces, in their order: a burst can go on in the next piece. */
export function foldedIn(pieces: readonly FoldedBursts[]): FoldedBurst[] {
  const bursts: FoldedBurst[] = [];
  let before = new Map<number, number>();
  for (const { entries } of pieces) {
    const here = new Map<number, number>();
    for (const { number, begins, burst } of entries) {
      const at = begins ? undefined : before.get(number);
      here.set(number, at ?? bursts.length);
      bursts[at ?? bursts.length] = burst;
    }
    before = here;
  }
  return bursts;
}
