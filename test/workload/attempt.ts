/** What the workload's program says of one attempt, and what is made of it. Names are latin1 strings, one character a byte. */

/** Members of a line of the program that are names, in base64 there. */
export const NAME_MEMBERS = [
  'path',
  'base',
  'requested',
  'host_path',
  'moved_to',
  'moved_to_base',
  'moved_to_typed',
  'moved_to_host_path',
  'former',
  'exe',
  'cwd',
  'name',
  'parent_name',
  'cgroup',
  'version_1_cgroup',
] as const;

type Names = Readonly<Record<(typeof NAME_MEMBERS)[number], string | null>>;

/** Members of a line that are no names; see program/output.c and attempt.c. */
interface Facts {
  readonly case: string;
  readonly call: string;
  readonly operation: string;
  readonly via: string;
  readonly expect: 'event' | 'nothing';
  readonly pid: number;
  readonly tid: number | null;
  readonly ppid: number;
  /** 0, or the name of the errno. */
  readonly result: 0 | string;
  readonly resolved: boolean;
  readonly path_state: 'complete' | 'either' | 'incomplete' | 'unknown';
  /** Others share what the typed name starts from. */
  readonly base_shared: boolean;
  /** What goes is the last name of the program that runs. */
  readonly is_own_program: boolean;
  readonly began_us: number;
  readonly ended_us: number;
  readonly started_ms: number;
  readonly type: string;
  readonly device: string;
  readonly inode: number | null;
  readonly uid: number;
  readonly gid: number;
  /** The owner as the mount shows it. */
  readonly mount_uid: number;
  readonly mount_gid: number;
  readonly mode: string;
  readonly size: number;
  readonly mtime: readonly [number, number];
  readonly user_id: number;
  readonly group_id: number;
  readonly effective_user_id: number;
  readonly effective_group_id: number;
  readonly fs_user_id: number;
  readonly fs_group_id: number;
  readonly login_uid: number | null;
  readonly mount_namespace: number;
  /** Of a directory that moves: a watch wants what lies below, and not the directory itself. */
  readonly took_watched: boolean;
  /** The system call alone does not tell that what moves leaves a watch. */
  readonly untold_by_calls: boolean;
  /** Nothing moves, although the call succeeds: it alone does not tell. */
  readonly moves_nothing: boolean;
  /** The renames before are so long ago that `former` may be forgotten. */
  readonly former_uncertain: boolean;
  readonly last_link: boolean;
  readonly still_open: boolean | null;
  readonly open_uncertain: boolean;
  /** -1: none was released. */
  readonly freed_bytes: number | null;
}

/** A line of the program. `unjudged`: names of members that the attempt cannot judge, with commas. */
export interface AttemptLine extends Facts, Names {
  readonly args: readonly string[];
  readonly unjudged: string;
}

export interface ExpectedPath {
  /** Null when it is unknown. */
  readonly path: string | null;
  /** The resolved path, allowed instead. */
  readonly also: string | null;
  /** What rmwatch.path_complete must be; null for either. */
  readonly complete: boolean | null;
}

export interface Attempt extends Facts, Names {
  readonly line: AttemptLine;
  readonly args: readonly string[];
  readonly unjudged: ReadonlySet<string>;
  readonly failed: boolean;
  /** Whether the kernel's own view of the file is known, not only what the system call tells. */
  readonly exact: boolean;
  readonly target: ExpectedPath;
  readonly expectation: 'event' | 'nothing' | 'optional';
}

// biome-ignore lint/suspicious/noExplicitAny: what the daemon writes is what is tested
export type Event = any;

/** Told of a member that is not as it should be. */
export type ReportMismatch = (field: string, expected: unknown, actual: unknown) => void;
