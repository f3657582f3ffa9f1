/** The sessions `differential`: what is recorded of real programs that delete under strace. */
import type { Mode } from '../mode.js';

export interface DifferentialSession {
  readonly kind: 'differential';
  readonly name: string;
  readonly mode: Mode;
}

/** Every name below `dir`, as latin1: one character for each byte. */
export interface NamesBelow {
  readonly dir: string;
  readonly names: readonly string[];
}

/** One program; beside the recording are `traceFile` and `namesFile` of it. */
export interface ProgramRun {
  readonly program: string;
  readonly status: number | null;
  /** The end of what it wrote. */
  readonly stderr: string;
  readonly seconds: number;
  /** Names that it left. */
  readonly left: number;
}

/** What strace wrote. */
export const traceFile = (program: string): string => `${program}.strace`;
/** The names that were there before, NamesBelow. */
export const namesFile = (program: string): string => `${program}.names.json`;

export interface DifferentialRecording {
  readonly runs: ProgramRun[];
  readonly skips: { readonly program: string; readonly reason: string }[];
  /** A scrape at rest. */
  after?: string;
  stop?: { readonly exit: number | string };
  error?: string;
}
