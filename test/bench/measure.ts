/** Everything that is measured in one place: on this machine, or in a guest, where this is the program that runs. */
import { endChildren } from './children.js';
import type { Context } from './context.js';
import { type IdleFigures, measureIdle } from './idle.js';
import { type KernelStatistics, measureKernelStatistics } from './kernel-statistics.js';
import { type LongRun, measureLongRun } from './long-run.js';
import { describeMachine } from './machine.js';
import { measureOtherCalls, type OtherCalls } from './other-calls.js';
import { openPlaces, type Places } from './places.js';
import { isWanted, type Part, type Plan } from './plan.js';
import { attachModes, rmwatchListeners } from './rmwatch.js';
import { measureRounds, type Result } from './rounds.js';
import { measureSearch, type SearchFigures } from './search.js';
import { otherTools } from './tools.js';

export interface MeasureOptions extends Pick<Context, 'plan' | 'programs' | 'program' | 'say'> {
  /** A directory on ext4, when there is one already. */
  readonly ext4?: string;
}

/** Plain data, for reportText and goalLines. */
export interface Measured {
  readonly machine: string;
  readonly plan: Plan;
  /** Why there are no figures of a file system. */
  readonly reasons: Places['reasons'];
  readonly results: readonly Result[];
  readonly kernel?: KernelStatistics | undefined;
  readonly otherCalls?: OtherCalls | undefined;
  readonly idle: readonly IdleFigures[];
  readonly longRun?: LongRun | undefined;
  readonly search?: SearchFigures | undefined;
}

export async function measure({ plan, programs, program, ext4, say }: MeasureOptions): Promise<Measured> {
  const places = openPlaces(plan.workloads, ext4);
  const giveUp = () => {
    endChildren();
    places.dispose();
    process.exit(1);
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, giveUp);
  try {
    const { roots, outputs } = places;
    const workloads = plan.workloads.filter(({ filesystem }) => roots[filesystem] !== undefined);
    const context = { plan: { ...plan, workloads }, programs, program, roots, outputs, say };
    return { machine: describeMachine(), plan, reasons: places.reasons, ...(await measureParts(context)) };
  } finally {
    places.dispose();
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, giveUp);
  }
}

async function measureParts(context: Context): Promise<Omit<Measured, 'machine' | 'plan' | 'reasons'>> {
  const { plan, program, programs, roots } = context;
  const wants = (part: Part) => !plan.skip.includes(part);
  const modes = attachModes(program);
  const mode = modes.preferred;
  // The floor hooks as directly as the kernel allows.
  const attach = mode === 'tracepoint' ? 'tracepoint' : 'kprobe';
  const all = [...otherTools({ programs, roots, attach }), ...rmwatchListeners(modes, { program, roots, plan })];
  const listeners = all.filter(({ name }) => isWanted(name, plan));
  const rounds = wants('rounds') ? plan.rounds : 0;
  const results = await measureRounds(listeners, { ...context, plan: { ...plan, rounds } });
  const wantsLongRun = wants('memory') && plan.longRunFiles > 0;
  return {
    results,
    kernel: wants('kernel') ? await measureKernelStatistics(listeners, context) : undefined,
    otherCalls: wants('calls') && mode !== null ? await measureOtherCalls(mode, context) : undefined,
    idle: wants('idle') && mode !== null ? [await measureIdle(mode, context)] : [],
    longRun: wantsLongRun && mode !== null ? await measureLongRun(mode, context) : undefined,
    search: wants('search') && plan.searchLines > 0 ? await measureSearch(context) : undefined,
  };
}
