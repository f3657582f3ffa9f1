/** Judges the sessions `workload`: every attempt of every case, compared with its event field by field. */

import { ledgerGap, lostEvents, parseMetrics } from '../../lib/metrics.js';
import { compareRun } from '../../workload/compare.js';
import type { Check } from './checks.js';
import { judgeMounts, MOUNTS_CHECK } from './judge-mounts.js';
import type { WorkloadRecording, WorkloadRun, WorkloadSession } from './plan.js';
import { growth, type SessionRecord } from './record-files.js';

/** More would drown the first. */
const SHOWN = 12;
const MISSED = 'rmwatch_probe_missed_total';
const UNATTRIBUTED = 'rmwatch_unattributed_deletions_total';
/** The server of these runs in the kernel of the guest: what it deletes for its client is asked for by no process. */
const SERVED_BY_KERNEL: ReadonlySet<string> = new Set(['nfs', 'cifs']);
/** The case in which an ioctl deletes something on btrfs. */
const BY_IOCTL = 'subvolume';
/** The layer below deletes within the call that is reported. */
const DELETES_TWICE: ReadonlySet<string> = new Set(['overlayfs']);

/** What is left out, and why. Two hundred tasks at once: from Linux 7.0 on the kernel preempts tracepoints. */
const LEFT_OUT_BY_TRACEPOINT = { crowd: 'the kernel may leave out the tracepoint of tasks that it preempts half way' };

const NO_FLAGS = 'the filesystem has no rename with flags';
const WITHOUT_RENAME_FLAGS = {
  'rename-nothing': NO_FLAGS,
  ia32: NO_FLAGS,
  'move-file': NO_FLAGS,
  'move-ia32': NO_FLAGS,
  'former-names': NO_FLAGS,
};

const IN_USE = 'NFS renames a file that was just used: whether it is still open, and what it releases, is not told';
const DIOD_RIGHTS = 'the server gives other users other errors than a filesystem of this host';
const LONG_PATH = 'the server takes no longer paths';
const NO_ATTRIBUTES = 'the server has no extended attributes';
const SAME_FILE = 'the client does not know that two names are one file, and takes one for replaced that is not';
/** What is no fault of what is tested, by filesystem. */
const LEFT_OUT: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  nfs: {
    ...WITHOUT_RENAME_FLAGS,
    'mapped-writes': IN_USE,
    'mapped-file': IN_USE,
    sizes: IN_USE,
    'deleted-program':
      'NFS renames a program that runs, which goes on under the name that it had at its first deletion',
    'removed-directory': 'NFS says ESTALE of a directory that is gone',
  },
  ocfs2: WITHOUT_RENAME_FLAGS,
  ceph: {
    ...WITHOUT_RENAME_FLAGS,
    'move-container': 'a rename is told when it is over: the working directory has its new name by then',
  },
  '9p': {
    ...WITHOUT_RENAME_FLAGS,
    'move-over': SAME_FILE,
    'move-fails': DIOD_RIGHTS,
    sticky: DIOD_RIGHTS,
    'no-access': DIOD_RIGHTS,
    'other-user': DIOD_RIGHTS,
    'effective-user': DIOD_RIGHTS,
    'file-access-user': DIOD_RIGHTS,
    'set-id-program': DIOD_RIGHTS,
    login: DIOD_RIGHTS,
    'idmapped-in-own-users': DIOD_RIGHTS,
    'container-users': DIOD_RIGHTS,
    'renamed-directory': 'the server loses an open directory that was renamed',
    'long-path': LONG_PATH,
    'longer-path': LONG_PATH,
    'longest-path': LONG_PATH,
    overlay: NO_ATTRIBUTES,
    'container-overlay': NO_ATTRIBUTES,
    'mapped-writes': '9p maps no file for writing',
  },
};

/** Cases that the workload does not run in this mode on this file system, with the reason. */
export function casesLeftOut(mode: string, filesystem: string): Readonly<Record<string, string>> {
  return { ...LEFT_OUT[filesystem], ...(mode === 'tracepoint' ? LEFT_OUT_BY_TRACEPOINT : {}) };
}

export const casesCheck = (filesystem: string) => `every case is told right on ${filesystem}`;
export const WORKLOAD_CHECKS = [
  'SIGKILL leaves nothing attached',
  'every line of the cases is of the schema',
  MOUNTS_CHECK,
] as const;

export function judgeWorkload(session: WorkloadSession, record: SessionRecord<WorkloadRecording>): Check[] {
  const { runs, mounts, hooks, error } = record.recording;
  const checks = session.filesystems.map((filesystem) => {
    const run = runs.find((each) => each.filesystem === filesystem);
    if (run !== undefined) return judgeRun(session, run, record);
    return { name: casesCheck(filesystem), problems: [error ?? 'the guest recorded nothing of it'] };
  });
  return [
    ...checks,
    judgeHooks(session, hooks, error),
    record.schemaCheck(WORKLOAD_CHECKS[1]),
    judgeMounts(mounts, error),
  ];
}

function judgeRun(
  { mode, skip, only }: WorkloadSession,
  run: WorkloadRun,
  record: SessionRecord<WorkloadRecording>,
): Check {
  const before = parseMetrics(run.before);
  const metrics = parseMetrics(run.after);
  // From Linux 7.0 on the kernel may leave out tracepoints of tasks that it preempts; it says how often.
  const missed = growth(before, metrics, MISSED);
  const lost = lostEvents(metrics) - lostEvents(before);
  const left = mode === 'tracepoint' ? missed : 0;
  const compared = compareRun({
    expected: record.lines(run.account),
    // What was lost is judged by the counters.
    events: record.eventsIn(run.lines).filter((event) => event?.event.kind !== 'pipeline_error') as object[],
    mode,
    rules: ['all'],
    moveRules: watchesLosing,
    users: { 0: 'root' },
  });
  const { mismatches, missing, unexpected } = compared;
  const problems = compared.problems.map((problem) => JSON.stringify(problem));
  if (missing.length > left || mismatches.length > 0 || unexpected.length > 0) {
    const untold = missing as { case: string; call: string; path: string }[];
    const shown: unknown[] = [
      ...mismatches.slice(0, SHOWN),
      ...untold.slice(0, SHOWN).map((line) => ({ missing: line.case, call: line.call, path: line.path })),
      ...(unexpected as { message: string; rmwatch: unknown }[])
        .slice(0, SHOWN)
        .map(({ message, rmwatch }) => ({ unexpected: message, rmwatch })),
    ];
    problems.push(`${mismatches.length} wrong fields, ${missing.length} missing, ${unexpected.length} unexpected`);
    problems.push(...shown.map((one) => JSON.stringify(one)));
  }
  if (compared.attempts === 0) problems.push('no attempt was made');
  if (run.status !== 0) problems.push(`the workload: ${run.status} ${run.stderr.slice(-500)}`);
  if (lost > left) problems.push(`lost ${lost}`);
  if (ledgerGap(metrics) !== 0) problems.push(`ledger gap ${ledgerGap(metrics)}`);
  for (const { case: name, reason } of compared.skips.filter((each) => only.includes(each.case)))
    problems.push(`${name} was skipped: ${reason}`);
  const unattributed = mode === 'tracepoint' ? 0 : growth(before, metrics, UNATTRIBUTED);
  if (mode !== 'tracepoint' && SERVED_BY_KERNEL.has(run.filesystem) && unattributed === 0)
    problems.push('no deletion by the server was counted');
  const byIoctl = run.filesystem === 'btrfs' && (only.length === 0 || only.includes(BY_IOCTL));
  if (mode !== 'tracepoint' && byIoctl && unattributed === 0)
    problems.push('the subvolume that an ioctl deleted was not counted');
  if (DELETES_TWICE.has(run.filesystem) && unattributed > 0)
    problems.push(`${unattributed} deletions by the layer below`);
  const skips = [
    ...compared.skips,
    ...Object.entries(casesLeftOut(mode, run.filesystem)).map(([name, reason]) => ({ case: name, reason })),
  ]
    .filter((one) => skip.includes(one.case) || compared.skips.includes(one))
    .map(({ case: name, reason }) => `${name} (${reason})`);
  const facts = [`${compared.cases} cases, ${compared.attempts} attempts`, `${missing.length} left out by the kernel`];
  facts.push(`waited ${run.waits} times for the daemon, ${run.waitedSeconds.toFixed(1)} s`);
  if (unattributed > 0) facts.push(`${unattributed} deletions that no process asked for`);
  if (skips.length > 0) facts.push(`skipped: ${skips.join('; ')}`);
  return { name: casesCheck(run.filesystem), problems, facts: facts.join(', ') };
}

/** Which of the watches of record-workload.ts lose what is moved. */
function watchesLosing(moved: string): string[] {
  // A directory of a case has in it what both watch.
  if (moved.endsWith('/move-directory')) return ['moves', 'kept'];
  return [moved.includes('/kept/') ? 'kept' : 'moves'];
}

function judgeHooks({ mode }: WorkloadSession, hooks: WorkloadRecording['hooks'], error: string | undefined): Check {
  const name = WORKLOAD_CHECKS[0];
  if (hooks === undefined) return { name, problems: [error ?? 'the guest recorded nothing of it'] };
  const { before, during, after } = hooks;
  const problems: string[] = [];
  if (after !== before) problems.push(`still attached: ${after}`);
  if (mode !== 'tracepoint' && during === before) problems.push('the hooks were not listed while attached');
  return { name, problems };
}
