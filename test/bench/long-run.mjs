/** Memory over many events: it must not grow. */
import fs from 'node:fs';
import { memoryOf } from './process-usage.mjs';
import { oneMatchingWatch, RmwatchProcess } from './rmwatch.mjs';
import { prepareWorkload, runWorkload } from './workloads.mjs';

/** So few that the ring holds them even when the daemon gets no CPU. */
const BATCH_FILES = 40_000;
const SAMPLES = 20;
const QUIET_MS = 60;

/** @returns {Promise<object>} memory by events so far, and the daemon's CPU for all of them */
export async function measureLongRun(mode, { program, programs, plan, roots, outputs, say }) {
  const batch = Math.min(BATCH_FILES, plan.longRunFiles);
  const batches = Math.ceil(plan.longRunFiles / batch);
  const workload = { name: 'long', title: 'long run', filesystem: 'tmpfs', kind: 'loop', files: batch, last: 1 };
  say(`long run of ${batches * batch} deletions: ${mode}`);
  prepareWorkload(workload, roots);
  const watches = oneMatchingWatch(roots);
  const daemon = new RmwatchProcess({ program, mode, watches, outputs, quietMs: QUIET_MS, discard: true });
  const series = [];
  try {
    await daemon.ready(() => daemon.isReady());
    daemon.begin();
    for (let done = 1; done <= batches; done++) {
      await runWorkload(workload, { programs, roots });
      await daemon.settle();
      if (done % Math.ceil(batches / SAMPLES) === 0) series.push({ events: done * batch, ...memoryOf(daemon.pid) });
    }
    const { cpuSeconds, metrics } = await daemon.drained();
    return {
      mode,
      deletions: batches * batch,
      delivered: metrics.rmwatch_events_delivered_total,
      cpuSeconds,
      series,
    };
  } finally {
    await daemon.stop();
    fs.rmSync(outputs, { recursive: true, force: true });
  }
}
