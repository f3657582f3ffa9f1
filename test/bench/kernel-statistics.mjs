/** Nanoseconds per run of each BPF program, as the kernel itself measures them. */
import fs from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';
import { spawnChild } from './children.mjs';
import { bpfProgramsOf } from './process-usage.mjs';
import { prepareWorkload, runWorkload } from './workloads.mjs';

/** Has the kernel measure until close(); snapshot() reads what it has counted, by program id. */
async function startMeasuring(programs) {
  const child = spawnChild([path.join(programs, 'bpf_statistics')], { stdio: ['pipe', 'pipe', 'pipe'] });
  const lines = readline.createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  let message = '';
  child.stderr.on('data', (data) => (message += data));
  if ((await lines.next()).value !== 'measuring') throw new Error(message.trim());
  return {
    async snapshot() {
      child.stdin.write('\n');
      return new Map(JSON.parse((await lines.next()).value).map((program) => [program.id, program]));
    },
    close: () => child.stdin.end(),
  };
}

async function measureOne(listener, statistics, { plan, programs, roots, outputs }) {
  const workload = plan.workloads[0];
  prepareWorkload(workload, roots);
  const running = await listener.start({ outputs, quietMs: plan.quietMs });
  try {
    let before;
    const run = await runWorkload(workload, { programs, roots }, async () => {
      await running.begin();
      before = await statistics.snapshot();
    });
    const after = await statistics.snapshot();
    await running.end(run);
    const ids = [...bpfProgramsOf(running.pid)].filter((id) => after.has(id));
    return ids.map((id) => {
      const { name, runs, ns, instructions, nativeBytes } = after.get(id);
      const since = { runs: runs - (before.get(id)?.runs ?? 0), ns: ns - (before.get(id)?.ns ?? 0) };
      return { name, instructions, nativeBytes, ...since, deletions: run.deletions };
    });
  } finally {
    await running.stop();
    fs.rmSync(outputs, { recursive: true, force: true });
  }
}

/**
 * Once for each listener that has BPF programs, apart from the timed rounds because measuring has its own cost.
 * @returns {Promise<{reason?: string, listeners: {name: string, programs: object[]}[]}>}
 */
export async function measureKernelStatistics(listeners, context) {
  let statistics;
  try {
    statistics = await startMeasuring(context.programs);
  } catch (error) {
    return { reason: error.message, listeners: [] };
  }
  const measured = [];
  for (const listener of listeners) {
    if (listener.reason !== undefined || !/^(floor|bpftrace|rmwatch)/.test(listener.name)) continue;
    context.say(`kernel statistics: ${listener.name}`);
    try {
      const programs = await measureOne(listener, statistics, context);
      measured.push({ name: listener.name, programs: programs.filter(({ runs }) => runs > 0) });
    } catch (error) {
      context.say(`${listener.name}: ${error.message}`);
    }
  }
  statistics.close();
  return { listeners: measured };
}
