import type fc from 'fast-check';

const SEED = Number(process.env['RMWATCH_SEED'] ?? Date.now() % 1e9);

/** For fc.assert: a fixed number of runs. The seed is printed, so that RMWATCH_SEED repeats a run; a failure is shrunk. */
export function fuzzed(runs: number): fc.Parameters<unknown> {
  console.log(`RMWATCH_SEED=${SEED}`);
  return { seed: SEED, numRuns: runs };
}
