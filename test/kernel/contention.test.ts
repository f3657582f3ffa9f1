import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { bundleEventLines } from '../event-lines/bundle.js';
import { runGuest } from '../guest/harness/guest.js';
import { root, stagedProduct, staticProgram } from './kernels.js';

/** With and without do_unlinkat; RMWATCH_KERNELS names others. */
const KERNELS = process.env['RMWATCH_KERNELS']?.split(',') ?? ['6.12', '7.x'];
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

/** All guests run at the same time: each is busy with one processor most of the time. */
let guests: Map<string, Promise<GuestResult>>;

beforeAll(async () => {
  const files = {
    [stagedProduct()]: '/stage',
    [staticProgram(join(root, 'test/kernel/guest/contention.c'), '-pthread')]: '/opt/contention',
    [await bundleEventLines()]: '/opt/event-lines/event-lines.mjs',
    [join(root, 'test/kernel/guest')]: '/opt/guest',
  };
  const run = (kernel: string) =>
    runGuest({
      kernel,
      label: 'contention',
      initrdFiles: files,
      command: `node /opt/guest/contention.mjs ${MODES.join()}`,
      timeoutSeconds: 1_200,
    }) as Promise<GuestResult>;
  guests = new Map(KERNELS.map((kernel) => [kernel, run(kernel)]));
  // A guest that could not run rejects for its own kernel only.
  for (const guest of guests.values()) guest.catch(() => undefined);
}, 120_000);

/** Deletions by hundreds of threads at once, and under attack by local users: each is told, or counted as lost. */
describe.each(KERNELS)('contention on Linux %s', (kernel) => {
  let result: GuestResult;

  beforeAll(async () => {
    result = await guests.get(kernel)!;
    for (const one of result.results) console.log(`Linux ${kernel}: ${JSON.stringify(one)}`);
  }, 1_500_000);

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
