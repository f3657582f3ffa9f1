import { beforeAll, describe, expect, test } from 'vitest';
import { differential, summaryLines } from '../differential/differential.mjs';
import { stagedProduct } from './kernels.js';

/** Slow, and about real programs rather than kernels: the cases of kernels.test.ts run on every kernel. */
const RUNS = [{ kernel: '6.12', mode: 'kprobe' }];
const PROGRAMS = ['rm', 'git', 'rsync', 'perl', 'node'];

interface Difference {
  readonly ok: boolean;
  readonly calls: number;
  readonly events: number;
  readonly seconds: number;
  readonly checked: { readonly lines: number; readonly invalid: number } | undefined;
  readonly skips: readonly unknown[];
  readonly mismatches: readonly unknown[];
  readonly programs: readonly { program: string; calls: number; replacing: number }[];
  readonly runDir: string;
}

let stage: string;

beforeAll(() => {
  stage = stagedProduct();
});

describe.each(RUNS)('real programs on Linux $kernel, $mode', ({ kernel, mode }) => {
  test('every deletion that strace sees is one event, and every event is one of them', async () => {
    const result = (await differential({ kernel, mode, stage })) as unknown as Difference;
    for (const line of summaryLines({ kernel, mode }, result) as string[]) console.log(line);
    expect(result.mismatches.slice(0, 20), `see ${result.runDir}`).toEqual([]);
    expect(result.programs.map(({ program }) => program)).toEqual(expect.arrayContaining(PROGRAMS));
    expect(result.programs.every(({ calls }) => calls > 0)).toBe(true);
    expect(result.ok).toBe(true);
  }, 1_200_000);
});
