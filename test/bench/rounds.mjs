/**
 * The measurement: every listener has its turn in every round, A B C A B C ..., so that a machine that becomes slower or
 * faster meanwhile does so for all alike.
 */
import fs from 'node:fs';
import { prepareWorkload, runWorkload } from './workloads.mjs';

/** One turn of one listener: all workloads. */
async function turn(listener, { plan, programs, roots, outputs, say }) {
  for (const workload of [plan.warmUp, ...plan.workloads]) prepareWorkload(workload, roots);
  const running = await listener.start({ outputs, quietMs: plan.quietMs });
  const samples = {};
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

/**
 * @returns {Promise<{name: string, reason?: string, samples: Record<string, object[]>, memory: object[]}[]>} samples of
 *   a workload stand in the order of the rounds
 */
export async function measureRounds(listeners, context) {
  const { plan, say, outputs } = context;
  const results = listeners.map(({ name, reason, mode, variant, tells }) => ({
    ...{ name, reason, mode, variant, tells },
    samples: Object.fromEntries(plan.workloads.map((workload) => [workload.name, []])),
    memory: [],
  }));
  for (let round = 1; round <= plan.rounds; round++) {
    for (const [index, listener] of listeners.entries()) {
      const result = results[index];
      if (result.reason !== undefined) continue;
      say(`round ${round} of ${plan.rounds}: ${listener.name}`);
      try {
        const { samples, memory } = await turn(listener, context);
        for (const [workload, sample] of Object.entries(samples)) result.samples[workload].push(sample);
        if (memory) result.memory.push(memory);
      } catch (error) {
        // Said in the table: one tool that fails must not take the others' figures with it.
        result.reason = error.message;
        say(`${listener.name}: ${error.stack}`);
      }
      fs.rmSync(outputs, { recursive: true, force: true });
    }
  }
  return results;
}
