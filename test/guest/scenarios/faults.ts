/** The session `faults`: what is recorded of faults that a machine in use must not be given. */
import type { Deleted } from '../cases/filesystem-faults.js';
import type { LineRange } from './line-range.js';
import type { Mode } from './mode.js';

export const FAULT_PARTS = ['start', 'filesystems', 'disarmed', 'clock', 'stop', 'memory', 'fallback'] as const;
export type FaultPart = (typeof FAULT_PARTS)[number];

export interface FaultsSession {
  readonly kind: 'faults';
  readonly name: string;
  readonly mode: Mode;
}

/** What the session watches. */
export const FAULTS_AT = '/tmp/work/watched';
/** From a deletion to its line in the log: a guest can stand still for a while. */
export const LINE_MS = 5_000;
/** In this time, and five times as often as needed, two self-tests begin. */
export const SELF_TESTS_MS = 5_000;
/** The clock is set forward by this, and back. */
export const HOUR_MS = 3_600_000;
/** Deletions beside the jumps of the clock. */
export const PACED_WHILE_CLOCK_JUMPS = { perSecond: 200, seconds: 15 };

export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** What the daemon says of itself at one moment. */
export interface Appearance {
  /** A scrape. */
  readonly metrics: string;
  readonly ready: Answer;
  readonly healthy: Answer;
  /** How many lines of diagnostics there were. */
  readonly diagnostics: number;
}

/** What one function of filesystem-faults.ts did. */
export interface FilesystemFault {
  readonly name: string;
  readonly did: readonly Deleted[];
  readonly lines: LineRange;
}

/** A file that was deleted between two moments of the wall clock, Unix time in milliseconds. */
export interface Marked {
  readonly path: string;
  readonly before: number;
  readonly after: number;
  /** Whether its line was there within LINE_MS. */
  readonly isTold: boolean;
}

export interface ClockJump {
  readonly direction: 'forward' | 'back';
  /** Deletions at once, and after the self-tests. */
  readonly marks: readonly Marked[];
  /** How many began within SELF_TESTS_MS. */
  readonly selfTests: number;
  readonly ready: Answer;
}

/** Each part is absent when it was not recorded; `errors` says why then. `after` is a scrape at rest. */
export interface FaultsRecording {
  start?: { readonly isReady: true };
  filesystems?: { readonly acts: readonly FilesystemFault[]; readonly after: string };
  disarmed?: {
    /** While the kernel runs no hooks. */
    readonly without: Appearance;
    readonly recovered: Appearance;
    /** A deletion after that. */
    readonly followed: { readonly path: string; readonly lines: LineRange };
    readonly after: string;
  };
  clock?: { readonly before: string; readonly jumps: readonly ClockJump[]; readonly after: string };
  stop?: { readonly exit: number | string };
  memory?: { readonly status: number | null; readonly stderr: string };
  /** Of a daemon in the mode `auto`, started while the kernel runs no hooks; and what `doctor --json` says then. */
  fallback?: {
    readonly doctor: string;
    readonly ready: Answer;
    readonly diagnostics: string;
    /** Modes that told one deletion. */
    readonly told: readonly string[];
  };
  readonly errors: Partial<Record<FaultPart, string>>;
}
