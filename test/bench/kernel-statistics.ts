/** Nanoseconds per run of each BPF program, as the kernel itself measures them. */
import fs from 'node:fs';
import path from 'node:path';
import { type BpfProgramCounters, type BpfStatistics, followBpfStatistics } from '../lib/bpf-statistics.js';
import { spawnChild } from './children.js';
import type { Context } from './context.js';
import type { Listener } from './listener.js';
import { bpfProgramsOf } from './process-usage.js';
import { prepareWorkload, runWorkload } from './workloads.js';

/** What a program did during a run. */
export interface ProgramFigures extends Omit<BpfProgramCounters, 'id'> {
  readonly deletions: number;
}

export interface KernelStatistics {
  /** Why there are none. */
  readonly reason?: string;
  readonly listeners: readonly { readonly name: string; readonly programs: readonly ProgramFigures[] }[];
}

async function measureOne(listener: Listener, statistics: BpfStatistics, context: Context): Promise<ProgramFigures[]> {
  const { plan, programs, roots, outputs } = context;
  const workload = plan.workloads[0]!;
  prepareWorkload(workload, roots);
  const running = await listener.start({ outputs, quietMs: plan.quietMs });
  try {
    let before = new Map<number, BpfProgramCounters>();
    const run = await runWorkload(workload, { programs, roots }, async () => {
      await running.begin();
      before = await statistics.snapshot();
    });
    const after = await statistics.snapshot();
    await running.end(run);
    return [...bpfProgramsOf(running.pid!)].flatMap((id) => {
      const program = after.get(id);
      if (program === undefined) return [];
      const { name, instructions, nativeBytes } = program;
      const since = { runs: program.runs - (before.get(id)?.runs ?? 0), ns: program.ns - (before.get(id)?.ns ?? 0) };
      return [{ name, instructions, nativeBytes, ...since, deletions: run.deletions }];
    });
  } finally {
    await running.stop();
    fs.rmSync(outputs, { recursive: true, force: true });
  }
}

/** Once for each listener that has BPF programs, apart from the timed rounds because measuring has its own cost. */
export async function measureKernelStatistics(
  listeners: readonly Listener[],
  context: Context,
): Promise<KernelStatistics> {
  let statistics: BpfStatistics;
  try {
    statistics = await followBpfStatistics(
      spawnChild([path.join(context.programs, 'bpf_statistics')], { stdio: ['pipe', 'pipe', 'pipe'] }),
    );
  } catch (error) {
    return { reason: (error as Error).message, listeners: [] };
  }
  const measured: { name: string; programs: ProgramFigures[] }[] = [];
  for (const listener of listeners) {
    if (listener.reason !== undefined || !/^(floor|bpftrace|rmwatch)/.test(listener.name)) continue;
    context.say(`kernel statistics: ${listener.name}`);
    try {
      const programs = await measureOne(listener, statistics, context);
      measured.push({ name: listener.name, programs: programs.filter(({ runs }) => runs > 0) });
    } catch (error) {
      context.say(`${listener.name}: ${(error as Error).message}`);
    }
  }
  statistics.close();
  return { listeners: measured };
}
