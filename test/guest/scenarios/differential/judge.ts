/** Judges the sessions `differential`: the daemon's events must match what strace saw, one to one. */
import { ledgerGap, lostEvents, parseMetrics } from '../../../lib/metrics.js';
import type { Check } from '../checks.js';
import type { SessionRecord } from '../record-files.js';
import { attemptsOf } from './attempts.js';
import { type Matched, matchAttempts } from './match.js';
import {
  type DifferentialRecording,
  type DifferentialSession,
  namesFile,
  type ProgramRun,
  traceFile,
} from './recording.js';

/** Programs that every machine which runs the tests has. */
const PROGRAMS = ['rm', 'git', 'rsync', 'perl', 'node'];
/** More would drown the first. */
const SHOWN = 20;

export const DIFFERENTIAL_CHECKS = [
  'every deletion that strace sees is one event, and every event is one of them',
  'each of the programs ran and deleted something',
  'the daemon ends in order, with nothing lost',
  'every line is of the schema',
] as const;

type Record_ = SessionRecord<DifferentialRecording>;

interface Compared {
  readonly program: string;
  readonly matched: Matched;
  readonly mismatches: readonly string[];
  readonly threads: ReadonlySet<number>;
}

function compare({ mode }: DifferentialSession, record: Record_, { program, status, stderr }: ProgramRun): Compared {
  const trace = record.bytes(traceFile(program)).toString('latin1');
  const traced = attemptsOf(trace, JSON.parse(record.text(namesFile(program))));
  const deletions = record.events.filter((event) => event?.event.dataset === 'rmwatch.deletion');
  const matched = matchAttempts(traced, deletions, mode);
  const problems = [...traced.problems, ...matched.mismatches.map((mismatch) => JSON.stringify(mismatch))];
  if (status !== 0) problems.push(`exit ${status}: ${stderr}`);
  return { program, matched, mismatches: problems.map((one) => `${program}: ${one}`), threads: traced.threads };
}

export function judgeDifferential(session: DifferentialSession, record: Record_): Check[] {
  const { runs, skips, error } = record.recording;
  const compared = runs.map((run) => compare(session, record, run));
  const known = new Set(compared.flatMap(({ threads }) => [...threads]));
  const mismatches = compared.flatMap((one) => one.mismatches);
  for (const event of record.events) {
    if (event?.event.dataset !== 'rmwatch.deletion') {
      // Argument lists of processes are lines of their own, and `full` writes none.
      mismatches.push(`not a deletion: ${JSON.stringify(event)}`);
      continue;
    }
    const invented = event.file?.path?.startsWith('/root/differential/') && !known.has(event.process?.thread?.id);
    if (invented) mismatches.push(`unexplained: ${event.message}`);
  }
  if (error !== undefined) mismatches.push(error);
  const calls = compared.reduce((sum, { matched }) => sum + matched.calls, 0);
  const events = compared.reduce((sum, { matched }) => sum + matched.events, 0);
  if (calls === 0) mismatches.push('nothing was deleted');
  return [
    { name: DIFFERENTIAL_CHECKS[0], problems: shown(mismatches), facts: `${calls} calls, ${events} events` },
    judgePrograms(compared, skips),
    judgeEnd(record),
    record.schemaCheck(DIFFERENTIAL_CHECKS[3]),
  ];
}

function shown(problems: readonly string[]): string[] {
  const more = problems.length - SHOWN;
  return more > 0 ? [...problems.slice(0, SHOWN), `and ${more} more`] : [...problems];
}

function judgePrograms(compared: readonly Compared[], skips: DifferentialRecording['skips']): Check {
  const problems: string[] = [];
  for (const name of PROGRAMS)
    if (!compared.some(({ program }) => program === name)) problems.push(`${name} did not run`);
  for (const { program, matched } of compared) if (matched.calls === 0) problems.push(`${program} deleted nothing`);
  const facts = [
    ...compared.map(
      ({ program, matched: { calls, renames, replacing, events, replaced } }) =>
        `${program}: ${calls} calls (${renames} renames, ${replacing} replacing), ${events} events (${replaced} replace)`,
    ),
    ...skips.map(({ program, reason }) => `${program} skipped: ${reason}`),
  ];
  return { name: DIFFERENTIAL_CHECKS[1], problems, facts: facts.join('; ') };
}

function judgeEnd({ recording: { after, stop } }: Record_): Check {
  const name = DIFFERENTIAL_CHECKS[2];
  if (after === undefined || stop === undefined) return { name, problems: ['the guest recorded nothing of it'] };
  const metrics = parseMetrics(after);
  const problems: string[] = [];
  if (stop.exit !== 0) problems.push(`exit ${stop.exit}`);
  if (lostEvents(metrics) !== 0) problems.push(`lost ${lostEvents(metrics)}`);
  if (ledgerGap(metrics) !== 0) problems.push(`ledger gap ${ledgerGap(metrics)}`);
  return { name, problems };
}
