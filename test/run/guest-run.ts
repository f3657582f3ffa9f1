/** Runs rows of one kernel in one guest: plans sessions, boots, records there, and judges here. */
import fs from 'node:fs';
import path from 'node:path';
import { type GuestResult, runGuest } from '../guest/harness/guest.js';
import { type Check, missingChecks } from '../guest/scenarios/checks.js';
import { DELETIONS_CHECKS, judgeDeletions } from '../guest/scenarios/judge-deletions.js';
import { HIDING_CHECKS, judgeHiding } from '../guest/scenarios/judge-hiding.js';
import { casesCheck, casesLeftOut, judgeWorkload, WORKLOAD_CHECKS } from '../guest/scenarios/judge-workload.js';
import {
  type DeletionsRecording,
  DIRECTORIES,
  type HidingRecording,
  MODES,
  PLAN_FILE,
  RECORDS,
  type Session,
  type SessionReport,
  STAGE,
  type WorkloadRecording,
} from '../guest/scenarios/plan.js';
import { SessionRecord } from '../guest/scenarios/record-files.js';
import { budgetOf, type Outcome } from './outcome.js';
import type { GuestRow } from './rows.js';

/** Made once for all guests of a run. */
export interface GuestFiles {
  readonly stage: string;
  readonly deleter: string;
  readonly cases: string;
  readonly recorder: string;
}

type Result = GuestResult<SessionReport>;

interface PlannedSession {
  readonly session: Session;
  readonly rows: readonly GuestRow[];
}

const MIB_OF_DISK: Readonly<Record<string, number>> = { ext4: 256, btrfs: 256, xfs: 320 };
/** Every event line of a guest fits into it. */
const OUTPUTS_MIB = 1_024;
/** The recorder is ended when it has taken this many times what its rows may: within it a row only fails. */
const PATIENCE = 2;

/** One session for each row, but one for all file systems that have the workload in one mode. */
export function planSessions(rows: readonly GuestRow[]): PlannedSession[] {
  const planned: PlannedSession[] = [];
  for (const mode of MODES) {
    for (const row of rows.filter((each) => each.mode === mode)) {
      const name = [row.scenario, mode, row.burst].join('-');
      if (row.scenario === 'hiding') planned.push({ session: { kind: 'hiding', name, mode }, rows: [row] });
      if (row.scenario === 'deletions') {
        planned.push({ session: { kind: 'deletions', name, mode, burst: row.burst }, rows: [row] });
      }
    }
    const workload = rows.filter((each) => each.mode === mode && each.scenario === 'workload');
    if (workload.length === 0) continue;
    const { only } = workload[0]!;
    const skip = Object.keys(casesLeftOut(mode)).filter((name) => !only.includes(name));
    const filesystems = workload.map(({ filesystem }) => filesystem);
    const session = { kind: 'workload', name: `workload-${mode}`, mode, filesystems, only, skip } as const;
    planned.push({ session, rows: workload });
  }
  return planned;
}

function usedFilesystems(rows: readonly GuestRow[]): Set<string> {
  // Deletions freeze one, hiding needs a disk, and the upper layer of an overlayfs is on one.
  const needDisk = rows.some((row) => row.scenario !== 'workload' || row.filesystem === 'overlayfs');
  return new Set([...(needDisk ? ['ext4'] : []), ...rows.map(({ filesystem }) => filesystem)]);
}

/** An overlayfs as containers have it: the lower layer on one file system, the upper one on another. */
function mountCommands(used: ReadonlySet<string>): string[] {
  const commands = [`mkdir -p ${DIRECTORIES['tmpfs']}`];
  if (used.has('overlayfs')) {
    commands.push(
      `mkdir -p /tmp/lower ${DIRECTORIES['overlayfs']} /mnt/ext4/upper /mnt/ext4/work`,
      `mount -t overlay -o lowerdir=/tmp/lower,upperdir=/mnt/ext4/upper,workdir=/mnt/ext4/work overlay ${DIRECTORIES['overlayfs']}`,
    );
  }
  return commands;
}

/** Whether two rows may share a guest. */
export function guestKey({ kernel, variant, only }: GuestRow): string {
  return [kernel, variant.name, ...only].join(' ');
}

/**
 * Runs rows of one kernel and variant. A row's seconds are those of its session, of the workload those of its file
 * system; the time of booting and judging is in `seconds`.
 */
export async function runGuestRows(
  rows: readonly GuestRow[],
  files: GuestFiles,
): Promise<{ outcomes: Outcome[]; seconds: number; release: string }> {
  const began = performance.now();
  const { kernel, variant } = rows[0]!;
  const planned = planSessions(rows);
  const used = usedFilesystems(rows);
  // Cases of the workload make an overlayfs of their own.
  const modules = ['overlay', ...['btrfs', 'xfs'].filter((name) => used.has(name))];
  const command = [...mountCommands(used), `node /opt/recorder/${path.basename(files.recorder)}`];
  if (variant.prepare !== undefined) command.unshift(variant.prepare);
  const budget = rows.reduce((sum, row) => sum + budgetOf(row), 0);
  const result: Result = await runGuest<SessionReport>({
    kernel,
    label: [rows[0]!.mode, variant.name].join('-'),
    initrdFiles: {
      [files.stage]: STAGE,
      [files.deleter]: '/opt/deleter',
      [files.cases]: '/opt/cases',
      [files.recorder]: `/opt/recorder/${path.basename(files.recorder)}`,
    },
    texts: { [PLAN_FILE]: JSON.stringify(planned.map(({ session }) => session)) },
    modules,
    disks: ['ext4', 'btrfs', 'xfs']
      .filter((name) => used.has(name))
      .map((fsName) => ({ sizeMiB: MIB_OF_DISK[fsName]!, fs: fsName, mountAt: DIRECTORIES[fsName]! })),
    outputs: [RECORDS],
    outputsMiB: OUTPUTS_MIB,
    append: variant.append ?? '',
    command: command.join(' && '),
    timeoutSeconds: budget * PATIENCE,
  });
  const guestChecks = judgeGuest(result);
  const outcomes = planned.flatMap((each, index) => {
    const judged = judgeSession(each, result);
    // What the guest as a whole did wrong is told once.
    if (index === 0 && judged.length > 0) judged[0] = withChecks(judged[0]!, guestChecks, []);
    return judged;
  });
  if (result.outputDir !== undefined && outcomes.every(({ failed }) => failed.length === 0)) {
    fs.rmSync(result.outputDir, { recursive: true, force: true });
  }
  return { outcomes, seconds: (performance.now() - began) / 1_000, release: result.release };
}

function judgeGuest(result: Result): Check[] {
  const { exitCode, splats, badResultLines, timedOut, runDir, retries } = result;
  const problems: string[] = [];
  if (exitCode !== 0) problems.push(`exit ${exitCode}${timedOut ? `, not in time: ${timedOut}` : ''}; see ${runDir}`);
  const facts = retries > 0 ? { facts: `${retries} boots failed and were repeated` } : {};
  return [
    { name: 'the guest runs to its end', problems: [...problems, ...badResultLines], ...facts },
    { name: 'the kernel of the guest complains of nothing', problems: splats },
  ];
}

function withChecks(outcome: Outcome, checks: readonly Check[], notes: readonly string[]): Outcome {
  const told = checks.filter(({ facts, problems }) => facts !== undefined && problems.length === 0);
  return {
    ...outcome,
    passed: outcome.passed + checks.filter(({ problems }) => problems.length === 0).length,
    failed: [...outcome.failed, ...checks.filter(({ problems }) => problems.length > 0)],
    notes: [...outcome.notes, ...told.map(({ name, facts }) => `${name}: ${facts}`), ...notes],
  };
}

/** The outcome of each row of a session. */
function judgeSession({ session, rows }: PlannedSession, result: Result): Outcome[] {
  const report = result.results.find((each) => each.session === session.name);
  const checks = checksOf(session, result);
  return rows.map((row, index) => {
    const isWorkload = row.scenario === 'workload';
    const seconds = (isWorkload ? report?.parts[row.filesystem] : report?.seconds) ?? 0;
    const own = isWorkload ? checks.filter(({ name }) => name === casesCheck(row.filesystem)) : checks;
    // What is promised of the whole session is told with its first row.
    const shared = isWorkload && index === 0 ? checks.slice(rows.length) : [];
    const outcome = { row, seconds, passed: 0, failed: [], skipped: 0, notes: [] };
    const failed = [...own, ...shared].some(({ problems }) => problems.length > 0);
    return withChecks(outcome, [...own, ...shared], failed ? [`console and records: ${result.runDir}`] : []);
  });
}

function checksOf(session: Session, { outputDir, runDir }: Result): Check[] {
  const expected = checkNames(session);
  if (outputDir === undefined) return missingChecks(expected, []);
  try {
    const checks = judge(session, outputDir);
    return [...checks, ...missingChecks(expected, checks)];
  } catch (error) {
    const name = 'the records of the guest can be judged';
    return [...missingChecks(expected, []), { name, problems: [`${(error as Error).stack}; ${runDir}`] }];
  }
}

function checkNames(session: Session): string[] {
  switch (session.kind) {
    case 'deletions':
      return [...DELETIONS_CHECKS];
    case 'workload':
      return [...session.filesystems.map(casesCheck), ...WORKLOAD_CHECKS];
    case 'hiding':
      return [...HIDING_CHECKS];
  }
}

function judge(session: Session, outputDir: string): Check[] {
  switch (session.kind) {
    case 'deletions':
      return judgeDeletions(session, new SessionRecord<DeletionsRecording>(outputDir, session.name));
    case 'workload':
      return judgeWorkload(session, new SessionRecord<WorkloadRecording>(outputDir, session.name));
    case 'hiding':
      return judgeHiding(session, new SessionRecord<HidingRecording>(outputDir, session.name));
  }
}
