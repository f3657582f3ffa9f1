import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
// @ts-expect-error plain JavaScript
import { runGuest } from '../guest/guest.mjs';
import { kernels, root, stagedProduct, staticProgram } from './kernels.js';

const MODES = ['kprobe', 'fentry', 'tracepoint'];
const BURST = 20_000;
const CHECKS = ['verifier', 'basic', 'burst', 'asleep', 'SIGTERM under load', 'SIGKILL leaves nothing attached'];

interface Check {
  readonly mode: string;
  readonly check: string;
  readonly ok: boolean;
  readonly problems: readonly string[];
  readonly programs?: readonly { name: string; instructions: number; verifiedInstructions: number }[];
}

interface GuestResult {
  readonly exitCode: number;
  readonly results: readonly Check[];
  readonly splats: readonly string[];
  readonly retries: number;
  readonly seconds: number;
  readonly runDir: string;
}

/** The staged product on real kernels: every attach mode, really deleting files. */
describe.each(kernels())('Linux %s', (kernel) => {
  let result: GuestResult;

  beforeAll(async () => {
    result = (await runGuest({
      kernel,
      label: 'attach-modes',
      initrdFiles: {
        [stagedProduct()]: '/stage',
        [staticProgram(join(root, 'test/kernel/guest/deleter.c'))]: '/opt/deleter',
        [join(root, 'test/kernel/guest')]: '/opt/guest',
      },
      command: ['node', '/opt/guest/attach-modes.mjs', MODES.join(','), String(BURST)],
      disks: [{ sizeMiB: 64, fs: 'ext4', mountAt: '/mnt/ext4' }],
      timeoutSeconds: 600,
    })) as GuestResult;
    console.log(`Linux ${kernel}: ${result.seconds} s, ${result.retries} retries`);
    for (const { mode, programs } of result.results) {
      for (const { name, instructions, verifiedInstructions } of programs ?? []) {
        console.log(`  ${mode} ${name}: ${instructions} instructions, the verifier simulated ${verifiedInstructions}`);
      }
    }
  }, 900_000);

  test('the guest reports success, and its kernel complains of nothing', () => {
    expect(result.exitCode, `see ${result.runDir}`).toBe(0);
    expect(result.splats).toEqual([]);
  });

  describe.each(MODES)('%s', (mode) => {
    test.each(CHECKS)('%s', (check) => {
      const found = result.results.filter((one) => one.mode === mode && (one.check === check || one.check === 'run'));
      expect(
        found.map(({ ok, problems }) => ({ ok, problems })),
        `see ${result.runDir}`,
      ).toEqual([{ ok: true, problems: [] }]);
    });
  });
});
