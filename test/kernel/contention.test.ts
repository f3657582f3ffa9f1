import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { bundleEventLines } from '../event-lines/bundle.mjs';
import { runGuest } from '../guest/guest.mjs';
import { kernels, root, stagedProduct, staticProgram } from './kernels.js';

const MODES = ['kprobe', 'fentry'];
const CHECKS = ['accounts', 'crowds', 'sleepers', 'failures', 'preempted', 'updates'];

interface Check {
  readonly mode: string;
  readonly check: string;
  readonly ok: boolean;
  readonly problems: readonly string[];
}

interface GuestResult {
  readonly exitCode: number;
  readonly results: readonly Check[];
  readonly splats: readonly string[];
  readonly runDir: string;
}

let files: Record<string, string>;

beforeAll(async () => {
  files = {
    [stagedProduct()]: '/stage',
    [staticProgram(join(root, 'test/kernel/guest/contention.c'), '-pthread')]: '/opt/contention',
    [await bundleEventLines()]: '/opt/event-lines/event-lines.mjs',
    [join(root, 'test/kernel/guest')]: '/opt/guest',
  };
});

/** Deletions by hundreds of threads at once, and under attack by local users: each is told, or counted as lost. */
describe.each(kernels())('contention on Linux %s', (kernel) => {
  let result: GuestResult;

  beforeAll(async () => {
    result = (await runGuest({
      kernel,
      label: 'contention',
      initrdFiles: files,
      command: `node /opt/guest/contention.mjs ${MODES.join()}`,
      timeoutSeconds: 1_800,
    })) as GuestResult;
    for (const one of result.results) console.log(`Linux ${kernel}: ${JSON.stringify(one)}`);
  }, 2_400_000);

  test('the guest reports success, and its kernel complains of nothing', () => {
    expect(result.exitCode, `see ${result.runDir}`).toBe(0);
    expect(result.splats).toEqual([]);
  });

  describe.each(MODES)('%s', (mode) => {
    test.each(CHECKS)('%s', (check) => {
      const found = result.results.filter((one) => one.mode === mode && one.check === check);
      expect(
        found.map(({ ok, problems }) => ({ ok, problems })),
        `see ${result.runDir}`,
      ).toEqual([{ ok: true, problems: [] }]);
    });
  });
});
