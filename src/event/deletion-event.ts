import type { AttachMode, Operation } from '../model/config.js';
import type { LossReason } from '../model/pipeline-counts.js';

/**
 * One line of the event log: Elastic Common Schema names, nested. A field that could not be had is absent, never a guess;
 * config/event.schema.json says the same to other programs.
 */
export type EventLine = DeletionEvent | ProcessArgsEvent | EventsLostEvent;

interface EventBase {
  /** RFC 3339, UTC, with nanoseconds. */
  readonly '@timestamp': string;
  readonly ecs: { readonly version: string };
  /** `error` when events were lost. */
  readonly log: { readonly level: 'info' | 'error' };
  /** The event in one sentence for people. */
  readonly message: string;
  readonly host: { readonly name: string; readonly boot?: { readonly id: string } };
}

/** A name left the filesystem, or somebody tried. */
export interface DeletionEvent extends EventBase {
  readonly event: {
    readonly kind: 'event';
    readonly category: readonly ['file'];
    /** `info` when it failed, otherwise `deletion`. */
    readonly type: readonly ['deletion'] | readonly ['info'];
    readonly action: Operation;
    /** Absent when the kernel missed the end of the call. */
    readonly outcome?: 'success' | 'failure';
    readonly dataset: 'rmwatch.deletion';
    /** Rises by one per delivered event since the daemon started. */
    readonly sequence: number;
  };
  /** Of a failed attempt: the errno name. */
  readonly error?: { readonly code: string };
  /** Absent when not even the name could be read: the caller passed none. */
  readonly file?: DeletedFile;
  readonly process: DeletingProcess;
  /** The name is absent when the host knows no such user. */
  readonly user: { readonly id: string; readonly name?: string };
  readonly group: { readonly id: string };
  readonly container?: { readonly id: string };
  /** The watches that matched. */
  readonly rule: { readonly name: readonly string[] };
  readonly rmwatch: DeletionDetails;
}

/** ECS knows the first three; the others are what else a name can stand for. */
export type FileType = 'file' | 'dir' | 'symlink' | 'socket' | 'fifo' | 'char_device' | 'block_device';

export interface DeletedFile {
  /** Absolute, in the mount namespace of the process, resolved; the best known tail when `path_complete` is false. */
  readonly path: string;
  readonly name?: string;
  readonly directory?: string;
  readonly type?: FileType;
  readonly inode?: string;
  /** `major:minor` of the filesystem. */
  readonly device?: string;
  readonly uid?: string;
  readonly gid?: string;
  /** Permission bits in octal, four digits. */
  readonly mode?: string;
  /** Bytes. */
  readonly size?: number;
  readonly mtime?: string;
}

export interface DeletingProcess {
  readonly pid: number;
  readonly thread: { readonly id: number };
  readonly name: string;
  /** The same in all lines of one process, across boots. */
  readonly entity_id?: string;
  readonly executable?: string;
  readonly args?: readonly string[];
  /** Absent when the kernel side could not take all arguments. */
  readonly args_count?: number;
  /** Only with `log.command_line`. */
  readonly command_line?: string;
  readonly working_directory?: string;
  readonly start?: string;
  readonly parent?: { readonly pid: number; readonly name: string };
}

/** What ECS has no name for. */
export interface DeletionDetails {
  /** As it was typed. */
  readonly requested_path?: string;
  /** Where the host sees the same file, when that is another path. */
  readonly host_path?: string;
  /** The names as bytes, in base64, where the text could not keep them. */
  readonly path_bytes?: string;
  readonly requested_path_bytes?: string;
  readonly host_path_bytes?: string;
  readonly args_bytes?: readonly string[];
  /** `process.args` is not the whole list. */
  readonly args_truncated?: true;
  /** false: the path is cut, or could not be resolved. */
  readonly path_complete: boolean;
  /** No other name leads to the file any more. */
  readonly last_link?: boolean;
  /** Some process still has the file open, so its space is not released yet. */
  readonly still_open?: boolean;
  /** Only when space was really released. */
  readonly freed_bytes?: number;
  /** Who logged in, whatever user id the process has now. */
  readonly login_uid?: string;
  readonly cgroup?: string;
  /** A Flatpak or Snap application, which runs on the host and not in a container. */
  readonly application?: { readonly type: 'flatpak' | 'snap'; readonly id: string };
  readonly mount_namespace: number;
  readonly via: 'syscall' | 'io_uring';
  readonly attach: AttachMode;
}

/** All arguments of a process whose other lines have only the first of them; written once, before those. */
export interface ProcessArgsEvent extends EventBase {
  readonly event: {
    readonly kind: 'event';
    readonly category: readonly ['process'];
    readonly type: readonly ['info'];
    readonly action: 'process-arguments';
    readonly dataset: 'rmwatch.process';
  };
  readonly process: Pick<DeletingProcess, 'pid' | 'entity_id' | 'executable' | 'args' | 'args_count' | 'start'>;
  readonly rmwatch: Pick<DeletionDetails, 'args_bytes' | 'args_truncated'>;
}

/** Events were lost: how many since the last such line, by reason. */
export interface EventsLostEvent extends EventBase {
  readonly event: {
    readonly kind: 'pipeline_error';
    readonly action: 'events-lost';
    readonly dataset: 'rmwatch.deletion';
    /** They were lost between this and `end`. */
    readonly start: string;
    readonly end: string;
  };
  readonly rmwatch: { readonly lost: Readonly<Partial<Record<LossReason, number>>> };
}

export function isEventsLost(event: EventLine): event is EventsLostEvent {
  return event.event.kind === 'pipeline_error';
}

export function isDeletion(event: EventLine): event is DeletionEvent {
  return event.event.dataset === 'rmwatch.deletion' && event.event.kind === 'event';
}
