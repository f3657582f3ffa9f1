import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { bundleEventLines } from '../event-lines/bundle.mjs';
import { runGuest } from '../guest/guest.mjs';
import { buildWorkload } from '../workload/build.mjs';
import { kernels, root, stagedProduct, staticProgram } from './kernels.js';

const MODES = ['kprobe', 'fentry', 'tracepoint'];
/** Those that know where a file lies; the others know only what was typed. */
const RESOLVING_MODES = ['kprobe', 'fentry'];
const BURST = 20_000;
const CHECKS = [
  'verifier',
  'basic',
  'burst',
  'asleep',
  'SIGTERM under load',
  'SIGKILL leaves nothing attached',
  'lines of the schema',
  'lines of the cases of the schema',
];
/** What system calls tell is the same on every filesystem. */
const DIRECTORIES: Readonly<Record<string, readonly string[]>> = {
  kprobe: ['/tmp/tmpfs', '/mnt/btrfs', '/tmp/overlay'],
  fentry: ['/mnt/ext4', '/mnt/xfs', '/tmp/overlay'],
  tracepoint: ['/tmp/tmpfs'],
};
/** An overlayfs as containers have it: the lower layer on one filesystem, the upper one on another. */
const MOUNTS = [
  'mkdir -p /tmp/tmpfs /tmp/lower /tmp/overlay /mnt/ext4/upper /mnt/ext4/work',
  'mount -t overlay -o lowerdir=/tmp/lower,upperdir=/mnt/ext4/upper,workdir=/mnt/ext4/work overlay /tmp/overlay',
];
/** A guest is busy with one processor most of the time. */
const GUESTS_AT_ONCE = 2;

/** What the programs in guest/ report. */
interface Check {
  readonly mode: string;
  readonly check?: string;
  readonly directory?: string;
  readonly ok: boolean;
  readonly problems: readonly string[];
  readonly lines?: number;
  readonly invalid?: number;
  readonly variant?: string;
  readonly programs?: readonly { name: string; instructions: number; verifiedInstructions: number }[];
  readonly cases?: number;
  readonly attempts?: number;
  readonly mismatches?: number;
  readonly missing?: number;
  readonly unexpected?: number;
  readonly skips?: readonly { case: string; reason: string }[];
  readonly shown?: readonly unknown[];
}

interface GuestFiles {
  readonly stage: string;
  readonly deleter: string;
  readonly cases: string;
  readonly eventLines: string;
}

interface GuestResult {
  readonly exitCode: number;
  readonly results: readonly Check[];
  readonly splats: readonly string[];
  readonly retries: number;
  readonly release: string;
  readonly seconds: number;
  readonly runDir: string;
}

function run(kernel: string, { stage, deleter, cases, eventLines }: GuestFiles): Promise<GuestResult> {
  const attachModes = `node /opt/guest/attach-modes.mjs ${MODES.join()} ${BURST}`;
  const truth = `node /opt/guest/truth.mjs ${MODES.map((mode) => `${mode}:${DIRECTORIES[mode]!.join()}`).join(' ')}`;
  const hiding = `node /opt/guest/hiding.mjs ${RESOLVING_MODES.join()}`;
  return runGuest({
    kernel,
    label: 'kernels',
    initrdFiles: {
      [stage]: '/stage',
      [deleter]: '/opt/deleter',
      [cases]: '/opt/cases',
      [eventLines]: '/opt/event-lines/event-lines.mjs',
      [join(root, 'test/kernel/guest')]: '/opt/guest',
      [join(root, 'test/workload')]: '/opt/workload',
    },
    modules: ['overlay', 'btrfs', 'xfs'],
    disks: [
      { sizeMiB: 256, fs: 'ext4', mountAt: '/mnt/ext4' },
      { sizeMiB: 256, fs: 'btrfs', mountAt: '/mnt/btrfs' },
      { sizeMiB: 320, fs: 'xfs', mountAt: '/mnt/xfs' },
    ],
    command: [...MOUNTS, hiding, attachModes, truth].join(' && '),
    timeoutSeconds: 2_000,
  }) as Promise<GuestResult>;
}

/** All guests' results, a few running at a time; a guest that could not run at all rejects for its kernel only. */
function runAll(names: readonly string[], eventLines: string): Map<string, Promise<GuestResult>> {
  const files: GuestFiles = {
    stage: stagedProduct(),
    deleter: staticProgram(join(root, 'test/kernel/guest/deleter.c')),
    cases: buildWorkload() as string,
    eventLines,
  };
  const lanes: Promise<unknown>[] = Array.from({ length: GUESTS_AT_ONCE }, () => Promise.resolve());
  return new Map(
    names.map((name, index) => {
      const lane = index % GUESTS_AT_ONCE;
      const result = lanes[lane]!.then(() => run(name, files));
      lanes[lane] = result.catch(() => undefined);
      return [name, result];
    }),
  );
}

/** A row of the README's table of kernels. */
function tableRow({ release, results }: GuestResult): string {
  const cells = MODES.map((mode) => {
    const sum = (field: 'attempts' | 'mismatches' | 'missing' | 'unexpected') =>
      results.filter((one) => one.mode === mode).reduce((all, one) => all + (one[field] ?? 0), 0);
    const missing = sum('missing');
    // Those that are told of nowhere and counted as missed by the kernel: any other one fails the test.
    const leftOut = missing === 0 ? '' : `, ${missing} left out by the kernel`;
    return `${sum('attempts').toLocaleString('en')}, ${sum('mismatches') + sum('unexpected')} wrong${leftOut}`;
  });
  const programs = results.flatMap((one) => one.programs ?? []);
  const most = Math.max(...programs.map(({ verifiedInstructions }) => verifiedInstructions));
  const builds = new Set(results.flatMap(({ variant }) => variant ?? []));
  return `| ${[release, [...builds].join(', '), ...cells, most.toLocaleString('en')].join(' | ')} |`;
}

let runs: Map<string, Promise<GuestResult>>;

beforeAll(async () => {
  runs = runAll(kernels(), await bundleEventLines());
});

/** The staged product on real kernels: every attach mode, really deleting files. */
describe.each(kernels())('Linux %s', (kernel) => {
  let result: GuestResult;

  beforeAll(async () => {
    result = await runs.get(kernel)!;
    console.log(`Linux ${kernel}: ${result.seconds} s, ${result.retries} retries\n${tableRow(result)}`);
    for (const { mode, programs } of result.results) {
      for (const { name, instructions, verifiedInstructions } of programs ?? []) {
        console.log(`  ${mode} ${name}: ${instructions} instructions, the verifier simulated ${verifiedInstructions}`);
      }
    }
  }, 3_000_000);

  test('the guest reports success, and its kernel complains of nothing', () => {
    expect(result.exitCode, `see ${result.runDir}`).toBe(0);
    expect(result.splats).toEqual([]);
  });

  describe.each(MODES)('%s', (mode) => {
    const checks = RESOLVING_MODES.includes(mode) ? [...CHECKS, 'hiding'] : CHECKS;

    test.each(checks)('%s', (check) => {
      const found = result.results.filter((one) => one.mode === mode && (one.check === check || one.check === 'run'));
      for (const { lines, invalid } of found.filter((one) => one.invalid !== undefined)) {
        console.log(`Linux ${kernel} ${mode}: ${check}: ${lines}, invalid: ${invalid}`);
      }
      expect(
        found.map(({ ok, problems }) => ({ ok, problems })),
        `see ${result.runDir}`,
      ).toEqual([{ ok: true, problems: [] }]);
    });

    test.each(DIRECTORIES[mode]!)('every case is told right on %s', (directory) => {
      const found = result.results.filter((one) => one.mode === mode && one.directory === directory);
      for (const { cases, attempts, mismatches, missing, unexpected, skips = [] } of found) {
        const wrong = `${mismatches} mismatches, ${missing} missing, ${unexpected} unexpected`;
        console.log(`Linux ${kernel} ${mode} ${directory}: ${cases} cases, ${attempts} attempts, ${wrong}`);
        for (const skip of skips) console.log(`  skipped ${skip.case}: ${skip.reason}`);
      }
      expect(
        found.map(({ ok, problems, shown }) => ({ ok, problems, shown })),
        `see ${result.runDir}`,
      ).toEqual([{ ok: true, problems: [], shown: [] }]);
    });
  });
});
