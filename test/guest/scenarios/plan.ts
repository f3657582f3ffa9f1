/** What a guest is asked to record, and what it leaves behind: shared by the recorder in the guest and the judges here. */

import type { FlavoursSession, ServiceSession } from '../../service/sessions.js';
import type { ContentionSession } from './contention.js';
import type { DifferentialSession } from './differential/recording.js';
import type { FaultsSession } from './faults.js';
import type { LineRange } from './line-range.js';
import type { Mode } from './mode.js';
import type { WorkloadEnd } from './observed-workload.js';

/** What a recorder is asked to record: what rows of the matrix have, or what a guest with systemd has. */
export type Session = RowSession | ServiceSession | FlavoursSession;

/** What is done under one daemon, from the beginning of the session to its end. */
export type SessionOfOneDaemon =
  | DeletionsSession
  | WorkloadSession
  | HidingSession
  | FaultsSession
  | DifferentialSession;

export type RowSession = SessionOfOneDaemon | ContentionSession;

/** Single deletions, a burst, sleeping calls and an end under load. */
/** Shell commands: one takes a filesystem away, with what the kernel knows of it, and one brings it back. */
export interface ComesLate {
  readonly away: string;
  readonly back: string;
}

export interface DeletionsSession {
  readonly kind: 'deletions';
  readonly name: string;
  readonly mode: Mode;
  /** Where files are deleted and renamed. */
  readonly filesystem: string;
  /** The filesystem comes back only when the daemon runs. */
  readonly comesLate?: ComesLate;
  /** Files that the burst deletes, and again the one that SIGTERM ends. */
  readonly burst: number;
}

/** Every case of test/workload, or some, on each filesystem. */
export interface WorkloadSession {
  readonly kind: 'workload';
  readonly name: string;
  readonly mode: Mode;
  readonly filesystems: readonly string[];
  /** All cases when it is empty. */
  readonly only: readonly string[];
  readonly skip: readonly string[];
}

/** Ways around a watched directory that lead to its files all the same. */
export interface HidingSession {
  readonly kind: 'hiding';
  readonly name: string;
  readonly mode: Mode;
  /** The daemon runs in mount and pid namespaces of its own. */
  readonly isContained: boolean;
  /** There is an ext4 at CASEFOLD. */
  readonly casefold: boolean;
}

/** Where a guest has each filesystem. An overlayfs is as containers have it: the upper layer on another filesystem. */
export const DIRECTORIES: Readonly<Record<string, string>> = {
  tmpfs: '/tmp/tmpfs',
  ext4: '/mnt/ext4',
  btrfs: '/mnt/btrfs',
  xfs: '/mnt/xfs',
  overlayfs: '/tmp/overlay',
  nfs: '/mnt/nfs',
  cifs: '/mnt/cifs',
  '9p': '/mnt/9p',
  ocfs2: '/mnt/ocfs2',
  ceph: '/mnt/ceph',
};
/** What a server in the guest has of `nfs`, `cifs` or `9p`. */
export const SERVED = '/srv/export';

export const STAGE = '/stage';
export const PLAN_FILE = '/opt/recorder/plan.json';
/** In here each session has a directory of its own: events.json, diagnostics.json, recording.json and more. */
export const RECORDS = '/tmp/record';
/** The one directory that other sessions watch. */
export const WORK = '/tmp/work';
export const DISK = '/mnt/ext4';
/** What the sessions `deletions` empty of files, beside the disk. */
export const workOn = (filesystem: string): string => `${DIRECTORIES[filesystem]}/work`;
/** They also watch a few names in here, which stand for one directory with and without wanted names. */
export const namesOn = (filesystem: string): string => `${DIRECTORIES[filesystem]}/names`;
const FAR = 'far/1/2/3/4/5/6';
export const WATCHED_NAMES = ['kept', 'kept-too', 'deep/inner/file', 'left/kept', 'far/1/kept', `${FAR}/kept`] as const;
/** And one more, by a watch of its own. */
export const BORDER_NAME = 'border';
/** All below it is watched by another one. */
export const WHOLE_NAME = 'whole';

/**
 * A rename of a file or a directory over another one, over nothing (`alone`), or with another one (`exchange`), and what must
 * be told of it: operations and old names.
 */
export interface Rename {
  readonly from: string;
  readonly to: string;
  readonly kind: 'file' | 'directory' | 'alone' | 'exchange';
  readonly told: readonly string[];
}

const over = (from: string, to: string, ...told: string[]): Rename => ({ from, to, kind: 'file', told });
/**
 * One of the two names is wanted, both or none; the names differ in length, and begin alike. No failures are watched here: what
 * the success hooks leave out is told by nothing else.
 */
export const RENAMES: readonly Rename[] = [
  over('other', 'another'),
  over('kept', 'other', 'move kept'),
  over('kept', 'k', 'move kept'),
  over('kept', 'a-longer-name-than-that', 'move kept'),
  over('a', 'kept', 'replace kept'),
  over('a-longer-name-than-that', 'kept', 'replace kept'),
  over('kept-more', 'kept-less'),
  over('kept', 'kept-too', 'replace kept-too'),
  // Of another directory: beside, above, below, and so far away that both paths are walked.
  over('left/other', 'right/another'),
  over('left/kept', 'right/kept', 'move left/kept'),
  over('right/kept', 'left/kept', 'replace left/kept'),
  over('left/kept', 'kept', 'replace kept'),
  over('left/kept', 'other', 'move left/kept'),
  over('other', 'left/inner/another'),
  over('kept', 'left/inner/other', 'move kept'),
  over('far/1/kept', 'left/inner/a-longer-name-than-that', 'move far/1/kept'),
  over(`${FAR}/kept`, 'other', `move ${FAR}/kept`),
  over(`${FAR}/other`, 'another'),
  over('kept', BORDER_NAME, `replace ${BORDER_NAME}`, 'move kept'),
  over('left/kept', BORDER_NAME, `replace ${BORDER_NAME}`, 'move left/kept'),
  { from: 'left/kept', to: BORDER_NAME, kind: 'exchange', told: ['move left/kept', `move ${BORDER_NAME}`] },
  { from: 'kept', to: 'other', kind: 'alone', told: ['move kept'] },
  { from: 'kept', to: 'left/kept', kind: 'alone', told: [] },
  { from: 'kept', to: 'other', kind: 'exchange', told: ['move kept'] },
  { from: 'right/other', to: 'left/kept', kind: 'exchange', told: ['move left/kept'] },
  { from: 'kept', to: 'kept-too', kind: 'exchange', told: [] },
  { from: 'deep', to: 'empty', kind: 'directory', told: ['move deep'] },
  { from: 'other', to: 'empty', kind: 'directory', told: [] },
];
/** Renames that leave no watch: the kernel itself drops what moves. */
export const RENAMES_WITHIN: readonly Rename[] = [
  { from: 'whole/one', to: 'whole/inner/two', kind: 'alone', told: [] },
  { from: 'whole/one', to: 'whole/inner/two', kind: 'exchange', told: [] },
  { from: 'whole/inner', to: 'whole/other/moved', kind: 'alone', told: [] },
  { from: 'other', to: 'whole/one', kind: 'alone', told: [] },
  over('whole/one', 'whole/two', 'replace whole/two'),
  over('whole/one', 'whole/inner/two', 'replace whole/inner/two'),
  over('other', 'whole/one', 'replace whole/one'),
];

const WITHOUT_EXCHANGE: ReadonlySet<string> = new Set(['ceph']);
/** Those of the renames that the filesystem can make. */
export const renamesOn = (filesystem: string, renames: readonly Rename[]): readonly Rename[] =>
  WITHOUT_EXCHANGE.has(filesystem) ? renames.filter(({ kind }) => kind !== 'exchange') : renames;

/** A file before its rename, as stat(2) has it; no size of a directory. */
export interface Renamed {
  readonly inode: number;
  readonly size: number | null;
}
/** By the names of the rename; one that replaces nothing has no file at its new name. */
export type RenamedFiles = Readonly<Record<string, Renamed>>;

/** What an event tells of a rename. */
export interface ToldRename {
  readonly action: string;
  readonly path: string;
  /** Of a move. */
  readonly movedTo: string | undefined;
  readonly requested: string | undefined;
  /** Absent in tracepoint mode. */
  readonly inode: number | undefined;
  readonly size: number | undefined;
}

/** What must be told of a rename in the directory `names`, whose names were typed in full. */
export function toldOf({ from, to, told }: Rename, files: RenamedFiles, mode: Mode, names: string): ToldRename[] {
  const all = told.map((one) => {
    const [action, name] = one.split(' ') as [string, string];
    const path = `${names}/${name}`;
    const movedTo = action === 'move' ? `${names}/${name === from ? to : from}` : undefined;
    const { inode, size } = mode === 'tracepoint' ? {} : files[name]!;
    return { action, path, movedTo, requested: path, inode, size: size ?? undefined };
  });
  // System calls do not tell what a rename replaces.
  return all.filter(({ action }) => mode !== 'tracepoint' || action === 'move');
}

/** The one directory that the sessions `hiding` watch. */
export const WATCHED = `${DISK}/watched`;
/** File systems that find names whatever their case: all of a vfat, directories of an ext4 that have the flag. */
export const VFAT = '/mnt/vfat';
export const CASEFOLD = '/mnt/casefold';
/** Where the message queues are mounted, and how those begin that are watched. */
export const QUEUES = '/mnt/queues';
export const WATCHED_QUEUES = `${QUEUES}/file-`;
/** Where the sessions `hiding` mount what is hard to list. */
export const ODD_MOUNTS = '/tmp/odd';
/** Where files are watched by a name that they no longer have when they are deleted. */
export const RENAMED = `${DISK}/renamed`;
export const FIRST_NAME = `${RENAMED}/first-`;
/** Calls that are asleep in the kernel at once: more than it tracks returns for. */
export const SLEEPERS = 60;

/** What deleter.c says of a deletion. */
export interface Deletion {
  readonly path: string;
  readonly requested?: string;
  readonly pid: number;
}

export interface VerifiedProgram {
  readonly name: string;
  readonly instructions: number;
  readonly verifiedInstructions: number;
}

/** Each part is absent when the recorder did not come that far; `error` says why then. */
export interface DeletionsRecording {
  readonly release: string;
  verifier?: { readonly programs: readonly VerifiedProgram[]; readonly variant: string };
  basic?: { readonly did: readonly Deletion[]; readonly lines: LineRange };
  burst?: { readonly pid: number; readonly before: string; readonly after: string; readonly lines: LineRange };
  asleep?: {
    readonly did: readonly Deletion[];
    readonly before: string;
    readonly after: string;
    readonly lines: LineRange;
  };
  /** RENAMES, and then RENAMES_WITHIN. */
  renames?: {
    readonly before: string;
    readonly after: string;
    readonly lines: LineRange;
    readonly files: readonly RenamedFiles[];
  }[];
  stop?: { readonly exit: number | string };
  error?: string;
}

/** What the kernel's own list of mounts lacks, and has more, than /proc/1/mountinfo. */
export interface ComparedMounts {
  readonly mounts: number;
  readonly listed: number;
  readonly missing: readonly string[];
  readonly unexpected: readonly string[];
}

export interface WorkloadRun extends WorkloadEnd {
  readonly filesystem: string;
  /** The workload's own account, a file beside the recording. */
  readonly account: string;
  readonly before: string;
  readonly after: string;
  readonly lines: LineRange;
}

export interface WorkloadRecording {
  readonly runs: WorkloadRun[];
  /** With all its filesystems. */
  mounts?: ComparedMounts;
  /** What the kernel listed as attached, before the daemon's start, while it ran, and after SIGKILL. */
  hooks?: { readonly before: string; readonly during: string; readonly after: string };
  error?: string;
}

/** What must be told of one way to hide. */
export interface HiddenDeletion {
  readonly way: string;
  /** The last one that it had. */
  readonly name: string;
  readonly complete: boolean;
  readonly path?: string;
  readonly hostPath?: string;
  readonly requested?: string;
  /** `rmwatch.former_paths`. */
  readonly formerPath?: string;
  /** The event says that the directory ignores case. */
  readonly ignoresCase?: boolean;
}

export interface HidingRecording {
  did: readonly HiddenDeletion[];
  /** With many that are odd. */
  mounts?: ComparedMounts;
  /** Where the daemon says that it reads the mounts of the host. */
  mountSource?: string | undefined;
  metrics?: string;
  error?: string;
}

/** What the recorder says of each session over the results channel, when it is over. */
export interface SessionReport {
  readonly session: string;
  readonly seconds: number;
  /** Of each part, in the order in which they were recorded. */
  readonly parts: Readonly<Record<string, number>>;
}
