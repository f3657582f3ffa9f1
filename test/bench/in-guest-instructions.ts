/**
 * Runs in a guest that counts instructions instead of time: in-guest-instructions CALLS MODE[,MODE...] BUILD... Reports one JSON
 * line for each build and each mode, an Instructions.
 */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { ATTACH_MODES } from '../../src/model/config.js';
import type { NativeBinding } from '../../src/probe/native-probe.js';
import { WANT_WHOLE_SHIFT } from '../../src/probe/record-layout.generated.js';

/** Instructions of one call of each kind: `rename` and `replace` stay in the directory, `move` leaves it, `replaceAcross` comes from another one. */
type Calls = Readonly<Record<'unlink' | 'replace' | 'rename' | 'move' | 'replaceAcross' | 'failed', number>>;

/**
 * Calls that no watch wants, on files so many directories below `/tmp`: `far` replaces one by a file that lies as deep, and `/tmp` is the last directory
 * that holds both; of `near` the two directories lie in one.
 */
export interface Deep {
  readonly depth: number;
  readonly unlink: number;
  readonly far: number;
  readonly near: number;
}

/** `watched`: none without a build, where nothing watches. */
export interface Instructions {
  readonly build: string;
  readonly mode: string;
  readonly watched?: Calls;
  readonly unwatched: Calls;
  readonly deep: readonly Deep[];
}

const [calls = '', modes = '', ...builds] = process.argv.slice(2);
const require = createRequire(import.meta.url);
const WATCHED = '/tmp/watched';
const UNWATCHED = '/tmp/unwatched';
const ROUNDS = 7;
const COUNT = 400;
const DEPTHS = [2, 6, 12, 30];
/** Holds the records of all rounds: nothing drains it. */
const RING_BYTES = 1 << 24;
/** Every operation; the last is `move`. */
const OPERATIONS = 15;
const MOVES = 8;
/** As the daemon tells of `/tmp/watched/**`, see kernel-filter.ts. */
const PREFIXES = [
  [Buffer.from('/tmp\0'), MOVES],
  [Buffer.from(`${WATCHED}\0`), MOVES],
  [Buffer.from(`${WATCHED}/`), OPERATIONS + (1 << WANT_WHOLE_SHIFT)],
] as const;
/** Every mount is known, and no watch wants what it shows at other places. */
const MOUNTS = fs
  .readFileSync('/proc/self/mountinfo', 'utf8')
  .trim()
  .split('\n')
  .map((line) => [Number.parseInt(line, 10), 0] as const);

const results = fs.openSync(process.env['RMWATCH_RESULTS'] ?? '', 'a');
const report = (result: Instructions) => fs.writeSync(results, `${JSON.stringify(result)}\n`);
const measure = (directory: string, away = `${directory}.away`): Calls => {
  for (const place of [directory, away]) fs.mkdirSync(place, { recursive: true });
  return JSON.parse(execFileSync(calls, [directory, away, ROUNDS, COUNT].map(String), { encoding: 'utf8' }));
};
const measureDeep = (depth: number): Deep => {
  const below = '/directory'.repeat(depth - 1);
  const { unlink, replaceAcross: far } = measure(`/tmp/to${below}`, `/tmp/from${below}`);
  return { depth, unlink, far, near: measure(`/tmp/to${below}`).replaceAcross };
};
for (const build of builds) {
  const { Probe } = require(`${build}/usr/lib/rmwatch/build/Release/rmwatch.node`) as NativeBinding;
  for (const mode of ATTACH_MODES.filter((one) => modes.split(',').includes(one))) {
    const probe = new Probe({ mode, ringBytes: RING_BYTES });
    const wants = { successOperations: OPERATIONS, failureOperations: 0, processView: 0 };
    probe.setFilter({ prefixes: PREFIXES, devices: [], mounts: MOUNTS, ...wants });
    probe.attach();
    const measured = { watched: measure(WATCHED), unwatched: measure(UNWATCHED), deep: DEPTHS.map(measureDeep) };
    const { lostRingFull } = probe.readCounters();
    if (lostRingFull > 0) throw new Error(`${lostRingFull} records found no room in the ring`);
    report({ build, mode, ...measured });
    probe.close();
  }
}
// Last: what the boot left to do is done by now.
report({ build: 'none', mode: 'none', unwatched: measure(UNWATCHED), deep: DEPTHS.map(measureDeep) });
