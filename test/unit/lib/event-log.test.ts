import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { EventLog } from '../../lib/event-log.js';

let directory: string;
let log: EventLog;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'rmwatch-event-log-'));
  log = new EventLog(join(directory, 'events.json'));
});

afterEach(() => {
  log.close();
  rmSync(directory, { recursive: true });
});

test('without a file there are no events', () => {
  expect([log.events(), log.lines(), log.bytes()]).toEqual([[], 0, 0]);
});

test('a line is read when its end is there, and only once', () => {
  appendFileSync(log.file, '{"n":1}\n{"n":');
  expect([log.events(), log.lines()]).toEqual([[{ n: 1 }], 1]);
  appendFileSync(log.file, '2}\n');
  expect([log.events(), log.lines()]).toEqual([[{ n: 1 }, { n: 2 }], 2]);
});

test('a line may be longer than what is read at once', () => {
  const long = 'x'.repeat(3 << 20);
  appendFileSync(log.file, `{"n":"${long}"}\n{"n":2}\n`);
  expect([log.events(), log.lines()]).toEqual([[{ n: long }, { n: 2 }], 2]);
});

test('another file at the place begins again, though it has the number of the one that was removed', () => {
  writeFileSync(log.file, '{"n":1}\n');
  expect([log.events(), log.lines()]).toEqual([[{ n: 1 }], 1]);
  rmSync(log.file);
  writeFileSync(log.file, '{"n":"longer than before"}\n');
  expect([log.events(), log.lines()]).toEqual([[{ n: 'longer than before' }], 1]);
  renameSync(log.file, `${log.file}.1`);
  writeFileSync(log.file, '');
  expect([log.events(), log.lines()]).toEqual([[], 0]);
});

test('a FIFO is refused: reading would take the lines from its reader', () => {
  execFileSync('mkfifo', [log.file]);
  expect(() => log.lines()).toThrow('is not a regular file');
});
