import type { MemoryUse } from './process-usage.js';
import type { Run } from './workloads.js';

/** What a listener told of a run. Figures that it does not have are absent. */
export interface Told {
  /** Lines of the run. */
  readonly told?: number;
  /** The rest by the listener's own counters. */
  readonly counted?: number;
  readonly delivered?: number;
  readonly filtered?: number;
  readonly lost?: number;
  readonly cpuSeconds?: number;
  /** Why the figures of the run mean nothing. */
  readonly invalid?: string | undefined;
}

export interface RunningListener {
  /** Absent when nothing runs. */
  readonly pid?: number;
  /** Begins an account, before a run. */
  begin(): void | Promise<void>;
  /** Waits until it has told all that it will tell of the run. */
  end(run: Run): Promise<Told>;
  memory(): MemoryUse | undefined;
  stop(): Promise<void>;
}

export interface StartOptions {
  /** Directory for what it writes, on tmpfs. */
  readonly outputs: string;
  readonly quietMs: number;
}

/** Who hears of deletions while they are measured. */
export interface Listener {
  readonly name: string;
  /** Why it cannot work here. */
  readonly reason?: string | undefined;
  /** Of rmwatch: its attach mode, and its set of watches. */
  readonly mode?: string;
  readonly variant?: string;
  /** Those that it can listen to, when not all. */
  readonly filesystems?: readonly string[] | undefined;
  /** Resolves once it listens. */
  start(options: StartOptions): Promise<RunningListener>;
}

export const nobody: Listener = {
  name: 'nobody',
  start: async () => ({ begin() {}, end: async () => ({}), memory: () => undefined, stop: async () => {} }),
};
