import { rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { expectCheckedLines } from '../../lib/checked-lines.js';
import { ledgerGap, lostEvents } from '../../lib/metrics.js';
import { waitUntil } from '../../lib/wait-until.js';
import { CountedLog, deleter, every, FloodDaemon, memoryOf, stolenMilliseconds } from './flood-bench.js';

/** With the configuration as it comes, on this machine's own kernel in whatever mode it allows. */
const DELETED = 'rmwatch_deletions_total{watch="work",operation="unlink"}';
const DELIVERED = 'rmwatch_events_delivered_total';
const FLOOD = 2_000_000;
const MINUTES = 60_000;
/** A reader that stands still: all that may wait for it, and what the daemon needs anyway. */
const MEMORY_LIMIT = 450 * 1024 * 1024;

let daemon: FloodDaemon;
let log: CountedLog;

async function open(): Promise<void> {
  daemon = new FloodDaemon();
  log = new CountedLog(daemon.eventsFile);
  await daemon.start();
}

async function close(): Promise<void> {
  log.close();
  await daemon.dispose();
}

beforeEach(open);
afterEach(close);

afterAll(expectCheckedLines);

/** Nothing is lost, all is counted, and every event was a line. */
async function expectAll(count: number): Promise<void> {
  const metrics = await daemon.settle();
  expect([lostEvents(metrics), ledgerGap(metrics), metrics.get(DELETED)]).toEqual([0, 0, count]);
  expect(await daemon.stop()).toBe(0);
  expect(await log.account()).toMatchObject({ read: count, torn: 0 });
}

describe('nothing is lost', () => {
  test(
    `when one process deletes ${FLOOD} files at full speed, under scrapes and reloads`,
    async () => {
      const stopScrapes = every(100, () => daemon.metrics());
      const stopReloads = every(1_000, () => daemon.signal('SIGHUP'));
      await deleter('burst', daemon.work, FLOOD);
      await Promise.all([stopScrapes(), stopReloads()]);
      const peak = memoryOf(daemon.pid, 'VmHWM');
      console.log(`${FLOOD} deletions: peak memory ${Math.round(peak / 1e6)} MB`);
      await expectAll(FLOOD);
    },
    5 * MINUTES,
  );

  test(
    'when a changed configuration is loaded every 10 ms, and the last one is in force then',
    async () => {
      const everything = { name: 'work', include: [`${daemon.work}/**`] };
      const second = (name: string) => ({ name, include: [`${daemon.work}/*`], failures: true });
      let reloads = 0;
      const stopReloads = every(10, () => {
        daemon.configure({ watches: [everything, second(reloads++ % 2 === 0 ? 'even' : 'odd')] });
        daemon.signal('SIGHUP');
      });
      const { count } = await deleter('paced', daemon.work, 5_000, 4);
      await stopReloads();
      expect(reloads).toBeGreaterThan(100);
      daemon.configure({ watches: [everything, second('last')] });
      daemon.signal('SIGHUP');
      const last = 'rmwatch_deletions_total{watch="last",operation="unlink"}';
      await waitUntil('the last configuration is in force', async () => (await daemon.metrics()).has(last), 10_000);
      await deleter('burst', daemon.work, 100);
      expect((await daemon.settle()).get(last)).toBe(100);
      await expectAll(count + 100);
    },
    MINUTES,
  );

  test(
    'while the daemon is stopped and goes on (SIGSTOP, SIGCONT), as long as the ring has room',
    async () => {
      daemon.signal('SIGSTOP');
      await deleter('burst', daemon.work, 30_000);
      daemon.signal('SIGCONT');
      await expectAll(30_000);
    },
    5 * MINUTES,
  );

  test(
    'when the reader of the log pauses for 2 s in the middle of a burst',
    async () => {
      const done = deleter('burst', daemon.work, 300_000);
      await waitUntil('the deletions have begun', async () => (await daemon.metrics()).get(DELETED)! > 0, MINUTES);
      log.pause();
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      log.resume();
      await done;
      await expectAll(300_000);
    },
    5 * MINUTES,
  );
});

test(
  'SIGTERM while far more waits than the log takes at once: every deletion still gets its line',
  async () => {
    const count = 250_000;
    log.pause();
    await deleter('burst', daemon.work, count);
    log.resume();
    expect(await daemon.stop()).toBe(0);
    const lost = { ring_full: 0, state_full: 0, probe_skipped: 0, decode: 0, output: 0 };
    expect(daemon.lastDiagnostic()).toMatchObject({ message: 'stopped', rmwatch: { delivered: count, lost } });
    expect(await log.account()).toMatchObject({ read: count, torn: 0 });
  },
  5 * MINUTES,
);

/** Eight deleters at once, by a daemon of their own: what was lost, all of it counted. */
async function eightDeleters(): Promise<number> {
  const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
  const stolenBefore = stolenMilliseconds();
  await Promise.all(names.map((name) => deleter('burst', daemon.subdirectory(name), 100_000)));
  const stolen = stolenMilliseconds() - stolenBefore;
  const metrics = await daemon.settle();
  const lost = lostEvents(metrics);
  const peak = Math.round(memoryOf(daemon.pid, 'VmHWM') / 1e6);
  console.log(
    `8 deleters on ${availableParallelism()} processors: ${lost} lost, peak memory ${peak} MB, ${stolen} ms taken by other machines`,
  );
  if (lost > 0) console.log(daemon.diagnostics().replaceAll('\n', ' '));
  expect([metrics.get(DELETED)! + lost, ledgerGap(metrics)]).toEqual([800_000, 0]);
  expect(await daemon.stop()).toBe(0);
  expect((await log.account()).read).toBe(metrics.get(DELIVERED));
  return lost;
}

/** A processor of a virtual machine can stand still for longer than the ring takes to fill: one such run of three is allowed. */
test(
  '8 processes that delete 100,000 files each at once: nothing is lost',
  async () => {
    if ((await eightDeleters()) === 0) return;
    for (let again = 0; again < 2; again++) {
      await close();
      await open();
      expect(await eightDeleters()).toBe(0);
    }
  },
  15 * MINUTES,
);

test(
  'a flood without a reader for 30 s: memory is bounded, scrapes are answered, all is counted',
  async () => {
    log.pause();
    const slowest = { milliseconds: 0 };
    const stopScrapes = every(500, async () => {
      const begin = performance.now();
      await daemon.metrics();
      slowest.milliseconds = Math.max(slowest.milliseconds, performance.now() - begin);
    });
    const end = performance.now() + 30_000;
    let count = 0;
    while (performance.now() < end) count += (await deleter('burst', daemon.work, 100_000)).count;
    await stopScrapes();
    const peak = memoryOf(daemon.pid, 'VmHWM');
    log.resume();
    const metrics = await daemon.settle();
    const lost = lostEvents(metrics);
    console.log(
      `${count} deletions, ${lost} shed, peak memory ${Math.round(peak / 1e6)} MB, slowest scrape ${Math.round(slowest.milliseconds)} ms`,
    );
    expect(peak).toBeLessThan(MEMORY_LIMIT);
    expect(slowest.milliseconds).toBeLessThan(1_000);
    // Other processes of this machine delete files, too.
    expect(metrics.get('rmwatch_events_seen_total')).toBeGreaterThanOrEqual(count);
    const ringFull = metrics.get('rmwatch_events_lost_total{reason="ring_full"}')!;
    expect([metrics.get(DELETED)! + ringFull, ledgerGap(metrics)]).toEqual([count, 0]);
    expect(lost).toBeGreaterThan(0);
    expect(daemon.diagnostics()).toContain('events were lost');
    expect(await daemon.stop()).toBe(0);
    expect((await log.account()).read).toBeGreaterThan(metrics.get(DELIVERED)!);
  },
  5 * MINUTES,
);

test(
  'SIGKILL in the middle of a flood: the next one starts at once and sees what follows',
  async () => {
    const flood = deleter('burst', daemon.work, 200_000);
    await waitUntil('the deletions have begun', async () => (await daemon.metrics()).get(DELETED)! > 0, MINUTES);
    expect(await daemon.stop('SIGKILL')).toBe('SIGKILL');
    // A line may be torn here.
    await log.account();
    // What a dead reader leaves behind is a pipe without one.
    rmSync(daemon.eventsFile);
    await daemon.start();
    await flood;
    const before = (await daemon.settle()).get(DELETED)!;
    await deleter('burst', daemon.work, 1_000);
    const metrics = await daemon.settle();
    expect([metrics.get(DELETED)! - before, lostEvents(metrics), ledgerGap(metrics)]).toEqual([1_000, 0, 0]);
  },
  5 * MINUTES,
);
