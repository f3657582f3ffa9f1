import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Appearance, ClockJump, FaultsRecording } from '../../guest/scenarios/faults.js';
import { FAULTS_CHECKS, judgeFaults } from '../../guest/scenarios/judge-faults.js';
import type { Event } from '../../guest/scenarios/record-files.js';
import { recordOf, scrape } from './session-files.js';

const SESSION = { kind: 'faults', name: 'session', mode: 'kprobe' } as const;
const AT = '/tmp/work/watched';

let directory: string;

beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'rmwatch-judge-faults-'));
});

afterEach(() => fs.rmSync(directory, { recursive: true, force: true }));

function problemsOf(check: number, recording: Partial<FaultsRecording>, events: Event[] = [], diagnostics = '') {
  const record = recordOf<FaultsRecording>(directory, { recording: { errors: {}, ...recording }, events, diagnostics });
  return judgeFaults(SESSION, record).find(({ name }) => name === FAULTS_CHECKS[check])!.problems;
}

const deletion = (file: string, time = 0): Event => ({
  '@timestamp': new Date(time).toISOString(),
  event: { kind: 'event', action: 'unlink' },
  file: { path: file, name: path.basename(file) },
  process: { pid: 7 },
  rule: { name: ['all', 'work'] },
  rmwatch: { path_complete: true, attach: 'kprobe' },
});

test('a part that was not recorded fails with its reason', () => {
  for (const check of [0, 1, 2, 3, 4, 5, 6])
    expect(problemsOf(check, {})).toEqual(['the guest recorded nothing of it']);
  expect(problemsOf(2, { errors: { disarmed: 'it broke' } })).toEqual(['it broke']);
});

test('a deletion around a file system that goes away and is told wrong, lost, or not at all fails', () => {
  const did = [{ action: 'unlink', path: `${AT}/file`, rules: ['all', 'work'], pid: 7 }] as const;
  const problems = (events: Event[], after = scrape()) => {
    const acts = [{ name: 'act', did, lines: { from: 0, to: events.length } }];
    return problemsOf(1, { filesystems: { acts, after } }, events);
  };
  expect(problems([deletion(`${AT}/file`)])).toEqual([]);
  expect(problems([])).toEqual([`act: nothing instead of unlink ${AT}/file by 7: all,work`]);
  expect(problems([deletion('/elsewhere')])).toHaveLength(1);
  expect(problems([deletion(`${AT}/file`)], scrape({ rmwatch_events_seen_total: 1 }))).toEqual(['ledger gap 1']);
  expect(problemsOf(1, { filesystems: { acts: [], after: scrape() } })).toEqual(['nothing went away']);
});

test('hooks that stop and are not noticed, or whose return is not, fail', () => {
  const selfTest = (ok: number) =>
    scrape(
      Object.fromEntries(['unlink', 'rmdir', 'replace'].map((one) => [`rmwatch_self_test_ok{operation="${one}"}`, ok])),
    );
  const healthy = { status: 200, body: '' };
  const ready = { status: 503, body: 'self-test: unlink: no event within 2 s' };
  const without: Appearance = { metrics: selfTest(0), ready, healthy, diagnostics: 1 };
  const recovered: Appearance = { metrics: selfTest(1), ready: healthy, healthy, diagnostics: 2 };
  const followed = { path: `${AT}/after`, lines: { from: 0, to: 1 } };
  const right = { without, recovered, followed, after: scrape() };
  const diagnostics = 'self-test failed\nself-test passes again\n';
  const problems = (changes: object, events = [deletion(followed.path)], told = diagnostics) =>
    problemsOf(2, { disarmed: { ...right, ...changes } }, events, told);
  expect(problems({})).toEqual([]);
  expect(problems({ without: { ...without, metrics: selfTest(1) } })).toHaveLength(1);
  expect(problems({ without: { ...without, ready: healthy } })).toEqual(['still ready', '/-/ready says: ']);
  expect(problems({ without: { ...without, healthy: ready } })).toEqual(['not healthy']);
  expect(problems({ recovered: { ...recovered, ready } })).toEqual(['not ready again']);
  expect(problems({ recovered: { ...recovered, metrics: selfTest(0) } })).toHaveLength(1);
  expect(problems({}, undefined, 'x\nx\n')).toHaveLength(2);
  expect(problems({}, [])).toEqual(['what follows is told 0 times']);
});

test('a clock that jumps and takes events or self-tests with it fails', () => {
  const marked = (name: string, isTold = true) => ({ path: `${AT}/${name}`, before: 1_000, after: 1_001, isTold });
  const jump = (direction: ClockJump['direction'], changes: object = {}): ClockJump => ({
    direction,
    marks: [marked(direction)],
    selfTests: 2,
    ready: { status: 200, body: '' },
    ...changes,
  });
  const count = 3_002;
  const after = (changes = {}) =>
    scrape({
      'rmwatch_deletions_total{watch="work",operation="unlink"}': count,
      rmwatch_event_delay_seconds_count: count,
      'rmwatch_event_delay_seconds_bucket{le="2.5"}': count,
      rmwatch_event_delay_seconds_sum: 10,
      ...changes,
    });
  const before = scrape({
    rmwatch_event_delay_seconds_count: 0,
    'rmwatch_event_delay_seconds_bucket{le="2.5"}': 0,
    rmwatch_event_delay_seconds_sum: 0,
  });
  const events = ['forward', 'back'].map((name) => deletion(`${AT}/${name}`, 1_000));
  const problems = (first: ClockJump, end = after(), told = events) =>
    problemsOf(3, { clock: { before, jumps: [first, jump('back')], after: end } }, told);
  expect(problems(jump('forward'))).toEqual([]);
  expect(problems(jump('forward', { marks: [marked('forward', false)] }))).toEqual([
    `${AT}/forward: no event within 5000 ms`,
  ]);
  const late = [deletion(`${AT}/forward`, 3_601_000), events[1]];
  expect(problems(jump('forward'), after(), late)).toEqual([`${AT}/forward: 3601000 is not between 1000 and 1001`]);
  expect(problems(jump('forward', { selfTests: 1 }))).toHaveLength(1);
  expect(problems(jump('forward', { ready: { status: 503, body: '' } }))).toEqual(['not ready after the jump forward']);
  expect(problems(jump('forward'), after({ rmwatch_event_delay_seconds_sum: 3_600 }))).toHaveLength(1);
  expect(problems(jump('forward'), after({ 'rmwatch_event_delay_seconds_bucket{le="2.5"}': count - 1 }))).toHaveLength(
    1,
  );
});

test('an end that is not in order fails, and so does an unclear error', () => {
  expect(problemsOf(4, { stop: { exit: 0 } })).toEqual([]);
  expect(problemsOf(4, { stop: { exit: 1 } }, [], 'why')).toEqual(['exit 1: why']);
  const stderr = JSON.stringify({ log: { level: 'fatal' }, message: 'not enough memory for probe.ring_buffer' });
  expect(problemsOf(5, { memory: { status: 1, stderr } })).toEqual([]);
  expect(problemsOf(5, { memory: { status: 137, stderr } })).toEqual(['exit 137']);
  expect(problemsOf(5, { memory: { status: 1, stderr: '{"log":{"level":"fatal"},"message":"ENOMEM"}' } })).toHaveLength(
    1,
  );
});

test('a start that takes a mode without hooks, or does not say why it takes another, fails', () => {
  const reason = (mode: string) => `{"rmwatch":{"attach":"${mode}","reason":"kernel.ftrace_enabled is 0: …"}}\n`;
  const right = {
    doctor: '{"attach":"tracepoint"}',
    ready: { status: 200, body: 'degraded: only system calls can be hooked (tracepoint mode)' },
    diagnostics: reason('kprobe') + reason('fentry'),
    told: ['tracepoint'],
  };
  const problems = (changes: object) => problemsOf(6, { fallback: { ...right, ...changes } });
  expect(problems({})).toEqual([]);
  expect(problems({ doctor: '{"attach":null}' })).toHaveLength(1);
  expect(problems({ ready: { status: 503, body: 'self-test: …' } })).toEqual(['/-/ready says 503: self-test: …']);
  expect(problems({ diagnostics: reason('kprobe') })).toEqual(['the diagnostics do not say why it is not fentry']);
  expect(problems({ told: [] })).toEqual(['a deletion is told by: none']);
});
