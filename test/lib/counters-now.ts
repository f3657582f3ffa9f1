import type { CountersNow } from '../../src/socket/socket-counters.js';

/** What a daemon says of itself that has removed so many files for each watch. */
export const countersNow = (totals: Readonly<Record<string, number>>): CountersNow => ({
  attach: 'kprobe',
  symbol: 'do_unlinkat',
  state: 'ready',
  queued: 6,
  counts: {
    ...{
      seen: 16,
      filteredInKernel: 3,
      filteredInDaemon: 1,
      delivered: 2,
      folded: 7,
      untracked: 0,
      probeMissed: 0,
      unattributed: 0,
    },
    lost: { ring_full: 1, state_full: 1, probe_skipped: 0, decode: 0, output: 1 },
    ring: { capacityBytes: 0, usedBytes: 0 },
    backlog: { capacityBytes: 0, usedBytes: 0 },
  },
  watches: Object.entries(totals).map(([name, unlink]) => ({
    name,
    deletions: { unlink, rmdir: 1, replace: 0, move: 0 },
    failures: { unlink: 0, rmdir: 0, replace: 2, move: 0 },
    reportsFailures: true,
    freedBytes: 5,
    bursts: 0,
    activeBursts: 0,
  })),
});
