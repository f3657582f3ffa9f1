/** Records the sessions `workload`: the workload's account of every case, and how SIGKILL leaves the kernel. */
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Daemon, DaemonConfig } from '../../lib/daemon.js';
import { attachedHooks } from './attached-hooks.js';
import { compareMounts } from './kernel-mounts.js';
import type { Mode } from './mode.js';
import { runWorkload } from './observed-workload.js';
import { DIRECTORIES, RECORDS, type WorkloadRecording, type WorkloadRun, type WorkloadSession } from './plan.js';

/** The kernel frees trampolines after a grace period. */
const DETACHED_MS = 10_000;

/** Those of case_moves.c, and one of case_idmaps.c. */
const MOVE_CASES = [
  'move-file',
  'move-inside',
  'move-over',
  'move-whiteout',
  'move-directory',
  'move-wildcard',
  'move-exchange',
  'move-ia32',
  'move-io-uring',
  'move-fails',
  'move-bind',
  'move-container',
  'move-idmapped',
];

/**
 * What the cases of case_moves.c move from: patterns that name each directory, as a configuration does. Only those that
 * the session has: an emulated processor takes seconds to compile a thousand.
 */
function movesOf(bases: readonly string[], name: string, below: readonly string[]): object {
  const cases = bases.flatMap((base) => MOVE_CASES.map((one) => `${base}/${one}`));
  const include = cases.flatMap((directory) => below.map((pattern) => `${directory}/${pattern}`));
  return { name, include, operations: ['move'], failures: true };
}

const baseOf = (filesystem: string, mode: Mode) => `${DIRECTORIES[filesystem]}/${mode}`;

/** Everything, so that what a case deletes elsewhere, or from another namespace, is compared too. */
export function workloadConfig({ filesystems, mode }: WorkloadSession): DaemonConfig {
  const bases = filesystems.map((filesystem) => baseOf(filesystem, mode));
  return {
    watches: [
      { name: 'all', include: ['/**'], failures: true },
      movesOf(bases, 'moves', ['watched/**', 'wild/*/cache/*.db', 'volume/watched/**']),
      movesOf(bases, 'kept', ['kept/**']),
    ],
    log: { process_args: 'full', command_line: true, redact: [] },
    self_test: { interval: 'off' },
  };
}

export async function recordWorkload(
  session: WorkloadSession,
  daemon: Daemon,
  part: (name: string) => void,
): Promise<WorkloadRecording> {
  const recording: WorkloadRecording = { runs: [] };
  try {
    const before = attachedHooks();
    await daemon.start();
    part('start');
    for (const filesystem of session.filesystems) {
      recording.runs.push(await runCases(session, filesystem, daemon));
      part(filesystem);
    }
    recording.mounts = compareMounts();
    recording.hooks = await killed(daemon, before);
    part('SIGKILL');
  } catch (error) {
    recording.error = String((error as Error).stack);
    daemon.kill();
  }
  return recording;
}

async function runCases(session: WorkloadSession, filesystem: string, daemon: Daemon): Promise<WorkloadRun> {
  const base = baseOf(filesystem, session.mode);
  fs.mkdirSync(base, { recursive: true });
  const from = daemon.eventLines();
  const { text: before } = await daemon.metrics();
  const account = `${filesystem}.account.jsonl`;
  const chosen = [
    ...session.only.flatMap((name) => ['--only', name]),
    ...session.skip.flatMap((name) => ['--skip', name]),
  ];
  const output = path.join(RECORDS, session.name, account);
  const end = await runWorkload([...chosen, '--output', output, base], daemon);
  const { text: after } = await daemon.settleLog();
  return { filesystem, ...end, account, before, after, lines: { from, to: daemon.eventLines() } };
}

/** Kills the daemon, and waits until the kernel lists what it did before the daemon's start, or does not. */
async function killed(daemon: Daemon, before: string): Promise<NonNullable<WorkloadRecording['hooks']>> {
  const during = attachedHooks();
  await daemon.stop('SIGKILL');
  const deadline = performance.now() + DETACHED_MS;
  let after = attachedHooks();
  while (after !== before && performance.now() < deadline) {
    await sleep(50);
    after = attachedHooks();
  }
  return { before, during, after };
}
