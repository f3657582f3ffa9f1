import type { Operation } from '../model/config.js';
import type { WatchCounts } from '../model/pipeline-counts.js';

/** What was counted for one watch, in plain cells that the pipeline increments. */
export interface WatchTotals {
  readonly deletions: Record<Operation, number>;
  readonly failures: Record<Operation, number>;
  freedBytes: number;
  /** Bursts that have begun, and the part of them that goes on. */
  bursts: number;
  activeBursts: number;
}

/** The counter of one configured watch. Its totals outlive a reload that keeps the name. */
export interface WatchCounter {
  readonly name: string;
  readonly reportsFailures: boolean;
  readonly totals: WatchTotals;
}

/**
 * The counters of `watches`, in their order. Changes nothing: `previous` stays what it is. A watch whose name stays
 * keeps its totals, since a counter that falls back to 0 looks like a restart to Prometheus.
 */
export function countersFor(
  watches: readonly { readonly name: string; readonly failures: boolean }[],
  previous: readonly WatchCounter[] = [],
): readonly WatchCounter[] {
  const known = new Map(previous.map(({ name, totals }) => [name, totals]));
  return watches.map(({ name, failures }) => ({
    name,
    reportsFailures: failures,
    totals: known.get(name) ?? newTotals(),
  }));
}

/** The counters as a scrape publishes them. */
export function countsOf(counters: readonly WatchCounter[]): WatchCounts[] {
  return counters.map(({ name, reportsFailures, totals }) => ({ name, reportsFailures, ...totals }));
}

function newTotals(): WatchTotals {
  return {
    deletions: { unlink: 0, rmdir: 0, replace: 0, move: 0 },
    failures: { unlink: 0, rmdir: 0, replace: 0, move: 0 },
    freedBytes: 0,
    bursts: 0,
    activeBursts: 0,
  };
}
