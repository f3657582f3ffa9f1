import { renameSync } from 'node:fs';
import { expect, test } from 'vitest';
import { expectCheckedLines } from '../../lib/checked-lines.js';
import { ledgerGap, lostEvents } from '../../lib/metrics.js';
import { delayQuantiles, deleter, descriptorsOf, every, FloodDaemon, memoryOf, slope } from './flood-bench.js';

/** RMWATCH_SOAK_SECONDS=600 for the long one. */
const SECONDS = Number(process.env['RMWATCH_SOAK_SECONDS'] ?? 60);
const RATE = 20_000;
const ROTATION_MS = 5_000;
/** Until the compiler and the caches have what they need. */
const WARM_SECONDS = 20;
/** Most that memory may grow in the whole run, as the line through all samples says. */
const GROWTH_LIMIT = 30 * 1024 * 1024;
/** Half of what systemd allows a service unless its unit says more (LimitNOFILE=, soft limit 1,024). */
const DESCRIPTORS_LIMIT = 512;

test(
  `${SECONDS} s at ${RATE} deletions a second, with rotations and scrapes`,
  async () => {
    const daemon = new FloodDaemon();
    try {
      await daemon.start();
      const memory: number[] = [];
      const descriptors: number[] = [];
      let rotations = 0;
      const stopScrapes = every(1_000, async () => {
        await daemon.metrics();
        memory.push(memoryOf(daemon.pid, 'VmRSS'));
        descriptors.push(descriptorsOf(daemon.pid));
      });
      let rotatedLines = 0;
      const stopRotations = every(ROTATION_MS, async () => {
        rotatedLines += await daemon.removeRotated();
        rotations += 1;
        renameSync(daemon.eventsFile, `${daemon.eventsFile}.${rotations}`);
        daemon.signal('SIGHUP');
      });
      const { count } = await deleter('paced', daemon.work, RATE, SECONDS);
      await Promise.all([stopScrapes(), stopRotations()]);
      const metrics = await daemon.settle();
      const growth = slope(memory.slice(WARM_SECONDS));
      const [p50, p99, most] = delayQuantiles(metrics, [0.5, 0.99, 1]);
      const peak = Math.round(memoryOf(daemon.pid, 'VmHWM') / 1e6);
      console.log(
        `${count} deletions, ${rotations} rotations, peak memory ${peak} MB, growth ${Math.round(growth / 1024)} KiB/s,` +
          ` descriptors ${Math.min(...descriptors)} to ${Math.max(...descriptors)},` +
          ` delay p50 <= ${p50} s, p99 <= ${p99} s, max <= ${most} s`,
      );
      expect([lostEvents(metrics), ledgerGap(metrics)]).toEqual([0, 0]);
      expect(metrics.get('rmwatch_deletions_total{watch="work",operation="unlink"}')).toBe(count);
      expect(growth * SECONDS).toBeLessThan(GROWTH_LIMIT);
      // None stays open. For a moment there are more: a scrape's connection, a file that is opened again, and the thread that
      // reads the configuration of a reload. It opens as many of its modules at once as it can, so the most depends on the disk.
      const half = Math.floor(descriptors.length / 2);
      expect(Math.min(...descriptors.slice(half))).toBeLessThanOrEqual(Math.min(...descriptors.slice(0, half)));
      expect(Math.max(...descriptors)).toBeLessThan(DESCRIPTORS_LIMIT);
      expect(await daemon.stop()).toBe(0);
      const rest = daemon.events().length + (await daemon.removeRotated());
      expect(rotatedLines + rest).toBe(count);
      console.log(`${rotatedLines + rest} event lines, a part of each rotated file is held against the schema`);
    } finally {
      await daemon.dispose();
    }
    expectCheckedLines();
  },
  (SECONDS + 120) * 1_000,
);
