/** The configuration as the rest of the program sees it: defaults applied, units converted, nothing optional left. */

import type { WebConfig } from './web-config.js';

export const OPERATIONS = ['unlink', 'rmdir', 'replace', 'move'] as const;
export type Operation = (typeof OPERATIONS)[number];

export const ATTACH_MODES = ['kprobe', 'fentry', 'tracepoint'] as const;
export type AttachMode = (typeof ATTACH_MODES)[number];
/** One mode, or the first that works: of all of them ("auto"), or of two and more in this order. */
export type WantedAttach = AttachMode | 'auto' | readonly AttachMode[];

export interface WatchConfig {
  /** Label in logs and metrics; unique, `[a-z][a-z0-9_-]{0,62}`. */
  readonly name: string;
  /** Absolute globs. */
  readonly include: readonly string[];
  /** Absolute globs, or relative ones that match at any depth. */
  readonly exclude: readonly string[];
  /** Whose paths the patterns speak of: this host's, or those of the deleting process. */
  readonly view: 'host' | 'process';
  /** Letters match whatever their case, also where the kernel cannot tell that the filesystem ignores it. */
  readonly caseInsensitive: boolean;
  readonly operations: readonly Operation[];
  /** Also report attempts that failed. */
  readonly failures: boolean;
  readonly ignore: {
    /** Base names or absolute paths of executables. */
    readonly processes: readonly string[];
    /** `processes` are executables of root only. */
    readonly ownedByRoot: boolean;
    /** Real users of the process: names, or ids in decimal. */
    readonly users: readonly string[];
    /** Effective users, likewise. */
    readonly effectiveUsers: readonly string[];
  };
  /** Whose deletions alone are wanted; absent: all. For one run from the command line, not a key of the file. */
  readonly only?: {
    /** Base names of executables; none: any. */
    readonly processes: readonly string[];
    /** Real or effective ones; none: any. */
    readonly uids: readonly number[];
  };
  /** false: count in metrics only. */
  readonly log: boolean;
  /** In a burst, only its summaries are written. */
  readonly fold: boolean;
}

/** What counts as a mass deletion. */
export interface BurstSettings {
  /** So many deletions */
  readonly threshold: number;
  /** within so long. */
  readonly windowSeconds: number;
}

export interface Config {
  readonly watches: readonly WatchConfig[];
  readonly probe: { readonly attach: WantedAttach; readonly ringBufferBytes: number };
  readonly log: {
    /** 'stdout' or an absolute file path. */
    readonly output: string;
    /** At this size the file is followed by another one; Infinity: never. */
    readonly maxBytes: number;
    /** Files that are kept beside it. */
    readonly keep: number;
    readonly format: 'auto' | 'json' | 'pretty';
    readonly level: LogLevel;
    /** Bytes of arguments in each line, as JSON; 0: none, Infinity: all. */
    readonly processArgsBytes: number;
    readonly commandLine: boolean;
    /** Words before values that are taken out of arguments. */
    readonly redact: readonly string[];
  };
  readonly http: {
    readonly listen: HttpListen;
    /** Absolute path; undefined: whoever can connect may read. */
    readonly webConfigFile: string | undefined;
    /** What that file says, when it was read. */
    readonly web?: WebConfig;
    /** Deletions are shown to browsers. */
    readonly page: boolean;
    /** Names, beside those that stand for this host anyway, under which a browser may reach the page; in lower case. */
    readonly pageHosts: readonly string[];
  };
  readonly socket: {
    /** Where events are offered while they are written; undefined: nowhere. */ readonly path: string | undefined;
  };
  /** null: not looked for. */
  readonly bursts: BurstSettings | null;
  readonly selfTest: { /** null: disabled. */ readonly intervalMs: number | null };
}

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export type HttpListen =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'off' };
