/** Judges the sessions `contention`: whatever keeps the programs from running, each deletion is told, or counted as lost. */
import { ledgerGap, lostEvents, type Metrics, parseMetrics } from '../../lib/metrics.js';
import type { Check } from './checks.js';
import {
  type AccountsRun,
  type ContentionPart,
  type ContentionRecording,
  type ContentionSession,
  type CrowdRun,
  type Did,
  type FailuresRun,
  type KernelRuns,
  MISSED,
  missesPrograms,
  type PreemptedRun,
  partsOf,
  type ReloadRun,
  SLEEPERS_MANY,
  type TimedRun,
  type VictimsRun,
} from './contention.js';
import type { Mode } from './mode.js';
import { type Event, type EventRecord, growth, type SessionRecord } from './record-files.js';

const NAMES: Readonly<Record<ContentionPart, string>> = {
  accounts: 'the programs account for each time that they ran where a file vanished',
  crowds: 'every deletion by a crowd of threads is told',
  sleepers: 'hundreds of calls that sleep hold up no other deletion',
  failures: 'a failure is told, or counted as lost where more calls sleep than the kernel side has places for',
  preempted: 'a deletion beside tasks that are preempted half way is told, or counted as lost',
  updates: 'a deletion beside a task that calls bpf(2) in a loop is told, or counted as lost',
  reloads: 'failures are told from the reload on that wants them, and no longer than to the one that does not',
  devices: 'deletions on thousands of unknown file systems hold up no other deletion',
  binds: 'thousands of bind mounts of a directory hold up no deletion in it',
  large: 'deletions are told when thousands of watches and thousands of mounts have come at once',
  renames: 'a loop of renames of a directory holds up no deletion',
};
const LOOP = 'the event loop of the daemon is never blocked for long';
const SCHEMA = 'every line is of the schema';
const END = 'the daemon ends in order';

export const contentionChecks = (mode: Mode): readonly string[] => [
  ...partsOf(mode).map((part) => NAMES[part]),
  LOOP,
  SCHEMA,
  END,
];

const UNLINKED = 'rmwatch_deletions_total{watch="work",operation="unlink"}';
const SKIPPED = 'rmwatch_events_lost_total{reason="probe_skipped"}';

interface Verdict {
  readonly problems: string[];
  readonly facts?: string;
}

export function judgeContention(session: ContentionSession, record: SessionRecord<ContentionRecording>): Check[] {
  const { recording } = record;
  const checks = partsOf(session.mode).map((part): Check => {
    const name = NAMES[part];
    const error = recording.errors[part];
    if (recording[part] === undefined) return { name, problems: [error ?? 'the guest recorded nothing of it'] };
    if (part === 'accounts') return { name, ...judgeAccounts(recording.accounts!, session) };
    return { name, ...judgePart(part, session, recording, record) };
  });
  const schema = record.schemaCheck(SCHEMA);
  const problems = record.events.length === 0 ? ['the guest recorded no lines'] : schema.problems;
  const ends = recording.exit === 0 ? [] : [`it ended with ${recording.exit}`];
  return [
    ...checks,
    { name: LOOP, ...judgeLoop(session, recording) },
    { ...schema, problems },
    { name: END, problems: ends },
  ];
}

function judgePart(
  part: Exclude<ContentionPart, 'accounts'>,
  session: ContentionSession,
  recording: ContentionRecording,
  log: EventRecord,
): Verdict {
  switch (part) {
    case 'crowds':
      return judgeCrowds(recording.crowds!, session, log);
    case 'sleepers':
      return judgeSleepers(recording.sleepers!, log);
    case 'failures':
      return judgeFailures(recording.failures!, log);
    case 'reloads':
      return judgeReloads(recording.reloads!, log);
    case 'devices':
      return judgeTimed(recording.devices!, log, SECONDS_MAX.devices);
    case 'binds':
      return judgeTimed(recording.binds!, log, SECONDS_MAX.binds);
    case 'renames':
      return judgeTimed(recording.renames!, log, SECONDS_MAX.renames);
    case 'large':
      return judgeTimed(recording.large!, log, SECONDS_MAX.large);
    case 'preempted':
      return judgePreempted(recording.preempted!, session, log);
    case 'updates':
      // Kprobes before the success stand alone: updates of maps, which only root can make, leave them out.
      return judgeUpdates(recording.updates!, session, log);
  }
}

const told = (log: EventRecord, { pid }: Did, outcome: 'success' | 'failure'): Event[] =>
  log.events.filter((line) => line?.process?.pid === pid && line.event.outcome === outcome);

const complete = (lines: readonly Event[]) => lines.filter(({ rmwatch }) => rmwatch.path_complete).length;

const lostBetween = (before: string, after: string) =>
  lostEvents(parseMetrics(after)) - lostEvents(parseMetrics(before));

function ledgerProblems(metrics: Metrics): string[] {
  const gap = ledgerGap(metrics);
  return gap === 0 ? [] : [`ledger gap ${gap}`];
}

/**
 * What ran at the success hooks ended in one way each, and was told as often as files vanished; nothing runs while the
 * programs are detached, and everything again when they are attached again.
 */
function judgeAccounts(
  { count, skipped, counters, kernelRuns, reattached, full }: AccountsRun,
  session: ContentionSession,
): Verdict {
  const both = (byKind: readonly number[]) => byKind.reduce((total, one) => total + one, 0);
  const { seen, filtered, submitted, lostRingFull, told: toldOnce, toldBefore } = counters;
  const runs = both(counters.successRuns);
  const ended = toldOnce + toldBefore + both(counters.passed) + both(counters.unattributed);
  const accounted = filtered + submitted + lostRingFull;
  const problems: string[] = [];
  if (runs !== ended) problems.push(`${runs} runs at the success hooks, ${ended} accounted for`);
  if (seen !== accounted) problems.push(`${seen} seen, ${accounted} accounted for`);
  if (seen + skipped < count || toldOnce < seen) problems.push('deletions are missing');
  problems.push(...kernelRunsProblems(kernelRuns, runs, count - skipped));
  if (problems.length > 0) problems.push(JSON.stringify({ count, skipped, ...counters }));
  if (session.canReattach) problems.push(...reattachProblems(reattached));
  if (full.seen < full.count) problems.push(`${full.seen} of ${full.count} seen without room for a call`);
  if (full.mountUnknown === 0) problems.push('calls found room where there was none');
  const { failed, lost, succeeded, others } = full;
  if (others[0] < succeeded || others[1] < succeeded)
    problems.push(`of ${succeeded} rmdir and rename each without room ${others.join(' and ')} were seen`);
  if (lost[0] < failed || lost[1] < failed)
    problems.push(`of ${failed} failed calls each without room ${lost.join(' and ')} count as lost`);
  const again = reattached === undefined ? '' : `, ${reattached.seen[2] - reattached.seen[1]} seen when attached again`;
  return { problems, facts: `${runs} runs for ${count} deletions, ${skipped} skipped${again}` };
}

/**
 * The kernel counts runs of its own, with BPF_ENABLE_STATS. `runs` is what the programs counted of those that found a
 * victim: each removal, and a move for the name that it takes away, and for that which it replaces.
 */
function kernelRunsProblems(kernelRuns: readonly KernelRuns[], runs: number, count: number): string[] {
  const [least, most] = kernelRuns.map(({ removed }) => removed.reduce((sum, one) => sum + one, 0)) as [number, number];
  const { removed, moved } = kernelRuns.at(-1)!;
  const problems: string[] = [];
  if (runs < least || runs > most + 2 * moved)
    problems.push(`${runs} runs at the success hooks, ${most} removals and ${moved} moves counted by the kernel`);
  if (Math.max(...removed) < count)
    problems.push(`the kernel counted ${removed.join(' and ')} runs for ${count} deletions`);
  return problems;
}

function reattachProblems(reattached: AccountsRun['reattached']): string[] {
  if (reattached === undefined) return ['the programs were not attached again'];
  const { count, seen } = reattached;
  const problems: string[] = [];
  if (seen[1] !== seen[0]) problems.push(`${seen[1] - seen[0]} seen while nothing was attached`);
  if (seen[2] - seen[1] < count) problems.push(`${seen[2] - seen[1]} of ${count} seen when attached again`);
  return problems;
}

function judgeCrowds(
  runs: readonly CrowdRun[],
  { mode, leavesOutTracepoints }: ContentionSession,
  log: EventRecord,
): Verdict {
  const problems: string[] = [];
  const facts: string[] = [];
  for (const { threads, where, did, before, after } of runs) {
    const metrics = parseMetrics(after);
    const counted = growth(parseMetrics(before), metrics, UNLINKED);
    const lines = told(log, did, 'success');
    const fact = `${threads} threads in ${where}: ${lines.length} lines (${complete(lines)} complete), ${counted} counted`;
    // Threads share a working directory, which another may have changed by the end of the call.
    const whole = mode === 'tracepoint' ? lines.length : complete(lines);
    const lost = lostBetween(before, after);
    facts.push(leavesOutTracepoints ? `${fact}, ${lost} lost` : fact);
    const wrong = leavesOutTracepoints
      ? lines.length > did.count || lines.length + lost < did.count
      : [lines.length, whole, counted].some((one) => one !== did.count);
    if (wrong) problems.push(`${fact}, ${did.count} deletions`);
    if (lost !== 0 && (wrong || !leavesOutTracepoints)) problems.push(`${fact}, ${lost} lost`);
    problems.push(...ledgerProblems(metrics));
  }
  if (runs.length === 0) problems.push('there was no crowd');
  return { problems, facts: facts.join('; ') };
}

function judgeSleepers({ did, before, after }: VictimsRun, log: EventRecord): Verdict {
  const lines = told(log, did, 'success').length;
  const problems = ledgerProblems(parseMetrics(after));
  const lost = lostBetween(before, after);
  if (lines !== did.count) problems.push(`${lines} of ${did.count} told`);
  if (lost !== 0) problems.push(`${lost} lost`);
  return { problems, facts: `${lines} told` };
}

function judgeFailures(runs: readonly FailuresRun[], log: EventRecord): Verdict {
  const problems: string[] = [];
  const facts: string[] = [];
  for (const { asleep, failed, deleted, before, after } of runs) {
    const lost = lostBetween(before, after);
    const failures = told(log, failed, 'failure').length;
    const deletions = told(log, deleted, 'success').length;
    const fact = `${asleep} asleep: ${failures} of ${failed.count} failures, ${deletions} deletions, ${lost} lost`;
    facts.push(fact);
    const hasRoom = asleep < SLEEPERS_MANY;
    const isAccounted = deletions === deleted.count && failures + lost >= failed.count;
    if (!isAccounted || (hasRoom && lost > 0)) problems.push(fact);
    problems.push(...ledgerProblems(parseMetrics(after)));
  }
  if (runs.length === 0) problems.push('there was no failure');
  return { problems, facts: facts.join('; ') };
}

function judgeReloads(runs: readonly ReloadRun[], log: EventRecord): Verdict {
  const problems: string[] = [];
  for (const [index, { watched, failed, before, after }] of runs.entries()) {
    const lines = told(log, failed, 'failure').length;
    const lost = lostBetween(before, after);
    if (lines !== (watched ? failed.count : 0))
      problems.push(
        `configuration ${index + 1}: ${lines} of ${failed.count} failures, ${watched ? 'all' : 'none'} wanted`,
      );
    if (lost !== 0) problems.push(`configuration ${index + 1}: ${lost} lost`);
    problems.push(...ledgerProblems(parseMetrics(after)));
  }
  if (runs.length === 0) problems.push('there was no reload');
  return { problems, facts: `${runs.length} configurations` };
}

/**
 * A guest is slow, and a busy machine makes it slower: 18 s were seen with devices, 5 s with binds, 100 s with ten thousand watches. When the table of mounts
 * was read for each file system, it took a minute on a quiet machine; when binds took time by their square, 21 to 28 s.
 */
const SECONDS_MAX = { devices: 30, binds: 20, renames: 20, large: 200 } as const;

function judgeTimed({ seconds, cpuSeconds, ...victims }: TimedRun, log: EventRecord, most: number): Verdict {
  const { problems, facts } = judgeSleepers(victims, log);
  if (seconds > most) problems.push(`${seconds.toFixed(1)} s, at most ${most} s`);
  return { problems, facts: `${facts} within ${seconds.toFixed(1)} s, the daemon's CPU ${cpuSeconds.toFixed(1)} s` };
}

const BLOCK_MS_MAX = 100;
/**
 * Of one block: this machine may take the processors away once. With `preempted` tasks that compute stand before the
 * daemon, and with `large` comes a scrape of megabytes. What this finds are blocks as there were: a second for ten thousand
 * watches, 25 s for two thousand mounts.
 */
const ONE_BLOCK_MS_MAX = 300;
const WAITS_LONGER: ReadonlySet<ContentionPart> = new Set(['preempted', 'large']);

/**
 * Divides each block by how much slower than a server the guest runs JavaScript. The guest is still busy after some parts,
 * so the least slowness of the session counts.
 */
function judgeLoop({ mode }: ContentionSession, { blocks }: ContentionRecording): Verdict {
  const slowness = Math.min(...Object.values(blocks).map((block) => block.slowness));
  const problems: string[] = [];
  const facts: string[] = [];
  for (const part of partsOf(mode).filter((one) => one !== 'accounts')) {
    const block = blocks[part];
    if (block === undefined) {
      problems.push(`${part}: it was not measured`);
      continue;
    }
    const milliseconds = Math.round(block.longestMs / slowness);
    if (milliseconds > ONE_BLOCK_MS_MAX) problems.push(`${part}: ${milliseconds} ms, at most ${ONE_BLOCK_MS_MAX} ms`);
    const second = Math.round(block.secondMs / slowness);
    if (second > BLOCK_MS_MAX && !WAITS_LONGER.has(part))
      problems.push(`${part}: ${milliseconds} and ${second} ms, at most ${BLOCK_MS_MAX} ms`);
    facts.push(`${part} ${milliseconds} ms`);
  }
  return { problems, facts: `${facts.join(', ')}; measured, ${slowness.toFixed(1)} times as long` };
}

function judgePreempted(run: PreemptedRun, { mode, preemption }: ContentionSession, log: EventRecord): Verdict {
  const { problems, facts, lost, missed } = judgeAttacked(run, log, true);
  // Nothing preempts a program on a kprobe.
  if (mode === 'kprobe' && lost > 0) problems.push(`${lost} lost`);
  // With lazy preemption the kernel leaves out a program in one of ten rounds, with full preemption in one of three.
  if (missesPrograms(mode, run.preemption) && run.preemption === 'full' && missed === 0)
    problems.push('the attack made the kernel leave out nothing');
  if (preemption !== undefined && run.preemption !== preemption)
    problems.push(`the kernel preempts itself by ${run.preemption}, not by ${preemption}`);
  return { problems, facts: `${facts}, preemption ${run.preemption ?? 'not told'}` };
}

function judgeUpdates({ did, ...scrapes }: VictimsRun, { mode }: ContentionSession, log: EventRecord): Verdict {
  return judgeAttacked({ did: [did], ...scrapes }, log, mode === 'fentry');
}

/** `whole`: every line has what the hooks before the success tell. */
function judgeAttacked(
  { did, before, after }: Pick<PreemptedRun, 'did' | 'before' | 'after'>,
  log: EventRecord,
  whole: boolean,
): Verdict & { readonly lost: number; readonly missed: number } {
  const metrics = parseMetrics(after);
  const grown = (name: string) => growth(parseMetrics(before), metrics, name);
  const count = did.reduce((sum, one) => sum + one.count, 0);
  const lines = did.flatMap((one) => told(log, one, 'success'));
  const typed = lines.filter(({ rmwatch }) => rmwatch.requested_path !== undefined).length;
  const problems = ledgerProblems(metrics);
  const lost = lostBetween(before, after);
  const missed = grown(MISSED);
  if (lines.length + lost < count) problems.push(`${lines.length} told and ${lost} lost of ${count}`);
  if (lines.length > count) problems.push(`${lines.length} told of ${count}`);
  if (whole && Math.min(complete(lines), typed) < lines.length)
    problems.push(`of ${lines.length} lines ${complete(lines)} are complete, ${typed} have the typed name`);
  const facts =
    `${lines.length} of ${count} told (${complete(lines)} complete, ${typed} with the typed name), ` +
    `${grown(SKIPPED)} skipped, ${missed} missed`;
  return { problems, facts, lost, missed };
}
