/**
 * The measurement: every listener has its turn in every round, A B C A B C ..., so that a machine that becomes slower or
 * faster meanwhile does so for all alike.
 */
import fs from 'node:fs';
import type { Context } from './context.js';
import type { Listener, Told } from './listener.js';
import type { MemoryUse } from './process-usage.js';
import { prepareWorkload, type Run, runWorkload } from './workloads.js';

export type Sample = Run & Told;

export interface Result {
  readonly name: string;
  readonly mode?: string | undefined;
  readonly variant?: string | undefined;
  /** Why it cannot work here, or no longer did. */
  readonly reason?: string | undefined;
  /** By workloads, in the order of the rounds. */
  readonly samples: Readonly<Record<string, readonly Sample[]>>;
  readonly memory: readonly MemoryUse[];
}

/** One turn of one listener: all workloads. */
async function turn(listener: Listener, { plan, programs, roots, outputs, say }: Context) {
  for (const workload of [plan.warmUp, ...plan.workloads]) prepareWorkload(workload, roots);
  const running = await listener.start({ outputs, quietMs: plan.quietMs });
  const samples: Record<string, Sample> = {};
  try {
    await running.end(await runWorkload(plan.warmUp, { programs, roots }, () => running.begin()));
    for (const workload of plan.workloads) {
      if (listener.filesystems?.includes(workload.filesystem) === false) continue;
      const run = await runWorkload(workload, { programs, roots }, () => running.begin());
      const told = await running.end(run);
      samples[workload.name] = { ...run, ...told };
      if (told.invalid) say(`${listener.name}, ${workload.title}: not valid, ${told.invalid}`);
    }
    return { samples, memory: running.memory() };
  } finally {
    await running.stop();
  }
}

/** Of the listeners, in their order. */
export async function measureRounds(listeners: readonly Listener[], context: Context): Promise<Result[]> {
  const { plan, say, outputs } = context;
  const results = listeners.map(({ name, reason, mode, variant }) => ({
    ...{ name, reason, mode, variant },
    samples: Object.fromEntries(plan.workloads.map((workload) => [workload.name, [] as Sample[]])),
    memory: [] as MemoryUse[],
  }));
  for (let round = 1; round <= plan.rounds; round++) {
    for (const [index, listener] of listeners.entries()) {
      const result = results[index]!;
      if (result.reason !== undefined) continue;
      say(`round ${round} of ${plan.rounds}: ${listener.name}`);
      try {
        const { samples, memory } = await turn(listener, context);
        for (const [workload, sample] of Object.entries(samples)) result.samples[workload]!.push(sample);
        if (memory) result.memory.push(memory);
      } catch (error) {
        // The table tells it: one tool that fails must not take the others' figures with it.
        result.reason = (error as Error).message;
        say(`${listener.name}: ${(error as Error).stack}`);
      }
      fs.rmSync(outputs, { recursive: true, force: true });
    }
  }
  return results;
}
