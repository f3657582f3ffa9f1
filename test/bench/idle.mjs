/** What the daemon costs while nothing is deleted that it wants. */
import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuSeconds, memoryOf, wakeUps } from './process-usage.mjs';
import { oneMatchingWatch, RmwatchProcess } from './rmwatch.mjs';

/** Some seconds after its start the engine collects what that left behind, in five threads. */
const AFTER_START_MS = 15_000;

/** @returns {Promise<{mode: string, seconds: number, cpuSeconds: number, wakeUpsPerSecond: number, residentBytes: number}>} */
export async function measureIdle(mode, { program, plan, roots, outputs, say }) {
  say(`idle for ${plan.idleSeconds} s: ${mode}`);
  const daemon = new RmwatchProcess({
    program,
    mode,
    watches: oneMatchingWatch(roots),
    outputs,
    quietMs: plan.quietMs,
  });
  try {
    await daemon.ready(() => daemon.isReady());
    daemon.begin();
    await daemon.settle();
    await sleep(AFTER_START_MS);
    const began = { at: performance.now(), cpu: cpuSeconds(daemon.pid), wakeUps: wakeUps(daemon.pid) };
    await sleep(plan.idleSeconds * 1000);
    const seconds = (performance.now() - began.at) / 1000;
    return {
      mode,
      seconds,
      cpuSeconds: cpuSeconds(daemon.pid) - began.cpu,
      wakeUpsPerSecond: (wakeUps(daemon.pid) - began.wakeUps) / seconds,
      residentBytes: memoryOf(daemon.pid).residentBytes,
    };
  } finally {
    await daemon.stop();
    fs.rmSync(outputs, { recursive: true, force: true });
  }
}
