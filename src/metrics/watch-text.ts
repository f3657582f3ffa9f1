import type { Operation } from '../model/config.js';
import type { WatchCounts } from '../model/pipeline-counts.js';

/** What can be observed of the watches in the mode of the probe. */
export interface WatchTextOptions {
  readonly operations: readonly Operation[];
  readonly seesFiles: boolean;
  readonly looksForBursts: boolean;
}

/**
 * The counters of the watches as exposition text. By hand: for ten thousand watches the client library holds the event loop for
 * 0.1 to 0.3 s at each scrape, this for 7 ms once the code is compiled (some 80 ms before). Names of watches hold nothing that would have to be escaped.
 */
export function watchMetricsText(
  watches: readonly WatchCounts[],
  { operations, seesFiles, looksForBursts }: WatchTextOptions,
): string {
  let deletions = head(
    'rmwatch_deletions_total',
    'Successful deletions, and moves out of the watch, that a watch matched, by operation.',
  );
  let failures = head(
    'rmwatch_deletion_failures_total',
    'Failed attempts to delete or move that a watch with "failures: true" matched, by operation.',
  );
  let freed = head(
    'rmwatch_freed_bytes_total',
    'Bytes of storage released by the deletions that a watch matched; absent in tracepoint mode.',
  );
  let bursts = head('rmwatch_bursts_total', 'Mass deletions that have begun in a watch; absent with "bursts: off".');
  let active = head(
    'rmwatch_bursts_active',
    'Mass deletions that go on in a watch at this moment; absent with "bursts: off".',
    'gauge',
  );
  for (const watch of watches) {
    for (const operation of operations) {
      const labels = `{watch="${watch.name}",operation="${operation}"}`;
      deletions += `rmwatch_deletions_total${labels} ${watch.deletions[operation]}\n`;
      if (watch.reportsFailures) failures += `rmwatch_deletion_failures_total${labels} ${watch.failures[operation]}\n`;
    }
    if (looksForBursts) {
      bursts += `rmwatch_bursts_total{watch="${watch.name}"} ${watch.bursts}\n`;
      active += `rmwatch_bursts_active{watch="${watch.name}"} ${watch.activeBursts}\n`;
    }
    if (seesFiles) freed += `rmwatch_freed_bytes_total{watch="${watch.name}"} ${watch.freedBytes}\n`;
  }
  return `${deletions}\n${failures}\n${freed}\n${bursts}\n${active}\n`;
}

function head(name: string, help: string, type: 'counter' | 'gauge' = 'counter'): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
}
