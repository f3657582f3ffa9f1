import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DIFFERENTIAL_CHECKS, judgeDifferential } from '../../guest/scenarios/differential/judge.js';
import type { DifferentialRecording } from '../../guest/scenarios/differential/recording.js';
import { RECORDS } from '../../guest/scenarios/plan.js';
import type { Event } from '../../guest/scenarios/record-files.js';
import { recordOf, scrape } from './session-files.js';

const SESSION = { kind: 'differential', name: 'session', mode: 'kprobe' } as const;
const DIR = '/root/differential/rm';
const TRACE = `7 openat(AT_FDCWD<${DIR}>, "one", O_RDONLY) = 3<${DIR}/one>
7 clone(child_stack=NULL, flags=SIGCHLD) = 8
8 chdir("sub") = 0
8 unlink("a\\"b") = 0
8 rename("${DIR}/one", "two") = 0
8 unlinkat(AT_FDCWD<${DIR}/sub>, "none", 0 <unfinished ...>
7 rmdir("sub") = -1 ENOTEMPTY (Directory not empty)
8 <... unlinkat resumed>) = -1 ENOENT (No such file or directory)
8 +++ exited with 0 +++
`;
const NAMES = ['one', 'sub', 'sub/a"b', 'sub/two'].map((name) => `${DIR}/${name}`);

let directory: string;

beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'rmwatch-judge-differential-'));
  const session = path.join(directory, RECORDS, 'session');
  fs.mkdirSync(session, { recursive: true });
  fs.writeFileSync(path.join(session, 'rm.strace'), TRACE);
  fs.writeFileSync(path.join(session, 'rm.names.json'), JSON.stringify({ dir: DIR, names: NAMES }));
});

afterEach(() => fs.rmSync(directory, { recursive: true, force: true }));

const event = (tid: number, action: string, file: string, error?: string): Event => ({
  message: `${action} ${file}`,
  event: { action, outcome: error === undefined ? 'success' : 'failure', dataset: 'rmwatch.deletion' },
  ...(error !== undefined && { error: { code: error } }),
  file: { path: `${DIR}/${file}` },
  process: { pid: tid, thread: { id: tid } },
  rmwatch: {},
});

const EVENTS = [
  event(8, 'unlink', 'sub/a"b'),
  event(8, 'replace', 'sub/two'),
  event(7, 'rmdir', 'sub', 'ENOTEMPTY'),
  event(8, 'unlink', 'sub/none', 'ENOENT'),
];
const RUN = { program: 'rm', status: 0, stderr: '', seconds: 1, left: 0 };

function problemsOf(check: number, events: Event[], changes: Partial<DifferentialRecording> = {}) {
  const recording = { runs: [RUN], skips: [], after: scrape(), stop: { exit: 0 }, ...changes };
  const checks = judgeDifferential(SESSION, recordOf<DifferentialRecording>(directory, { recording, events }));
  return checks.find(({ name }) => name === DIFFERENTIAL_CHECKS[check])!.problems;
}

test('events that are what strace saw, of threads with directories of their own, pass', () => {
  expect(problemsOf(0, EVENTS)).toEqual([]);
});

test('a deletion without event fails, and so does one with another path, result or process', () => {
  expect(problemsOf(0, EVENTS.slice(1))).toHaveLength(1);
  const with_ = (at: number, other: Event) => EVENTS.map((one, index) => (index === at ? other : one));
  expect(problemsOf(0, with_(0, event(8, 'unlink', 'a"b')))).not.toEqual([]);
  expect(problemsOf(0, with_(2, event(7, 'rmdir', 'sub')))).not.toEqual([]);
  expect(problemsOf(0, with_(3, event(8, 'unlink', 'sub/none', 'EACCES')))).not.toEqual([]);
  const foreign = { ...EVENTS[0], process: { pid: 9, thread: { id: 8 } } };
  expect(problemsOf(0, with_(0, foreign))).not.toEqual([]);
});

test('an event that no call explains fails, and so does one of a thread that strace does not know', () => {
  expect(problemsOf(0, [...EVENTS, event(8, 'unlink', 'sub/more')])).toHaveLength(1);
  expect(problemsOf(0, [...EVENTS, event(99, 'unlink', 'sub/more')])).toEqual(['unexplained: unlink sub/more']);
});

test('a replaced file that is not told fails, and so does one that was not there', () => {
  expect(
    problemsOf(
      0,
      EVENTS.filter(({ event: { action } }) => action !== 'replace'),
    ),
  ).toHaveLength(1);
  fs.writeFileSync(
    path.join(directory, RECORDS, 'session/rm.names.json'),
    JSON.stringify({ dir: DIR, names: NAMES.filter((name) => !name.endsWith('two')) }),
  );
  expect(problemsOf(0, EVENTS)).toHaveLength(1);
});

test('a line that is not understood, a program that fails, and a guest that breaks fail', () => {
  fs.appendFileSync(path.join(directory, RECORDS, 'session/rm.strace'), 'strace: broken\n');
  expect(problemsOf(0, EVENTS)).toEqual(["rm: strace's line is not understood: strace: broken"]);
  expect(problemsOf(0, EVENTS, { runs: [{ ...RUN, status: 1, stderr: 'no' }] })).toContain('rm: exit 1: no');
  expect(problemsOf(0, EVENTS, { error: 'it broke' })).toContain('it broke');
});

test('a program that did not run fails, and so does an end with a loss', () => {
  expect(problemsOf(1, EVENTS)).toEqual(['git', 'rsync', 'perl', 'node'].map((name) => `${name} did not run`));
  const lost = 'rmwatch_events_lost_total{reason="ring_full"}';
  expect(problemsOf(2, EVENTS)).toEqual([]);
  expect(problemsOf(2, EVENTS, { stop: { exit: 1 } })).toEqual(['exit 1']);
  expect(problemsOf(2, EVENTS, { after: scrape({ [lost]: 1, rmwatch_events_seen_total: 1 }) })).toEqual(['lost 1']);
});
