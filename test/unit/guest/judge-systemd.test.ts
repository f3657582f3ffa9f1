import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import zlib from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { RECORDS } from '../../guest/scenarios/plan.js';
import { judgeSystemd, SCHEMA_CHECK } from '../../service/judge-systemd.js';
import type { CheckRecord, Expectation, SystemdRecording } from '../../service/sessions.js';
import { recordOf } from './session-files.js';

let directory: string;

beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'rmwatch-judge-systemd-'));
});

afterEach(() => fs.rmSync(directory, { recursive: true, force: true }));

function problemsOf(expectations: readonly Expectation[], changes: Partial<CheckRecord> = {}) {
  const check = { name: 'a check', expectations, seconds: 1, ...changes };
  const recording: SystemdRecording = { checks: [check], lineFiles: [] };
  return judgeSystemd(recordOf(directory, { recording })).find(({ name }) => name === 'a check')!.problems;
}

test('what was found must be what is wanted, or text of its pattern', () => {
  const pattern = { pattern: '^watching: \\d+', flags: '' };
  expect(problemsOf([{ what: 'exit', actual: 0, wanted: 0 }])).toEqual([]);
  expect(problemsOf([{ what: 'exit', actual: 1, wanted: 0 }])).toEqual(['exit: 1 instead of 0']);
  expect(problemsOf([{ what: 'exit', actual: null, wanted: 0 }])).toEqual(['exit: null instead of 0']);
  expect(problemsOf([{ what: 'status', actual: 'watching: 2', wanted: pattern }])).toEqual([]);
  expect(problemsOf([{ what: 'status', actual: 'failing', wanted: pattern }])).toHaveLength(1);
  expect(problemsOf([{ what: 'path' }])).toEqual([]);
  expect(problemsOf([{ what: 'path', actual: '/a' }])).toEqual(['path: "/a" instead of undefined']);
});

test('a check that broke, or that expected nothing, fails', () => {
  expect(problemsOf([{ what: 'exit', actual: 0, wanted: 0 }], { error: 'it broke' })).toEqual(['it broke']);
  expect(problemsOf([])).toEqual(['nothing was expected']);
});

test('lines of the journal and of compressed logs are held against the schema, without the messages of the daemon', () => {
  const session = path.join(directory, RECORDS, 'session');
  fs.mkdirSync(session, { recursive: true });
  fs.writeFileSync(path.join(session, 'journal.json'), '{"log":{"level":"info"},"message":"ready"}\n{"no":"event"}\n');
  fs.writeFileSync(path.join(session, 'log.gz'), zlib.gzipSync('{"no":"event, either"}\n'));
  const linesOf = (lineFiles: string[]) => {
    const recording: SystemdRecording = { checks: [], lineFiles };
    return judgeSystemd(recordOf(directory, { recording })).find(({ name }) => name === SCHEMA_CHECK)!.problems[0];
  };
  expect(linesOf([])).toBe('there was no event line to hold against the schema');
  expect(linesOf(['journal.json', 'log.gz'])).toBe('2 of 2 event lines are not of the schema');
});
