import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import net from 'node:net';
import { getPriority } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import { expectCheckedLines } from '../lib/checked-lines.js';
import { FifoReader, makeFifo } from '../lib/fifo.js';
import { HostDaemon } from '../lib/host-daemon.js';
import { ledgerGap } from '../lib/metrics.js';
import { waitUntil } from '../lib/wait-until.js';

/** The whole daemon on this machine's own kernel, in whatever mode it allows; real kernels' modes are tested in guests. */
let daemon: HostDaemon;

beforeEach(() => {
  daemon = new HostDaemon();
});

/** Every line of every test here is what config/event.schema.json says. */
afterEach(() => daemon.dispose());
afterAll(expectCheckedLines);

function touch(name: string): string {
  const path = join(daemon.work, name);
  writeFileSync(path, 'content');
  return path;
}

const UNLINKED = 'rmwatch_deletions_total{watch="work",operation="unlink"}';

test('a deletion on an idle machine is a line within 100 ms, and counted', async () => {
  await daemon.start();
  const delays: number[] = [];
  for (let i = 0; i < 11; i++) {
    const path = touch(`f${i}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const begin = performance.now();
    unlinkSync(path);
    await waitUntil('a line', () => daemon.events().length === i + 1, 5_000);
    delays.push(performance.now() - begin);
  }
  // The median: the machine may be busy at any one moment.
  expect(delays.sort((a, b) => a - b)[5]).toBeLessThan(100);
  const metrics = await daemon.metrics();
  expect(metrics.get(UNLINKED)).toBe(11);
});

test('a line names the file, the process and the user', async () => {
  await daemon.start();
  touch('named');
  execFileSync('rm', ['named'], { cwd: daemon.work });
  mkdirSync(join(daemon.work, 'dir'));
  rmdirSync(join(daemon.work, 'dir'));
  const events = await daemon.settledEvents();
  expect(events.map(({ event }) => event.action)).toEqual(['unlink', 'rmdir']);
  expect(events[0]).toMatchObject({
    file: { path: join(daemon.work, 'named'), name: 'named', directory: daemon.work },
    process: { name: 'rm', args: ['rm', 'named'], working_directory: daemon.work, parent: { pid: process.pid } },
    user: { id: '0', name: 'root' },
    rmwatch: { requested_path: 'named' },
  });
});

test('runs before those whose deletions it reports', async () => {
  await daemon.start();
  expect(getPriority(daemon.pid)).toBe(-10);
});

test('hostile names stay one line, and keep their bytes', async () => {
  await daemon.start();
  const names = ['new\nline', 'esc\x1b[31m', 'quote"\\', ' ', '-rf', 'ünï', '\u202e'];
  for (const name of names) unlinkSync(touch(name));
  const bad = Buffer.concat([Buffer.from(`${daemon.work}/`), Buffer.from([0xff, 0xfe])]);
  writeFileSync(bad, '');
  unlinkSync(bad);
  const events = await daemon.settledEvents();
  expect(events.map(({ file }) => file.name)).toEqual([...names, '\ufffd\ufffd']);
  expect(Buffer.from(events.at(-1).rmwatch.path_bytes, 'base64')).toEqual(bad);
});

test('the ledger closes, with failures, filtered and unwatched deletions', async () => {
  daemon.configure({
    watches: [{ name: 'work', include: [`${daemon.work}/**`], exclude: ['*.tmp'], failures: true }],
  });
  await daemon.start();
  unlinkSync(touch('kept.txt'));
  unlinkSync(touch('dropped.tmp'));
  expect(() => unlinkSync(join(daemon.work, 'missing'))).toThrow('ENOENT');
  expect(() => unlinkSync('/nonexistent/elsewhere')).toThrow('ENOENT');
  const metrics = await daemon.settle();
  expect(ledgerGap(metrics)).toBe(0);
  expect(metrics.get(UNLINKED)).toBe(1);
  expect(metrics.get('rmwatch_deletion_failures_total{watch="work",operation="unlink"}')).toBe(1);
  expect(metrics.get('rmwatch_events_filtered_total{stage="daemon"}')).toBeGreaterThanOrEqual(1);
  expect(daemon.events().at(-1)).toMatchObject({
    event: { outcome: 'failure', type: ['info'] },
    error: { code: 'ENOENT' },
    file: { name: 'missing' },
  });
});

test('reload under load judges every event by one configuration', async () => {
  await daemon.start();
  const reloads = () => daemon.diagnostics().split('configuration reloaded').length - 1;
  let deleted = 0;
  for (const name of ['other', 'work', 'other', 'work']) {
    const before = reloads();
    daemon.configure({ watches: [{ name, include: [`${daemon.work}/**`] }] });
    daemon.signal('SIGHUP');
    await waitUntil('the reload', () => {
      for (let i = 0; i < 20; i++) unlinkSync(touch(`f${deleted++}`));
      return reloads() > before;
    });
    for (let i = 0; i < 20; i++) unlinkSync(touch(`f${deleted++}`));
  }
  const metrics = await daemon.settleLog();
  const events = daemon.events();
  expect(events.map(({ file }) => file.name)).toEqual(Array.from({ length: deleted }, (_, i) => `f${i}`));
  const rules: string[] = events.map(({ rule }) => rule.name.join());
  // One configuration after the other, none mixed with the next.
  expect(rules.filter((rule, i) => rule !== rules[i - 1])).toEqual(['work', 'other', 'work', 'other', 'work']);
  expect(ledgerGap(metrics)).toBe(0);
}, 60_000);

test('a bad file leaves the old configuration in force, and is told', async () => {
  await daemon.start();
  daemon.configure({ watchs: [] });
  daemon.signal('SIGHUP');
  await waitUntil('the refusal', () => daemon.diagnostics().includes('did you mean'), 5_000);
  expect((await daemon.metrics()).get('rmwatch_config_last_reload_successful')).toBe(0);
  unlinkSync(touch('still-watched'));
  const events = await daemon.settledEvents();
  expect(events.map(({ file }) => file.name)).toEqual(['still-watched']);
});

test('SIGTERM and SIGINT drain, flush and end with 0', async () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    await daemon.start();
    for (let i = 0; i < 50; i++) touch(`f${i}`);
    execFileSync('sh', ['-c', 'rm f*'], { cwd: daemon.work });
    const before = daemon.events().length;
    expect(await daemon.stop(signal)).toBe(0);
    expect(before).toBeLessThanOrEqual(daemon.events().length);
    expect(daemon.events().filter(({ process }) => process.name === 'rm')).toHaveLength(
      signal === 'SIGTERM' ? 50 : 100,
    );
  }
});

test('the log does not feed on itself: its own deletions are not reported', async () => {
  daemon.configure({ watches: [{ name: 'work', include: ['/**'] }], self_test: { interval: '1s' } });
  await daemon.start();
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  await daemon.stop();
  expect(daemon.events().filter(({ process }) => process.pid === daemon.pid)).toEqual([]);
  expect(daemon.events().filter(({ file }) => String(file?.path).includes('self-test'))).toEqual([]);
});

test('paths through symbolic links are marked as unresolved in tracepoint mode', async () => {
  daemon.configure({ watches: [{ name: 'work', include: [`${daemon.work}/**`] }], probe: { attach: 'tracepoint' } });
  await daemon.start();
  mkdirSync(join(daemon.work, 'real'));
  symlinkSync('real', join(daemon.work, 'link'));
  touch('real/file');
  execFileSync('rm', ['link/file'], { cwd: daemon.work });
  touch('plain');
  execFileSync('rm', ['plain'], { cwd: daemon.work });
  const events = await daemon.settledEvents();
  expect(events.map(({ file, rmwatch }) => [file.name, rmwatch.path_complete])).toEqual([
    ['file', false],
    ['plain', true],
  ]);
});

test('a log file that was moved away is made again after SIGHUP, and no line is lost', async () => {
  await daemon.start();
  unlinkSync(touch('before'));
  await daemon.settle();
  appendFileSync(join(daemon.directory, 'marker'), '');
  execFileSync('mv', [daemon.eventsFile, `${daemon.eventsFile}.1`]);
  daemon.signal('SIGHUP');
  await waitUntil('the reload', () => daemon.diagnostics().includes('configuration reloaded'), 5_000);
  unlinkSync(touch('after'));
  await daemon.settle();
  expect(daemon.events().map(({ file }) => file.name)).toEqual(['after']);
});

test('a log file that is removed is made again, and tells of its own removal', async () => {
  daemon.configure({
    watches: [
      { name: 'work', include: [`${daemon.work}/**`] },
      { name: 'log', include: [daemon.eventsFile] },
    ],
  });
  await daemon.start();
  unlinkSync(touch('before'));
  await daemon.settle();
  execFileSync('rm', [daemon.eventsFile]);
  await waitUntil('it is there', () => daemon.events().length === 1, 5_000);
  unlinkSync(touch('after'));
  const metrics = await daemon.settle();
  expect(daemon.events().map(({ file }) => file.name)).toEqual(['events.json', 'after']);
  expect(ledgerGap(metrics)).toBe(0);
  expect(daemon.diagnostics().split('opening the log file again')).toHaveLength(2);
  expect(daemon.diagnostics()).toContain('events can be written again');
});

test('a removed log file is there again within about a second, with nothing to write', async () => {
  await daemon.start();
  unlinkSync(daemon.eventsFile);
  await waitUntil('it is there', () => existsSync(daemon.eventsFile), 3_000);
});

test('a reload whose log file cannot be opened has failed, and leaves log and configuration as they were', async () => {
  await daemon.start();
  const moved = `${daemon.eventsFile}.1`;
  renameSync(daemon.eventsFile, moved);
  mkdirSync(daemon.eventsFile);
  daemon.configure({ watches: [{ name: 'other', include: [`${daemon.work}/**`] }] });
  daemon.signal('SIGHUP');
  await waitUntil('the refusal', () => daemon.diagnostics().includes('cannot reopen the log file'), 5_000);
  expect(daemon.diagnostics()).toContain('it is a directory');
  unlinkSync(touch('still-watched'));
  const metrics = await daemon.settle();
  expect(metrics.get('rmwatch_config_last_reload_successful')).toBe(0);
  expect(metrics.get(UNLINKED)).toBe(1);
  const last = readFileSync(moved, 'utf8').trimEnd().split('\n').at(-1)!;
  expect(JSON.parse(last)).toMatchObject({ file: { name: 'still-watched' } });

  rmdirSync(daemon.eventsFile);
  daemon.signal('SIGHUP');
  await waitUntil('the reload', () => daemon.diagnostics().includes('configuration reloaded'), 5_000);
  unlinkSync(touch('after'));
  const later = await daemon.settle();
  expect(later.get('rmwatch_config_last_reload_successful')).toBe(1);
  expect(daemon.events()).toMatchObject([{ file: { name: 'after' }, rule: { name: ['other'] } }]);
});

test('a line that waits for its reader is not yet delivered, so that delivered never falls when it is lost', async () => {
  makeFifo(daemon.eventsFile);
  const reader = new FifoReader(daemon.eventsFile);
  await daemon.start();
  for (let i = 0; i < 300; i++) unlinkSync(touch(`f${i}`));
  const metrics = await daemon.settle();
  const delivered = metrics.get('rmwatch_events_delivered_total')!;
  expect(metrics.get(UNLINKED)).toBe(300);
  expect(delivered).toBeLessThan(300);
  expect(ledgerGap(metrics)).toBe(300 - delivered);
  reader.read(10_000);
  await waitUntil('some of it is taken', async () => {
    return (await daemon.metrics()).get('rmwatch_events_delivered_total')! > delivered;
  });
  while (reader.read() > 0);
  await daemon.settle();
  for (let i = 0; i < 300; i++) unlinkSync(touch(`f${i}`));
  const before = (await daemon.settle()).get('rmwatch_events_delivered_total')!;
  reader.close();
  // Nobody takes the rest any more, and so the flush fails.
  expect(await daemon.stop()).toBe(1);
  const { message, rmwatch: counts } = daemon.lastDiagnostic();
  expect(message).toBe('stopped');
  expect(counts.delivered).toBeGreaterThanOrEqual(before);
  expect(counts.delivered + counts.lost.output).toBe(600);
});

test('an address in use is told in one line, once', async () => {
  const socket = join(daemon.directory, 'http.sock');
  const listener = net.createServer().listen(socket);
  try {
    await once(listener, 'listening');
    daemon.spawn();
    await waitUntil('it gives up', () => daemon.diagnostics().includes('"fatal"'), 20_000);
    expect(await daemon.stop()).toBe(1);
    const telling = daemon
      .diagnostics()
      .split('\n')
      .filter((line) => line.includes('another process listens'));
    expect(telling.map((line) => JSON.parse(line))).toEqual([
      {
        '@timestamp': expect.any(String),
        ecs: { version: '9.0.0' },
        log: { level: 'fatal' },
        message: `cannot serve HTTP on unix:${socket}: another process listens on ${socket}`,
      },
    ]);
  } finally {
    listener.close();
  }
});
