/** Runs rows of one kernel in one guest: plans sessions, boots, records there, and judges here. */
import fs from 'node:fs';
import { type GuestResult, runGuest } from '../guest/harness/guest.js';
import { type Check, missingChecks } from '../guest/scenarios/checks.js';
import { casesCheck } from '../guest/scenarios/judge-workload.js';
import type { RowSession, SessionReport } from '../guest/scenarios/plan.js';
import { type GuestFiles, guestOptions, type PlannedSession, planSessions } from './guest-plan.js';
import type { Outcome } from './outcome.js';
import type { GuestRow } from './rows.js';
import { checkNames, judgeRecords } from './session-judges.js';

type Result = GuestResult<SessionReport>;

/**
 * Runs rows of one kernel and variant. A row's seconds are those of its session, of the workload those of its file
 * system; the time of booting and judging is in `seconds`.
 */
export async function runGuestRows(
  rows: readonly GuestRow[],
  files: GuestFiles,
): Promise<{ outcomes: Outcome[]; seconds: number; release: string }> {
  const began = performance.now();
  const planned = planSessions(rows);
  const sessions = planned.map(({ session }) => session);
  const result: Result = await runGuest<SessionReport>(await guestOptions(rows, sessions, files));
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
    const notes = isWorkload ? [] : partTimes(report?.parts ?? {});
    const outcome = { row, seconds, passed: 0, failed: [], skipped: 0, notes };
    const failed = [...own, ...shared].some(({ problems }) => problems.length > 0);
    return withChecks(outcome, [...own, ...shared], failed ? [`console and records: ${result.runDir}`] : []);
  });
}

/** What each part of a session took, for sessions of several. */
function partTimes(parts: Readonly<Record<string, number>>): string[] {
  const times = Object.entries(parts).map(([name, seconds]) => `${name} ${seconds.toFixed(0)} s`);
  return times.length > 1 ? [times.join(', ')] : [];
}

function checksOf(session: RowSession, { outputDir, runDir }: Result): Check[] {
  const expected = checkNames(session);
  if (outputDir === undefined) return missingChecks(expected, []);
  try {
    const checks = judgeRecords(session, outputDir);
    return [...checks, ...missingChecks(expected, checks)];
  } catch (error) {
    const name = 'the records of the guest can be judged';
    return [...missingChecks(expected, []), { name, problems: [`${(error as Error).stack}; ${runDir}`] }];
  }
}
