/** What the daemon adds to a system call that deletes nothing. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import type { Context } from './context.js';
import { MeasuredDaemon, matchingWatch } from './measured-daemon.js';
import { median, type Spread, spread } from './statistics.js';

/** CPU nanoseconds of one call. */
export interface OtherCalls {
  readonly mode: string;
  readonly alone: Spread;
  readonly watched: Spread;
  /** The median of the differences of each round. */
  readonly added: number;
}

/** Each round measures without the daemon and, at once afterwards, with it. */
export async function measureOtherCalls(mode: string, context: Context): Promise<OtherCalls> {
  const { program, programs, plan, roots, outputs, say } = context;
  const { quietMs } = plan;
  const call = () => {
    const args = [String(plan.otherCalls)];
    return Number(execFileSync(path.join(programs, 'other_calls'), args, { encoding: 'utf8' }));
  };
  const alone: number[] = [];
  const watched: number[] = [];
  for (let round = 1; round <= plan.rounds; round++) {
    say(`calls that delete nothing, round ${round} of ${plan.rounds}: ${mode}`);
    alone.push(call());
    const measured = await MeasuredDaemon.start({ program, mode, watches: [matchingWatch(roots)], outputs, quietMs });
    try {
      await measured.settle();
      watched.push(call());
    } finally {
      await measured.stop();
      fs.rmSync(outputs, { recursive: true, force: true });
    }
  }
  const added = median(watched.map((nanoseconds, round) => nanoseconds - alone[round]!));
  return { mode, alone: spread(alone)!, watched: spread(watched)!, added };
}
