/** Memory over many events: it must not grow. */
import fs from 'node:fs';
import { sampleOf } from '../lib/metrics.js';
import type { Context } from './context.js';
import { MeasuredDaemon, matchingWatch } from './measured-daemon.js';
import type { Workload } from './plan.js';
import { type MemoryUse, memoryOf } from './process-usage.js';
import { prepareWorkload, runWorkload } from './workloads.js';

/** So few that the ring holds them even when the daemon gets no CPU. */
const BATCH_FILES = 40_000;
const SAMPLES = 20;
const QUIET_MS = 60;

export interface LongRun {
  readonly mode: string;
  readonly deletions: number;
  readonly delivered: number;
  /** The daemon's, for all of them. */
  readonly cpuSeconds: number;
  /** Memory by events so far. */
  readonly series: readonly (MemoryUse & { readonly events: number })[];
}

export async function measureLongRun(mode: string, context: Context): Promise<LongRun> {
  const { program, programs, plan, roots, outputs, say } = context;
  const batch = Math.min(BATCH_FILES, plan.longRunFiles);
  const batches = Math.ceil(plan.longRunFiles / batch);
  const workload: Workload = {
    ...{ name: 'long', title: 'long run', filesystem: 'tmpfs', kind: 'loop', files: batch, last: 1 },
  };
  say(`long run of ${batches * batch} deletions: ${mode}`);
  prepareWorkload(workload, roots);
  const watches = [matchingWatch(roots)];
  const measured = await MeasuredDaemon.start({ program, mode, watches, outputs, quietMs: QUIET_MS, discard: true });
  const series: (MemoryUse & { events: number })[] = [];
  try {
    measured.account.begin();
    for (let done = 1; done <= batches; done++) {
      await runWorkload(workload, { programs, roots });
      await measured.account.settle();
      if (done % Math.ceil(batches / SAMPLES) === 0) series.push({ events: done * batch, ...memoryOf(measured.pid) });
    }
    const { cpuSeconds, metrics } = await measured.settle();
    const delivered = sampleOf(metrics, 'rmwatch_events_delivered_total');
    return { mode, deletions: batches * batch, delivered, cpuSeconds, series };
  } finally {
    await measured.stop();
    fs.rmSync(outputs, { recursive: true, force: true });
  }
}
