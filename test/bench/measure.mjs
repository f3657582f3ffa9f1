/** Everything that is measured in one place: on this machine, or in a guest, where this is the program that runs. */
import { endChildren } from './children.mjs';
import { measureIdle } from './idle.mjs';
import { measureKernelStatistics } from './kernel-statistics.mjs';
import { measureLongRun } from './long-run.mjs';
import { describeMachine } from './machine.mjs';
import { isWanted } from './plan.mjs';
import { attachModes, rmwatchListeners } from './rmwatch.mjs';
import { measureRounds } from './rounds.mjs';
import { otherTools } from './tools.mjs';
import { openPlaces } from './workloads.mjs';

/** The floor hooks as directly as the kernel allows. */
const floorAttach = (modes) => (modes.preferred === 'tracepoint' ? 'tracepoint' : 'kprobe');

/**
 * @param {object} options
 * @param {object} options.plan
 * @param {string} options.programs directory of the bench's own programs
 * @param {(nodeOptions: string[]) => string[]} options.program the daemon's command line
 * @param {string} [options.ext4] a directory on ext4
 * @param {(text: string) => void} options.say
 * @returns {Promise<object>} plain data, for reportText and goalLines
 */
export async function measure({ plan: wanted, programs, program, ext4, say }) {
  const places = openPlaces(wanted.workloads, ext4);
  const { roots, outputs, reasons } = places;
  const plan = { ...wanted, workloads: wanted.workloads.filter(({ filesystem }) => roots[filesystem] !== undefined) };
  const context = { plan, programs, program, roots, outputs, say };
  const wants = (part) => !plan.skip.includes(part);
  const giveUp = () => {
    endChildren();
    places.dispose();
    process.exit(1);
  };
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, giveUp);
  try {
    const modes = attachModes(program);
    const all = [
      ...otherTools({ programs, roots, attach: floorAttach(modes) }),
      ...rmwatchListeners({ program, modes, roots, plan }),
    ];
    const listeners = all.filter(({ name }) => isWanted(name, plan));
    const results = await measureRounds(
      listeners,
      wants('rounds') ? context : { ...context, plan: { ...plan, rounds: 0 } },
    );
    const hasMode = modes.preferred !== null;
    return {
      machine: describeMachine(),
      plan: wanted,
      reasons,
      results,
      kernel: wants('kernel') ? await measureKernelStatistics(listeners, context) : undefined,
      idle: wants('idle') && hasMode ? [await measureIdle(modes.preferred, context)] : [],
      longRun:
        wants('memory') && hasMode && plan.longRunFiles > 0
          ? await measureLongRun(modes.preferred, context)
          : undefined,
    };
  } finally {
    places.dispose();
    for (const signal of ['SIGINT', 'SIGTERM']) process.off(signal, giveUp);
  }
}
