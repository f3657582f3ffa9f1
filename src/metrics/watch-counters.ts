import type { Operation } from '../model/config.js';
import type { WatchCounts } from '../model/pipeline-counts.js';

/** The counters of one watch as the matcher increments them; `WatchCounts` is the same object seen by a scrape. */
export interface WatchCounter extends WatchCounts {
  readonly deletions: Record<Operation, number>;
  readonly failures: Record<Operation, number>;
  reportsFailures: boolean;
  freedBytes: number;
}

/**
 * The counters of the configured watches. A reload keeps those of a watch whose name stays, since a counter that falls
 * back to 0 looks like a restart to Prometheus, and drops those of a watch that is gone.
 */
export class WatchCounters {
  private counters: readonly WatchCounter[] = [];

  /** Returns the counters in the order of `watches`. */
  configure(watches: readonly { readonly name: string; readonly failures: boolean }[]): readonly WatchCounter[] {
    const known = new Map(this.counters.map((counter) => [counter.name, counter]));
    this.counters = watches.map(({ name, failures }) => {
      const counter = known.get(name) ?? newCounter(name);
      counter.reportsFailures = failures;
      return counter;
    });
    return this.counters;
  }

  counts(): readonly WatchCounts[] {
    return this.counters;
  }
}

function newCounter(name: string): WatchCounter {
  return {
    name,
    deletions: { unlink: 0, rmdir: 0, replace: 0 },
    failures: { unlink: 0, rmdir: 0, replace: 0 },
    reportsFailures: false,
    freedBytes: 0,
  };
}
