/** What the daemon costs while nothing is deleted that it wants. */
import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Context } from './context.js';
import { MeasuredDaemon, matchingWatch } from './measured-daemon.js';
import { cpuSeconds, memoryOf, wakeUps } from './process-usage.js';

/** Some seconds after its start the engine collects what that left behind, in five threads. */
const AFTER_START_MS = 15_000;

export interface IdleFigures {
  readonly mode: string;
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly wakeUpsPerSecond: number;
  readonly residentBytes: number;
}

export async function measureIdle(mode: string, context: Context): Promise<IdleFigures> {
  const { program, plan, roots, outputs, say } = context;
  say(`idle for ${plan.idleSeconds} s: ${mode}`);
  const { quietMs } = plan;
  const measured = await MeasuredDaemon.start({ program, mode, watches: [matchingWatch(roots)], outputs, quietMs });
  const { pid } = measured;
  try {
    await measured.settle();
    await sleep(AFTER_START_MS);
    const began = { at: performance.now(), cpu: cpuSeconds(pid), wakeUps: wakeUps(pid) };
    await sleep(plan.idleSeconds * 1000);
    const seconds = (performance.now() - began.at) / 1000;
    return {
      mode,
      seconds,
      cpuSeconds: cpuSeconds(pid) - began.cpu,
      wakeUpsPerSecond: (wakeUps(pid) - began.wakeUps) / seconds,
      residentBytes: memoryOf(pid).residentBytes,
    };
  } finally {
    await measured.stop();
    fs.rmSync(outputs, { recursive: true, force: true });
  }
}
