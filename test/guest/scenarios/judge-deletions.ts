/** Judges the sessions `deletions`. */
import { ledgerGap, lostEvents, parseMetrics, sampleOf } from '../../lib/metrics.js';
import type { Check } from './checks.js';
import type { Mode } from './mode.js';
import {
  type DeletionsRecording,
  type DeletionsSession,
  namesOn,
  RENAMES,
  RENAMES_WITHIN,
  type Rename,
  renamesOn,
  type ToldRename,
  toldOf,
  workOn,
} from './plan.js';
import { type Event, growth, type SessionRecord } from './record-files.js';

/** The verifier gives up at a million. */
const SIMULATED_MOST = 500_000;
/** More would drown the first. */
const SHOWN = 5;
const MISSED = 'rmwatch_probe_missed_total';
const DROPPED_LATE = 'rmwatch_events_filtered_total{stage="daemon"}';

export const DELETIONS_CHECKS = [
  'the verifier simulates little of each program, and the fastest build is taken',
  'single deletions are told right',
  'a burst is told without gap',
  'calls that sleep in the kernel are told',
  'a rename is told by each of its two names',
  'what a rename moves within a watch is dropped in the kernel',
  'SIGTERM under load delivers all that was seen',
  'every line is of the schema',
] as const;

type Record_ = SessionRecord<DeletionsRecording>;

/** A judge's answer: what is wrong, and figures. */
interface Verdict {
  readonly problems: string[];
  readonly facts?: string;
}

export function judgeDeletions(session: DeletionsSession, record: Record_): Check[] {
  const { error } = record.recording;
  const judges = [judgeVerifier, judgeBasic, judgeBurst, judgeAsleep, judgeRenames, judgeRenamesWithin, judgeStop];
  const checks: Check[] = judges.map((judge, index) => {
    const verdict = judge(session, record) ?? { problems: [error ?? 'the guest recorded nothing of it'] };
    return { name: DELETIONS_CHECKS[index]!, ...verdict };
  });
  return [...checks, record.schemaCheck(DELETIONS_CHECKS.at(-1)!)];
}

/** Which build of the programs the kernel can take at best. */
function fastestBuild(release: string): string {
  const [major = 0, minor = 0] = release.split('.').map(Number);
  const since = (...[a, b]: [number, number]) => major > a || (major === a && minor >= b);
  return since(6, 2) ? 'direct' : since(5, 17) ? 'loop' : 'plain';
}

function judgeVerifier(_: DeletionsSession, { recording }: Record_): Verdict | undefined {
  if (recording.verifier === undefined) return undefined;
  const { programs, variant } = recording.verifier;
  const problems = programs
    .filter(({ verifiedInstructions: count }) => count === 0 || count > SIMULATED_MOST)
    .map(({ name, verifiedInstructions }) => `${name}: ${verifiedInstructions} instructions simulated`);
  if (programs.length === 0) problems.push('no program was loaded');
  const fastest = fastestBuild(recording.release);
  if (variant !== fastest) problems.push(`the ${variant} build instead of the ${fastest} one`);
  const most = Math.max(0, ...programs.map(({ verifiedInstructions }) => verifiedInstructions));
  return { problems, facts: `the ${variant} build, ${most.toLocaleString('en')} instructions at most` };
}

const ofPid = (events: readonly Event[], pid: number) => events.filter((event) => event?.process?.pid === pid);

/** Why an event does not say what was done, or undefined. */
function wrong(
  event: Event | undefined,
  { path, requested, pid }: { path: string; requested?: string | undefined; pid: number },
  mode: Mode,
): string | undefined {
  if (event === undefined) return 'no event';
  const expected = {
    'file.path': [event.file?.path, path],
    'event.action': [event.event.action, 'unlink'],
    'event.outcome': [event.event.outcome, 'success'],
    'process.pid': [event.process.pid, pid],
    'process.thread.id': [event.process.thread.id, pid],
    'process.name': [event.process.name, 'deleter'],
    'rule.name': [event.rule.name.join(), 'work'],
    'rmwatch.attach': [event.rmwatch.attach, mode],
    'rmwatch.requested_path': [event.rmwatch.requested_path, requested ?? event.rmwatch.requested_path],
  };
  for (const [field, [actual, wanted]] of Object.entries(expected)) {
    if (actual !== wanted) return `${field}: ${JSON.stringify(actual)} instead of ${JSON.stringify(wanted)}`;
  }
  return undefined;
}

function judgeBasic({ mode }: DeletionsSession, record: Record_): Verdict | undefined {
  const { basic } = record.recording;
  if (basic === undefined) return undefined;
  const { did, lines } = basic;
  const events = ofPid(record.eventsIn(lines), did[0]!.pid);
  const problems = did.flatMap((one, index) => wrong(events[index], one, mode) ?? []);
  if (events.length !== did.length) problems.push(`${events.length} events for ${did.length} deletions`);
  return { problems, facts: `${did.length} deletions` };
}

/** How many hooks the kernel says that it left out: in tracepoint mode it may, from Linux 7.0 on. */
const leftOut = (mode: Mode, missed: number) => (mode === 'tracepoint' ? missed : 0);

function judgeBurst({ mode, burst: count, filesystem }: DeletionsSession, record: Record_): Verdict | undefined {
  const { burst } = record.recording;
  if (burst === undefined) return undefined;
  const before = parseMetrics(burst.before);
  const metrics = parseMetrics(burst.after);
  // What was lost is judged by the counters; such a line has no number.
  const all = record
    .eventsIn({ from: 0, to: burst.lines.to })
    .filter((event) => event?.event.kind !== 'pipeline_error');
  const events = ofPid(all, burst.pid);
  const problems: string[] = [];
  let expected = 0;
  for (const event of events) {
    // Those that are missing are counted below.
    while (mode === 'tracepoint' && expected < count && event.file.name !== `f${expected}`) expected += 1;
    const name = `f${expected}`;
    const problem = wrong(event, { path: `${workOn(filesystem)}/${name}`, requested: name, pid: burst.pid }, mode);
    if (problem !== undefined && problems.length < SHOWN) problems.push(`${expected}: ${problem}`);
    expected += 1;
  }
  const counted = growth(before, metrics, 'rmwatch_deletions_total{watch="work",operation="unlink"}');
  const missed = leftOut(mode, sampleOf(metrics, MISSED));
  if (events.length > count || events.length < count - missed) problems.push(`${events.length} lines`);
  if (counted !== events.length) problems.push(`counter ${counted}, ${events.length} lines`);
  if (lostEvents(metrics) > missed) problems.push(`lost ${lostEvents(metrics)}`);
  if (ledgerGap(metrics) !== 0) problems.push(`ledger gap ${ledgerGap(metrics)}`);
  if (!all.every((event, index) => event?.event.sequence === index + 1)) problems.push('event.sequence has gaps');
  return { problems, facts: `${events.length} of ${count} deletions, ${missed} left out by the kernel` };
}

/**
 * Every deletion is told, with its outcome. In tracepoint mode the kernel may leave out hooks of tasks that it preempts half
 * way (Linux 7.0 on): not more than it says itself may be missing, and the ledger closes all the same.
 */
function judgeAsleep({ mode }: DeletionsSession, record: Record_): Verdict | undefined {
  const { asleep } = record.recording;
  if (asleep === undefined) return undefined;
  const metrics = parseMetrics(asleep.after);
  const missed = growth(parseMetrics(asleep.before), metrics, MISSED);
  const problems: string[] = [];
  const all = record.eventsIn({ from: 0, to: asleep.lines.to });
  let unknown = 0;
  let unseen = 0;
  for (const { path, pid } of asleep.did) {
    const [event, ...more] = ofPid(all, pid);
    if (more.length > 0) problems.push(`${path}: ${1 + more.length} events`);
    if (event === undefined) unseen += 1;
    else if (event.event.outcome === undefined) unknown += 1;
    else if (event.event.outcome !== 'success') problems.push(`${path}: ${event.event.outcome}`);
    if (event !== undefined && event.file.path !== path) problems.push(`${path}: reported as ${event.file.path}`);
  }
  if (unseen + unknown > leftOut(mode, missed)) problems.push(`${unseen} not told, ${unknown} without outcome`);
  if (ledgerGap(metrics) !== 0) problems.push(`ledger gap ${ledgerGap(metrics)}`);
  return { problems, facts: `${unseen} not told, ${unknown} without outcome, ${missed} missed by the kernel` };
}

function toldBy({ event, file, rmwatch }: Event): ToldRename {
  const inode = file.inode === undefined ? undefined : Number(file.inode);
  const { moved_to: movedTo, requested_path: requested } = rmwatch;
  return { action: event.action, path: file.path, movedTo, requested, inode, size: file.size };
}

const textOf = ({ action, path, movedTo, requested, inode, size }: ToldRename) =>
  `${action} ${path}${movedTo === undefined ? '' : ` to ${movedTo}`} (typed ${requested}, inode ${inode}, size ${size})`;

type Part = NonNullable<DeletionsRecording['renames']>[number];

function judgePart(
  { mode, filesystem }: DeletionsSession,
  record: Record_,
  part: Part,
  all: readonly Rename[],
): Verdict {
  const renames = renamesOn(filesystem, all);
  const metrics = parseMetrics(part.after);
  const missed = leftOut(mode, growth(parseMetrics(part.before), metrics, MISSED));
  const told = record
    .eventsIn(part.lines)
    .filter((event) => event?.event.kind === 'event')
    .map((event) => textOf(toldBy(event)));
  const expected = renames.flatMap((rename, index) =>
    toldOf(rename, part.files[index]!, mode, namesOn(filesystem)).map(textOf),
  );
  const problems: string[] = [];
  const left = told.filter((one) => !expected.includes(one));
  if (left.length > 0 || told.length < expected.length - missed || (missed === 0 && told.join() !== expected.join()))
    problems.push(`told ${told.join(', ')} instead of ${expected.join(', ')}`);
  if (ledgerGap(metrics) !== 0) problems.push(`ledger gap ${ledgerGap(metrics)}`);
  return { problems, facts: `${told.length} of ${expected.length} for ${renames.length} renames` };
}

function judgeRenames(session: DeletionsSession, record: Record_): Verdict | undefined {
  const part = record.recording.renames?.[0];
  return part && judgePart(session, record, part, RENAMES);
}

function judgeRenamesWithin(session: DeletionsSession, record: Record_): Verdict | undefined {
  const part = record.recording.renames?.[1];
  if (part === undefined) return undefined;
  const { problems, facts } = judgePart(session, record, part, RENAMES_WITHIN);
  const late = growth(parseMetrics(part.before), parseMetrics(part.after), DROPPED_LATE);
  if (late !== 0) problems.push(`${late} records for the daemon to drop`);
  return { problems, ...(facts !== undefined && { facts }) };
}

function judgeStop({ mode }: DeletionsSession, record: Record_): Verdict | undefined {
  const { stop } = record.recording;
  if (stop === undefined) return undefined;
  const stopped = record
    .lines('diagnostics.json')
    .map((line) => JSON.parse(line))
    .find(({ message }) => message === 'stopped');
  const lines = record.events.filter((event) => event?.event.kind === 'event').length;
  const problems: string[] = [];
  if (stop.exit !== 0) problems.push(`exit ${stop.exit}`);
  if (stopped?.rmwatch.delivered !== lines) problems.push(`${stopped?.rmwatch.delivered} delivered, ${lines} lines`);
  const lost = Object.values<number>(stopped?.rmwatch.lost ?? {}).reduce((sum, count) => sum + count, 0);
  if (lost > leftOut(mode, stopped?.rmwatch.missed ?? 0)) problems.push(`lost ${lost}`);
  return { problems, facts: `${lines} lines, ${lost} lost, ${stopped?.rmwatch.missed} missed by the kernel` };
}
