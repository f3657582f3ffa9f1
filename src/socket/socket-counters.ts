import { OPERATIONS } from '../model/config.js';
import type { PipelineCounts, WatchCounts } from '../model/pipeline-counts.js';

/** Totals of one watch since the start of the daemon. */
export interface WatchSum {
  readonly name: string;
  readonly deletions: number;
  readonly failures: number;
  readonly freed_bytes: number;
}

/** What the counters of the daemon say, once a second, to those who read the socket. */
export interface SocketCounters {
  /** The first line of this second; further ones have only more watches. */
  readonly tick: boolean;
  /** The lines of this second name every watch, and not only those that have changed. */
  readonly complete: boolean;
  readonly attach: string;
  readonly symbol: string;
  /** `ready`, or why deletions may go unseen, and what else is worse than it should be. */
  readonly state: string;
  readonly seen: number;
  readonly filtered: number;
  readonly lost: number;
  readonly delivered: number;
  /** Told by the summaries of a burst only. */
  readonly folded: number;
  /** Lines that the log has not taken yet. */
  readonly queued: number;
  readonly watches: readonly WatchSum[];
}

/** What there is to tell at one moment. */
export interface CountersNow extends Pick<SocketCounters, 'attach' | 'symbol' | 'state' | 'queued'> {
  readonly counts: PipelineCounts;
  readonly watches: readonly WatchCounts[];
}

/** A line is far from the 1 MiB that readers take. */
const WATCHES_IN_LINE = 1000;

/** Makes the lines of each second; of ten thousand watches only what has changed is told. */
export class CounterLines {
  private told = new Map<string, number>();

  /** `complete`: every watch is wanted. */
  next({ counts, watches, ...now }: CountersNow, complete: boolean): SocketCounters[] {
    const before = complete ? new Map<string, number>() : this.told;
    this.told = new Map();
    const sums: WatchSum[] = [];
    for (const { name, deletions, failures, freedBytes } of watches) {
      const sum = { name, deletions: sumOf(deletions), failures: sumOf(failures), freed_bytes: freedBytes };
      const all = sum.deletions + sum.failures;
      if (before.get(name) !== all) sums.push(sum);
      this.told.set(name, all);
    }
    const { seen, filteredInKernel, filteredInDaemon, delivered, folded } = counts;
    const lost = Object.values(counts.lost).reduce((sum, count) => sum + count, 0);
    const state = { ...now, complete, seen, filtered: filteredInKernel + filteredInDaemon, lost, delivered, folded };
    const lines: SocketCounters[] = [];
    do {
      lines.push({ tick: lines.length === 0, ...state, watches: sums.splice(0, WATCHES_IN_LINE) });
    } while (sums.length > 0);
    return lines;
  }
}

function sumOf(counts: WatchCounts['deletions']): number {
  return OPERATIONS.reduce((sum, operation) => sum + counts[operation], 0);
}

/** Reads counters that came as JSON; what is missing, as from another version, is 0 or empty. */
export function readCounters(value: Readonly<Record<string, unknown>>): SocketCounters {
  const count = (from: Readonly<Record<string, unknown>>, key: string): number => {
    const number = from[key];
    return typeof number === 'number' ? number : 0;
  };
  const text = (key: string): string => (typeof value[key] === 'string' ? value[key] : '');
  const watches = Array.isArray(value['watches']) ? (value['watches'] as unknown[]) : [];
  return {
    tick: value['tick'] === true,
    complete: value['complete'] === true,
    attach: text('attach'),
    symbol: text('symbol'),
    state: text('state'),
    seen: count(value, 'seen'),
    filtered: count(value, 'filtered'),
    lost: count(value, 'lost'),
    delivered: count(value, 'delivered'),
    folded: count(value, 'folded'),
    queued: count(value, 'queued'),
    watches: watches.flatMap((watch): WatchSum[] => {
      if (typeof watch !== 'object' || watch === null) return [];
      const sum = watch as Readonly<Record<string, unknown>>;
      if (typeof sum['name'] !== 'string') return [];
      return [
        {
          name: sum['name'],
          deletions: count(sum, 'deletions'),
          failures: count(sum, 'failures'),
          freed_bytes: count(sum, 'freed_bytes'),
        },
      ];
    }),
  };
}
