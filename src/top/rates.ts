import type { SocketCounters } from '../socket/socket-counters.js';

/** Seconds of history. */
export const HISTORY = 60;

/** What is known of one watch. */
export interface WatchRates {
  readonly name: string;
  /** Since the start of the daemon, as the next two. */
  readonly deletions: number;
  readonly failures: number;
  readonly freedBytes: number;
  /** Deletions a second, the newest last. */
  readonly history: readonly number[];
}

interface Known {
  deletions: number;
  failures: number;
  freedBytes: number;
  readonly history: number[];
  /** Number of the newest complete list that has named it. */
  list: number;
}

/** Rates, from the counters of the daemon, which have what a reader of lines has lost. */
export class Rates {
  /** Events a second, whichever watches want them; the newest last. */
  readonly events = emptyHistory();
  private readonly watches = new Map<string, Known>();
  private handled = 0;
  private atMs: number | undefined;
  private seconds = 1;
  private ticks = 0;
  private list = 0;

  /** Takes the next counters, of `atMs` (Unix time). */
  take(counters: SocketCounters, atMs: number): void {
    if (counters.tick) this.begin(counters, atMs);
    for (const { name, deletions, failures, freed_bytes: freedBytes } of counters.watches) {
      const known = this.watches.get(name) ?? this.added(name, this.isFirst ? deletions : 0);
      known.history[HISTORY - 1]! += increase(known.deletions, deletions) / this.seconds;
      Object.assign(known, { deletions, failures, freedBytes, list: this.list });
    }
  }

  /** In the order in which they became known. */
  all(): WatchRates[] {
    return [...this.watches].map(([name, known]) => ({ name, ...known }));
  }

  /** Totals of before are no deletions of this second. */
  private get isFirst(): boolean {
    return this.ticks === 1;
  }

  private begin({ complete, delivered, folded, queued }: SocketCounters, atMs: number): void {
    this.seconds = this.atMs === undefined ? 1 : Math.max((atMs - this.atMs) / 1000, 0.1);
    this.atMs = atMs;
    this.ticks += 1;
    for (const [name, known] of this.watches) {
      // A reload has taken it away.
      if (known.list !== this.list) this.watches.delete(name);
      moveOn(known.history);
    }
    if (complete) this.list += 1;
    moveOn(this.events);
    const handled = delivered + folded + queued;
    if (!this.isFirst) this.events[HISTORY - 1] = increase(this.handled, handled) / this.seconds;
    this.handled = handled;
  }

  private added(name: string, deletions: number): Known {
    const known = { deletions, failures: 0, freedBytes: 0, history: emptyHistory(), list: this.list };
    this.watches.set(name, known);
    return known;
  }
}

/** A counter that falls is that of a daemon that has started since. */
function increase(before: number, after: number): number {
  return after >= before ? after - before : after;
}

function emptyHistory(): number[] {
  return Array<number>(HISTORY).fill(0);
}

function moveOn(history: number[]): void {
  history.shift();
  history.push(0);
}
