import type { AttachMode, Operation } from './config.js';

/** Reasons of `rmwatch_events_lost_total`, in the order of `PipelineCounts.lost`. */
export const LOSS_REASONS = ['ring_full', 'state_full', 'probe_skipped', 'decode', 'output'] as const;
export type LossReason = (typeof LOSS_REASONS)[number];

/** How much of a buffer holds records that wait. */
export interface BufferFill {
  readonly capacityBytes: number;
  readonly usedBytes: number;
}

/** What the counters of the whole way of the data say at one moment; read when a scrape asks for it. */
export interface PipelineCounts {
  readonly seen: number;
  readonly filteredInKernel: number;
  readonly filteredInDaemon: number;
  readonly lost: Readonly<Record<LossReason, number>>;
  readonly delivered: number;
  /** Told by the summaries of a burst only. */
  readonly folded: number;
  /** Counted neither by a process nor by a group when bursts were looked for. */
  readonly untracked: number;
  readonly probeMissed: number;
  /** Deletions that no call led to that is watched. */
  readonly unattributed: number;
  /** The ring between kernel and daemon. */
  readonly ring: BufferFill;
  /** The memory that the ring is emptied into when the daemon is behind. */
  readonly backlog: BufferFill;
}

/** What is attached, for `rmwatch_probe_info`. */
export interface ProbeInfo {
  readonly attach: AttachMode;
  /** The hooked kernel function, or `sys_exit`. */
  readonly symbol: string;
  /** What carries the first hook: kprobe, kprobe.multi, fentry or tracepoint. */
  readonly kind: string;
  /** What carries the hooks that tell deletions; several are joined by "+". */
  readonly success: string;
}

/** Counters of one watch, kept in plain cells by the matcher and published at scrape. */
export interface WatchCounts {
  readonly name: string;
  readonly deletions: Readonly<Record<Operation, number>>;
  readonly failures: Readonly<Record<Operation, number>>;
  readonly reportsFailures: boolean;
  readonly freedBytes: number;
  readonly bursts: number;
  readonly activeBursts: number;
}
