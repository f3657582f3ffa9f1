import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import { expectCheckedLines } from '../lib/checked-lines.js';
import { HostDaemon } from '../lib/host-daemon.js';
import { ledgerGap, type Metrics, sampleOf } from '../lib/metrics.js';
import { waitUntil } from '../lib/wait-until.js';

/** Real mass deletions and the whole daemon, in whatever mode this machine's own kernel allows. */
let daemon: HostDaemon;

beforeEach(() => {
  daemon = new HostDaemon();
});

/** Every line of every test here is what config/event.schema.json says. */
afterEach(() => daemon.dispose());
afterAll(expectCheckedLines);

const FILES = 3_000;
/** Three thousand files, and the directory that they are in. */
const DELETIONS = FILES + 1;

function configure(watches: Readonly<Record<string, object>>, threshold = 1_000): void {
  daemon.configure({
    watches: Object.entries(watches).map(([name, watch]) => ({ name, include: [`${daemon.work}/**`], ...watch })),
    // Short, so that the end comes soon; a busy machine may take longer for a thousand.
    bursts: { threshold, window: '5s' },
    socket: { path: join(daemon.directory, 'events.sock') },
  });
}

/** What readers of the event socket get from now on. */
async function follow(): Promise<{ text: string }> {
  const got = { text: '' };
  const connection = net.connect(join(daemon.directory, 'events.sock'));
  connection.on('data', (bytes) => {
    got.text += bytes;
  });
  await once(connection, 'data');
  return got;
}

function makeTree(files = FILES): string {
  const tree = join(daemon.work, 'tree');
  mkdirSync(tree);
  for (let i = 0; i < files; i++) writeFileSync(join(tree, `f${i}.log`), '');
  return tree;
}

// biome-ignore lint/suspicious/noExplicitAny: what the daemon writes is what is tested
const alerts = (): any[] => daemon.record().filter(({ event }) => event.kind === 'alert');
const actions = () => alerts().map(({ event }) => event.action);
const endedIn = (watches: number) =>
  waitUntil(
    'the end of the burst in each watch',
    () => actions().filter((action) => action === 'mass-deletion-ended').length === watches,
    30_000,
  );

function ofWatch(metrics: Metrics, name: string, watch: string): number {
  return sampleOf(metrics, `${name}{watch="${watch}"}`);
}

test('rm -rf is a burst, told while it goes on and when it is over', async () => {
  configure({ work: {} });
  await daemon.start();
  expect([
    ofWatch(await daemon.metrics(), 'rmwatch_bursts_total', 'work'),
    ofWatch(await daemon.metrics(), 'rmwatch_bursts_active', 'work'),
  ]).toEqual([0, 0]);
  const tree = makeTree();
  execFileSync('rm', ['-rf', tree]);
  const metrics = await daemon.settleLog();
  expect(ofWatch(metrics, 'rmwatch_bursts_total', 'work')).toBe(1);
  await endedIn(1);
  expect(ofWatch(await daemon.metrics(), 'rmwatch_bursts_active', 'work')).toBe(0);
  expect(actions()).toEqual(['mass-deletion-started', 'mass-deletion-ended']);
  const events = daemon.events();
  expect(events).toHaveLength(DELETIONS);
  const [started, over] = alerts();
  expect(started).toMatchObject({
    event: { dataset: 'rmwatch.burst' },
    process: { name: 'rm', pid: events[0].process.pid, args: ['rm', '-rf', tree], parent: { pid: process.pid } },
    user: { id: '0' },
    rule: { name: ['work'] },
    rmwatch: { burst: { by: 'process', deletions: 1_000, operations: { unlink: 1_000 }, directory: tree } },
  });
  expect(Math.abs(Date.parse(started.event.start) - Date.parse(events[0]['@timestamp']))).toBeLessThan(100);
  // It was noticed while two thirds of the files were still there.
  expect(started['@timestamp'] < events.at(-1)['@timestamp']).toBe(true);
  expect(over.rmwatch.burst).toMatchObject({
    number: started.rmwatch.burst.number,
    deletions: DELETIONS,
    operations: { unlink: FILES, rmdir: 1 },
    folded: 0,
    directory: daemon.work,
    extensions: [{ extension: '.log' }, { extension: '' }],
  });
  expect(over.message).toContain(`${DELETIONS} deletions in `);
}, 90_000);

test('a watch that folds has the lines before the burst and those of others, and the ledger closes', async () => {
  configure({ folding: { fold: true } });
  await daemon.start();
  const followed = await follow();
  execFileSync('rm', ['-rf', makeTree()]);
  // It has the same parent and the same session as the process that bursts.
  const other = join(daemon.work, 'other');
  writeFileSync(other, '');
  execFileSync('rm', [other]);
  await endedIn(1);
  const metrics = await daemon.settleLog();
  const folded = sampleOf(metrics, 'rmwatch_events_folded_total');
  const events = daemon.events();
  expect(folded).toBe(DELETIONS - 1_000);
  expect(events).toHaveLength(1_000 + 1);
  expect(events.at(-1).file.path).toBe(other);
  // What is folded takes no number.
  expect(events.map(({ event }) => event.sequence)).toEqual(events.map((_, index) => index + 1));
  expect(ledgerGap(metrics)).toBe(0);
  const counted = ['unlink', 'rmdir'].map((operation) =>
    sampleOf(metrics, `rmwatch_deletions_total{watch="folding",operation="${operation}"}`),
  );
  expect(counted).toEqual([FILES + 1, 1]);
  expect(alerts().at(-1).rmwatch.burst).toMatchObject({ deletions: DELETIONS, folded });
  await waitUntil('readers of the socket have it', () => followed.text.includes('"mass-deletion-ended"'));
  expect(followed.text).toContain('"mass-deletion-started"');
  expect(await daemon.stop()).toBe(0);
  expect(daemon.lastDiagnostic()).toMatchObject({ message: 'stopped', rmwatch: { folded } });
}, 90_000);

test('nothing is folded that a watch without it wants, and nothing without bursts', async () => {
  configure({ folding: { fold: true }, plain: {} });
  await daemon.start();
  execFileSync('rm', ['-rf', makeTree()]);
  await endedIn(2);
  expect(await daemon.settledEvents()).toHaveLength(DELETIONS);
  expect(
    alerts()
      .map(({ rule }) => rule.name[0])
      .sort(),
  ).toEqual(['folding', 'folding', 'plain', 'plain']);
  daemon.configure({ watches: [{ name: 'folding', include: [`${daemon.work}/**`], fold: true }], bursts: 'off' });
  daemon.signal('SIGHUP');
  await waitUntil('the reload', () => daemon.diagnostics().includes('configuration reloaded'));
  execFileSync('rm', ['-rf', makeTree()]);
  expect(await daemon.settledEvents()).toHaveLength(2 * DELETIONS);
  expect((await daemon.metrics()).has('rmwatch_bursts_total{watch="folding"}')).toBe(false);
}, 90_000);

test('many short processes that have something in common are one burst', async () => {
  configure({ work: {} }, 50);
  await daemon.start();
  const tree = makeTree(80);
  execFileSync('find', [tree, '-name', '*.log', '-exec', 'rm', '{}', ';']);
  await daemon.settleLog();
  const [started] = alerts();
  expect(alerts()).toHaveLength(1);
  expect(['container', 'cgroup', 'parent']).toContain(started.rmwatch.burst.by);
  expect(started.rmwatch.burst).toMatchObject({ deletions: 50, programs: [{ name: 'rm' }], directory: tree });
  expect(new Set(daemon.events().map(({ process: { pid } }) => pid)).size).toBe(80);
}, 90_000);

test('a burst that goes on when the daemon stops ends before the stop', async () => {
  configure({ work: {} });
  await daemon.start();
  execFileSync('rm', ['-rf', makeTree()]);
  await daemon.settleLog();
  expect(await daemon.stop()).toBe(0);
  const text = readFileSync(daemon.eventsFile, 'utf8');
  expect(text.indexOf('"mass-deletion-ended"')).toBeGreaterThan(text.indexOf('"mass-deletion-started"'));
  expect(actions()).toEqual(['mass-deletion-started', 'mass-deletion-ended']);
}, 60_000);
