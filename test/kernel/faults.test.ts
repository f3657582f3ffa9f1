import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { bundleEventLines } from '../event-lines/bundle.js';
import { runGuest } from '../guest/harness/guest.js';
import { root, stagedProduct, staticProgram } from './kernels.js';

/** What guest/faults.mjs reports. */
interface Check {
  readonly check: string;
  readonly ok: boolean;
  readonly problems: readonly string[];
  readonly seconds: number;
}

interface GuestResult {
  readonly exitCode: number;
  readonly results: readonly Check[];
  readonly splats: readonly string[];
  readonly seconds: number;
  readonly runDir: string;
}

/** None of the faults depends on the kernel. */
const KERNEL = '6.12';
const CHECKS = [
  'start',
  'filesystems that go away',
  'a probe that is disarmed',
  'a clock that jumps',
  'stop',
  'too little memory',
];

let result: GuestResult;

beforeAll(async () => {
  result = (await runGuest({
    kernel: KERNEL,
    label: 'faults',
    initrdFiles: {
      [stagedProduct()]: '/stage',
      [staticProgram(join(root, 'test/kernel/guest/deleter.c'))]: '/opt/deleter',
      [await bundleEventLines()]: '/opt/event-lines/event-lines.mjs',
      [join(root, 'test/kernel/guest')]: '/opt/guest',
    },
    command: 'node /opt/guest/faults.mjs',
    timeoutSeconds: 600,
  })) as GuestResult;
  console.log(
    `Linux ${KERNEL}: ${result.seconds} s; ${result.results.map(({ check, seconds }) => `${check}: ${seconds} s`).join('; ')}`,
  );
}, 900_000);

test('the guest reports success, and its kernel complains of nothing', () => {
  expect(result.exitCode, `see ${result.runDir}`).toBe(0);
  expect(result.splats).toEqual([]);
});

test.each(CHECKS)('%s', (check) => {
  const found = result.results.filter((one) => one.check === check);
  expect(
    found.map(({ ok, problems }) => ({ ok, problems })),
    `see ${result.runDir}`,
  ).toEqual([{ ok: true, problems: [] }]);
});
