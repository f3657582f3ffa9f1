import type { Operation } from '../config/config.js';
import type { WatchCounts } from './pipeline-counts.js';

/** The counters of one watch as the matcher increments them; `WatchCounts` is the same object seen by a scrape. */
export interface WatchCell extends WatchCounts {
  readonly deletions: Record<Operation, number>;
  readonly failures: Record<Operation, number>;
  reportsFailures: boolean;
  freedBytes: number;
}

/**
 * The counters of the configured watches. A reload keeps those of a watch whose name stays, since a counter that falls
 * back to 0 looks like a restart to Prometheus, and drops those of a watch that is gone.
 */
export class WatchCells {
  private cells: readonly WatchCell[] = [];

  /** Returns the cells in the order of `watches`. */
  configure(watches: readonly { readonly name: string; readonly failures: boolean }[]): readonly WatchCell[] {
    const known = new Map(this.cells.map((cell) => [cell.name, cell]));
    this.cells = watches.map(({ name, failures }) => {
      const cell = known.get(name) ?? newCell(name);
      cell.reportsFailures = failures;
      return cell;
    });
    return this.cells;
  }

  counts(): readonly WatchCounts[] {
    return this.cells;
  }
}

function newCell(name: string): WatchCell {
  return {
    name,
    deletions: { unlink: 0, rmdir: 0, replace: 0 },
    failures: { unlink: 0, rmdir: 0, replace: 0 },
    reportsFailures: false,
    freedBytes: 0,
  };
}
