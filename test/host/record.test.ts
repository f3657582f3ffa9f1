import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import { expectCheckedLines } from '../lib/checked-lines.js';
import { HostDaemon } from '../lib/host-daemon.js';
import { waitUntil } from '../lib/wait-until.js';

/** What the log says of itself, so that a time in which nothing was watched is no secret. */
let daemon: HostDaemon;
let environment: NodeJS.ProcessEnv;

beforeEach(() => {
  daemon = new HostDaemon();
  const state = join(daemon.directory, 'state');
  mkdirSync(state);
  environment = { ...process.env, STATE_DIRECTORY: state };
});

afterEach(() => daemon.dispose());
afterAll(expectCheckedLines);

function remove(name: string): void {
  const path = join(daemon.work, name);
  writeFileSync(path, '');
  unlinkSync(path);
}

const actions = () => daemon.record().map(({ event }) => event.action);
const keptFile = () => readFileSync(join(daemon.directory, 'state/run'), 'utf8');

test('a run that is killed is a gap in the log, from the last second in which it was seen alive', async () => {
  await daemon.start({ environment });
  remove('seen');
  await daemon.settleLog();
  await waitUntil('the event is kept', () => keptFile().includes('"sequence":1,'));
  await daemon.stop('SIGKILL');
  const killedMs = Date.now();
  remove('unseen');
  await daemon.start({ environment });
  remove('seen-again');
  const events = await daemon.settledEvents();
  expect(events.map(({ file, event }) => [file.name, event.sequence])).toEqual([
    ['seen', 1],
    ['seen-again', 1],
  ]);
  expect(actions()).toEqual(['started', 'watch', 'gap', 'started', 'watch']);
  const [first, , gap, second] = daemon.record();
  expect(gap.rmwatch.gap).toMatchObject({ run: first.rmwatch.run, sequence: 1, stopped: false });
  expect(second.rmwatch.run).not.toBe(first.rmwatch.run);
  expect(second.rmwatch.config_hash).toBe(first.rmwatch.config_hash);
  const startMs = Date.parse(gap.event.start);
  expect(startMs).toBeLessThanOrEqual(killedMs);
  expect(startMs).toBeGreaterThan(killedMs - 10_000);
  expect(gap.event.end).toBe(second['@timestamp']);
  // The first deletion of the new run stands behind its start.
  const lines = readFileSync(daemon.eventsFile, 'utf8').trimEnd().split('\n');
  const names = lines.map((line) => JSON.parse(line)).map(({ event, file }) => file?.name ?? event.action);
  expect(names).toEqual(['started', 'watch', 'seen', 'gap', 'started', 'watch', 'seen-again']);
});

test('a stop is the last line, and says how many events there were', async () => {
  await daemon.start({ environment });
  for (let i = 0; i < 10; i++) remove(`f${i}`);
  expect(await daemon.stop()).toBe(0);
  expect(actions()).toEqual(['started', 'watch', 'stopped']);
  const last = readFileSync(daemon.eventsFile, 'utf8').trimEnd().split('\n').at(-1)!;
  expect(JSON.parse(last)).toMatchObject({ event: { action: 'stopped' }, rmwatch: { last_sequence: 10 } });
  await daemon.start({ environment });
  expect(daemon.record()[3].rmwatch.gap).toMatchObject({ sequence: 10, stopped: true });
});

test('an idle daemon goes on keeping that it is alive', async () => {
  await daemon.start({ environment });
  const at = () => Date.parse(/"at":"([^"]+)"/.exec(keptFile())?.[1] ?? '');
  await waitUntil('it is kept', () => at() > 0);
  const first = at();
  await waitUntil('it is kept again', () => at() > first + 1_500, 10_000);
});

test('what was damaged is a warning, and costs no start', async () => {
  writeFileSync(join(daemon.directory, 'state/run'), 'damaged');
  await daemon.start({ environment });
  expect(daemon.diagnostics()).toContain('the record of the run before is damaged');
  expect(actions()).toEqual(['started', 'watch']);
});

test('a reload says what it changed, and one that changes nothing says nothing', async () => {
  await daemon.start({ environment });
  const reloads = () => daemon.diagnostics().split('configuration reloaded').length - 1;
  daemon.signal('SIGHUP');
  await waitUntil('the first reload', () => reloads() === 1);
  daemon.configure({ watches: [{ name: 'other', include: [`${daemon.work}/**`] }] });
  daemon.signal('SIGHUP');
  await waitUntil('the second reload', () => reloads() === 2);
  await waitUntil('its lines', () => actions().length === 4);
  const [, , reloaded, watch] = daemon.record();
  expect(reloaded.rmwatch.changes).toMatchObject({ added: 1, changed: 0, removed: ['work'], settings: [] });
  expect(watch.rule.name).toEqual(['other']);
});

test('a log file that is new begins with the run, its mode and its configuration', async () => {
  await daemon.start({ environment });
  remove('before');
  await daemon.settleLog();
  const [started] = daemon.record();
  renameSync(daemon.eventsFile, `${daemon.eventsFile}.1`);
  daemon.signal('SIGHUP');
  await waitUntil('the new file', () => actions().length === 1 && actions()[0] === 'continued');
  remove('after');
  await daemon.settle();
  execFileSync('rm', [daemon.eventsFile]);
  await waitUntil('another new file', () => daemon.events().length === 0 && daemon.record().length === 1);
  expect(daemon.record()).toMatchObject([
    { rmwatch: { run: started.rmwatch.run, config_hash: started.rmwatch.config_hash, last_sequence: 2 } },
  ]);
});

test('without a directory for its state, the log has no gap', async () => {
  await daemon.start();
  expect(actions()).toEqual(['started', 'watch']);
});

test('a log that has its size is followed by another, no line is lost, and the oldest is removed', async () => {
  daemon.configure({
    watches: [{ name: 'work', include: [`${daemon.work}/**`] }],
    log: { max_size: '1MiB', keep: 2 },
  });
  await daemon.start({ environment });
  const rotated = () =>
    readdirSync(daemon.directory)
      .filter((name) => name.startsWith('events.json-'))
      .sort();
  let deleted = 0;
  await waitUntil('three rotations', () => {
    for (let i = 0; i < 200; i++) remove(`f${deleted++}`);
    return daemon.diagnostics().includes('the oldest log file was removed');
  });
  await daemon.settle();
  expect(rotated()).toHaveLength(2);
  const lines = [...rotated(), 'events.json'].flatMap((name) =>
    readFileSync(join(daemon.directory, name), 'utf8').trimEnd().split('\n'),
  );
  const sequence = lines.map((line) => JSON.parse(line).event.sequence).filter((number) => number !== undefined);
  expect(sequence.at(-1)).toBe(deleted);
  expect(sequence).toEqual(Array.from(sequence, (_, index) => deleted - sequence.length + 1 + index));
  // The size is looked at behind a write, and a turn of the writer takes a slab of the queue at least: a file can be longer by that.
  for (const name of rotated()) expect(statSync(join(daemon.directory, name)).size).toBeLessThanOrEqual(3 * 2 ** 20);
  expect(daemon.record()[0].event.action).toBe('continued');
}, 60_000);
