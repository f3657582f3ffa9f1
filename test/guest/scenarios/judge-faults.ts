/** Judges the session `faults`. */
import { ledgerGap, lostEvents, parseMetrics, sampleOf } from '../../lib/metrics.js';
import { differences } from '../cases/filesystem-faults.js';
import type { Check } from './checks.js';
import {
  FAULT_PARTS,
  type FaultPart,
  type FaultsRecording,
  type FaultsSession,
  LINE_MS,
  type Marked,
  PACED_WHILE_CLOCK_JUMPS,
  SELF_TESTS_MS,
} from './faults.js';
import { growth, type SessionRecord } from './record-files.js';

type Record_ = SessionRecord<FaultsRecording>;

const NAMES: Readonly<Record<FaultPart, string>> = {
  start: 'the daemon starts',
  filesystems: 'directories and file systems that go away and come back are followed',
  disarmed: 'hooks that the kernel stops are noticed by the self-test, and so is their return',
  clock: 'a wall clock that jumps by an hour changes neither the time of events nor the self-tests',
  stop: 'the daemon ends in order',
  memory: 'too little memory for the maps is a clear error',
  fallback: 'a mode whose hooks the kernel does not run is passed over at the start',
};
const SCHEMA = 'every line is of the schema';

export const FAULTS_CHECKS: readonly string[] = [...Object.values(NAMES), SCHEMA];

/** Seconds: a clock that jumps would add an hour to some. */
const DELAY_MOST = 2.5;
const DELAY_MEAN_MOST = 0.5;

export function judgeFaults(_: FaultsSession, record: Record_): Check[] {
  const judges: Record<FaultPart, (record: Record_) => string[]> = {
    start: () => [],
    filesystems: judgeFilesystems,
    disarmed: judgeDisarmed,
    clock: judgeClock,
    stop: judgeStop,
    memory: judgeMemory,
    fallback: judgeFallback,
  };
  const { recording } = record;
  const checks = FAULT_PARTS.map((part) => {
    const error = recording.errors[part] ?? 'the guest recorded nothing of it';
    return { name: NAMES[part], problems: recording[part] === undefined ? [error] : judges[part](record) };
  });
  return [...checks, record.schemaCheck(SCHEMA)];
}

/** Nothing is lost and the ledger closes. */
function accounted(scrape: string): string[] {
  const metrics = parseMetrics(scrape);
  const problems: string[] = [];
  if (ledgerGap(metrics) !== 0) problems.push(`ledger gap ${ledgerGap(metrics)}`);
  if (lostEvents(metrics) !== 0) problems.push(`lost ${lostEvents(metrics)}`);
  return problems;
}

function judgeFilesystems(record: Record_): string[] {
  const { acts, after } = record.recording.filesystems!;
  const problems = acts.flatMap(({ name, did, lines }) =>
    differences(record.eventsIn(lines), did).map((problem) => `${name}: ${problem}`),
  );
  if (acts.length === 0) problems.push('nothing went away');
  return [...problems, ...accounted(after)];
}

function selfTestsOk(scrape: string): number[] {
  const metrics = parseMetrics(scrape);
  return ['unlink', 'rmdir', 'replace'].map((name) => sampleOf(metrics, `rmwatch_self_test_ok{operation="${name}"}`));
}

function judgeDisarmed(record: Record_): string[] {
  const { without, recovered, followed, after } = record.recording.disarmed!;
  const problems: string[] = [];
  const diagnostics = record.lines('diagnostics.json');
  const tells = (lines: number, message: string) => diagnostics.slice(0, lines).some((line) => line.includes(message));
  const failing = selfTestsOk(without.metrics);
  if (failing.some((one) => one !== 0)) problems.push(`rmwatch_self_test_ok ${failing.join()} without hooks`);
  if (without.ready.status !== 503) problems.push('still ready');
  if (!without.ready.body.includes('unlink: no event within')) problems.push(`/-/ready says: ${without.ready.body}`);
  if (!tells(without.diagnostics, 'self-test failed')) problems.push('the diagnostics do not tell');
  if (without.healthy.status !== 200) problems.push('not healthy');
  if (recovered.ready.status !== 200) problems.push('not ready again');
  if (!tells(recovered.diagnostics, 'self-test passes again'))
    problems.push('the diagnostics do not tell the recovery');
  const passing = selfTestsOk(recovered.metrics);
  if (passing.some((one) => one !== 1)) problems.push(`rmwatch_self_test_ok ${passing.join()} after the recovery`);
  const told = record.eventsIn(followed.lines).filter((event) => event?.file?.path === followed.path);
  if (told.length !== 1) problems.push(`what follows is told ${told.length} times`);
  return [...problems, ...accounted(after)];
}

function judgeMark(record: Record_, { path, before, after, isTold }: Marked): string[] {
  if (!isTold) return [`${path}: no event within ${LINE_MS} ms`];
  const event = record.events.find((each) => each?.file?.path === path);
  if (event === undefined) return [`${path}: no event`];
  const at = Date.parse(event['@timestamp']);
  // Milliseconds, rounded down.
  return at < before - 1 || at > after + 1 ? [`${path}: ${at} is not between ${before} and ${after}`] : [];
}

function judgeClock(record: Record_): string[] {
  const { before, jumps, after } = record.recording.clock!;
  const problems: string[] = [];
  for (const { direction, marks, selfTests, ready } of jumps) {
    problems.push(...marks.flatMap((mark) => judgeMark(record, mark)));
    if (selfTests < 2) problems.push(`${selfTests} self-tests in ${SELF_TESTS_MS} ms after the jump ${direction}`);
    if (ready.status !== 200) problems.push(`not ready after the jump ${direction}`);
  }
  if (jumps.length !== 2) problems.push(`${jumps.length} jumps`);
  const { perSecond, seconds } = PACED_WHILE_CLOCK_JUMPS;
  const wanted = perSecond * seconds + jumps.reduce((sum, { marks }) => sum + marks.length, 0);
  const added = (name: string) => growth(parseMetrics(before), parseMetrics(after), name);
  const counted = added('rmwatch_deletions_total{watch="work",operation="unlink"}');
  if (counted !== wanted) problems.push(`${counted} deletions counted instead of ${wanted}`);
  const count = added('rmwatch_event_delay_seconds_count');
  const slow = count - added(`rmwatch_event_delay_seconds_bucket{le="${DELAY_MOST}"}`);
  const sum = added('rmwatch_event_delay_seconds_sum');
  if (slow !== 0 || !(sum > 0 && sum < DELAY_MEAN_MOST * count)) {
    problems.push(`${slow} delays above ${DELAY_MOST} s, ${sum} s in all`);
  }
  return [...problems, ...accounted(after)];
}

function judgeStop(record: Record_): string[] {
  const { exit } = record.recording.stop!;
  return exit === 0 ? [] : [`exit ${exit}: ${record.text('diagnostics.json')}`];
}

function judgeMemory({ recording }: Record_): string[] {
  const { status, stderr } = recording.memory!;
  const problems: string[] = [];
  if (status !== 1) problems.push(`exit ${status}`);
  const { log, message } = JSON.parse(stderr.trimEnd().split('\n').at(-1) ?? '');
  if (log.level !== 'fatal' || !/^not enough memory .*probe\.ring_buffer/.test(message)) problems.push(stderr);
  return problems;
}

function judgeFallback({ recording }: Record_): string[] {
  const { doctor, ready, diagnostics, told } = recording.fallback!;
  const problems: string[] = [];
  if (JSON.parse(doctor).attach !== 'tracepoint') problems.push(`the doctor says: ${doctor}`);
  const isDegraded = ready.status === 200 && ready.body.includes('only system calls can be hooked');
  if (!isDegraded) problems.push(`/-/ready says ${ready.status}: ${ready.body}`);
  for (const mode of ['kprobe', 'fentry']) {
    const says = (line: string) => line.includes(`"attach":"${mode}"`) && line.includes('kernel.ftrace_enabled is 0');
    if (!diagnostics.split('\n').some(says)) problems.push(`the diagnostics do not say why it is not ${mode}`);
  }
  if (told.join() !== 'tracepoint') problems.push(`a deletion is told by: ${told.join() || 'none'}`);
  return problems;
}
