/** The sessions `contention`: what is recorded of deletions by hundreds of threads, and under attack by local users. */
import type { KernelCounters } from '../../../src/probe/record-layout.generated.js';
import type { LoopBlock } from './event-loop.js';
import type { Mode } from './mode.js';

/**
 * The parts of a session, in their order. One daemon serves all but `accounts`. It watches failures in the parts `failures`
 * and `reloads`, and has thousands of watches in the part `large`.
 */
export const CONTENTION_PARTS = [
  'accounts',
  'sleepers',
  'devices',
  'binds',
  'renames',
  'crowds',
  'preempted',
  'updates',
  'failures',
  'reloads',
  'large',
] as const;
export type ContentionPart = (typeof CONTENTION_PARTS)[number];

/** What the attacks attack is not there in tracepoint mode. */
export const partsOf = (mode: Mode): readonly ContentionPart[] =>
  mode === 'tracepoint' ? ['crowds'] : CONTENTION_PARTS;

export interface ContentionSession {
  readonly kind: 'contention';
  readonly name: string;
  readonly mode: Mode;
  /** How the kernel preempts itself, as /sys/kernel/debug/sched/preempt calls it, where the row depends on that. */
  readonly preemption?: string;
  /** The kernel can attach programs again that were detached; trampolines before Linux 5.13 it cannot. */
  readonly canReattach: boolean;
  /** The kernel leaves out tracepoints of tasks that it preempts. */
  readonly leavesOutTracepoints: boolean;
  /** What the part `large` has; a guest takes a minute to read ten thousand watches. */
  readonly large: { readonly watches: number; readonly binds: number };
}

export const MISSED = 'rmwatch_probe_missed_total';

/** Whether the kernel leaves out programs of this mode while a task that is preempted in one of them waits. */
export const missesPrograms = (mode: Mode, preemption: string | undefined): boolean =>
  mode === 'fentry' && (preemption === 'full' || preemption === 'lazy');

/** How many calls sleep in the kernel at once: fewer, and more, than it has places for failures that wait for their return. */
export const SLEEPERS_FEW = 40;
export const SLEEPERS_MANY = 520;

/** What contention.c says of calls by one process. */
export interface Did {
  readonly pid: number;
  readonly count: number;
}

/** Runs that the kernel counted of the programs where a name is removed, by kind, and where one is moved. */
export interface KernelRuns {
  readonly removed: readonly number[];
  readonly moved: number;
}

/** What the programs in the kernel count of themselves. */
export interface AccountsRun {
  readonly count: number;
  /** Runs at the success hooks that the kernel left out. */
  readonly skipped: number;
  readonly counters: KernelCounters;
  /** Before the counters were read, and after. */
  readonly kernelRuns: readonly KernelRuns[];
  /** What was seen until the programs were detached, then, and when they were attached again: `count` deletions each time. */
  readonly reattached?: { readonly count: number; readonly seen: readonly [number, number, number] };
  /**
   * What was seen of `count` deletions without room for any call, of how many the mount was not known, and how many failed
   * calls counted as lost: of `failed` by unlink(), and as many by rename().
   */
  readonly full: {
    readonly count: number;
    readonly seen: number;
    readonly mountUnknown: number;
    readonly failed: number;
    readonly lost: readonly [number, number];
    /** What was seen of `succeeded` removals of directories, and as many renames over a file. */
    readonly succeeded: number;
    readonly others: readonly [number, number];
  };
}

/** A crowd; `before` and `after` are scrapes. */
export interface CrowdRun {
  readonly threads: number;
  readonly where: string;
  readonly did: Did;
  readonly before: string;
  readonly after: string;
}

/** Deletions by several processes beside tasks that are preempted half way. */
export interface PreemptedRun {
  readonly did: readonly Did[];
  readonly before: string;
  readonly after: string;
  /** As ContentionSession.preemption; undefined: the kernel does not tell. */
  readonly preemption: string | undefined;
}

/** Deletions under an attack; `before` and `after` are scrapes. */
export interface VictimsRun {
  readonly did: Did;
  readonly before: string;
  readonly after: string;
}

/** Failures and deletions while `asleep` calls sleep. */
export interface FailuresRun {
  readonly asleep: number;
  readonly failed: Did;
  readonly deleted: Did;
  readonly before: string;
  readonly after: string;
}

/** Failures under one configuration: `watched` as it wants them, or not. */
export interface ReloadRun {
  readonly watched: boolean;
  readonly failed: Did;
  readonly before: string;
  readonly after: string;
}

/** Deletions under an attack that keeps the daemon busy. */
export interface TimedRun extends VictimsRun {
  /** From the beginning of the attack on, or from when the daemon knew the mounts, to the last line. */
  readonly seconds: number;
  /** CPU time that the daemon took meanwhile. */
  readonly cpuSeconds: number;
}

/** Each part is absent when it was not recorded; `errors` says why then. */
export interface ContentionRecording {
  accounts?: AccountsRun;
  crowds?: readonly CrowdRun[];
  sleepers?: VictimsRun;
  failures?: readonly FailuresRun[];
  reloads?: readonly ReloadRun[];
  devices?: TimedRun;
  binds?: TimedRun;
  renames?: TimedRun;
  large?: TimedRun;
  preempted?: PreemptedRun;
  updates?: VictimsRun;
  /** The longest time for which the daemon's event loop did not run, of each part that has a daemon. */
  readonly blocks: Partial<Record<ContentionPart, LoopBlock>>;
  /** How the last daemon ended. */
  exit?: number | string;
  readonly errors: Partial<Record<ContentionPart, string>>;
}
