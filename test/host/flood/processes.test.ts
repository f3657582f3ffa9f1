import { copyFileSync, createReadStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ledgerGap, lostEvents } from '../../lib/metrics.js';
import { isOfRecord } from '../../lib/record-marks.js';
import { root, staticProgram } from '../../lib/static-program.js';
import { deleterLines, deleterProgram, FloodDaemon, memoryOf } from './flood-bench.js';

const PROCESSES = 100_000;
const SAME_PID = 500;
const MEMORY_LIMIT = 300 * 1024 * 1024;
/** Between two clocks that are read one after the other, and are adjusted meanwhile. */
const TOLERANCE_NS = 10_000_000n;
const MINUTES = 60_000;

/** What deleter.c says of a process. */
interface Did {
  readonly name: string;
  readonly pid: number;
  /** Nanoseconds of wall clock time before and after it was made. */
  readonly since: string;
  readonly until: string;
  /** What it ran; absent when it only was a copy of its parent. */
  readonly program?: string;
}

/** Nanoseconds since 1970 of a time in an event. */
function nanoseconds(timestamp: string): bigint {
  const [second, fraction] = timestamp.slice(0, -1).split('.') as [string, string];
  return BigInt(Date.parse(`${second}Z`)) * 1_000_000n + BigInt(fraction);
}

interface Expectation {
  readonly did: Did;
  readonly directory: string;
  readonly parentArgs: readonly string[];
}

/** What an event says of its process and what it should say; undefined when that is the same. */
// biome-ignore lint/suspicious/noExplicitAny: what the daemon writes is what is tested
function difference(process: any, { did, directory, parentArgs }: Expectation): unknown {
  const { pid, executable, args, working_directory, start } = process;
  const should = {
    pid: did.pid,
    executable: did.program ?? parentArgs[0],
    args: did.program === undefined ? parentArgs : [did.program, did.name],
    working_directory: directory,
  };
  const is = { pid, executable, args, working_directory };
  const started = start === undefined ? 0n : nanoseconds(start);
  const inTime = started > BigInt(did.since) - TOLERANCE_NS && started < BigInt(did.until) + TOLERANCE_NS;
  return inTime && JSON.stringify(is) === JSON.stringify(should) ? undefined : { is, start, should, did };
}

let daemon: FloodDaemon;
let programs: string[];

beforeEach(async () => {
  daemon = new FloodDaemon();
  await daemon.start();
  const compiled = staticProgram(
    join(root, 'test/host/flood/delete-argument.c'),
    '-nostdlib',
    '-Wl,-z,noseparate-code',
  );
  programs = ['one', 'two', 'three'].map((name) => join(daemon.directory, name));
  for (const program of programs) copyFileSync(compiled, program);
});

afterEach(() => daemon.dispose());

/** Runs the deleter once in each directory, all at once; what is expected of the event of each path. */
async function run(
  how: 'each' | 'one-pid',
  names: readonly string[],
  count: number,
): Promise<Map<string, Expectation>> {
  const expectations = new Map<string, Expectation>();
  const runOne = async (name: string) => {
    const directory = daemon.subdirectory(name);
    const args = [how, directory, count, ...programs];
    const parentArgs = [deleterProgram(), ...args.map(String)];
    for (const did of await deleterLines<Did>(...args)) {
      expectations.set(join(directory, did.name), { did, directory, parentArgs });
    }
  };
  await Promise.all(names.map(runOne));
  return expectations;
}

/** Nothing is lost, and every event is as expected. Stops the daemon. */
async function compare(expectations: Map<string, Expectation>): Promise<void> {
  const metrics = await daemon.settle();
  expect([lostEvents(metrics), ledgerGap(metrics)]).toEqual([0, 0]);
  expect(metrics.get('rmwatch_deletions_total{watch="work",operation="unlink"}')).toBe(expectations.size);
  expect(await daemon.stop()).toBe(0);
  const wrong: unknown[] = [];
  const missing = new Set(expectations.keys());
  for await (const line of createInterface({ input: createReadStream(daemon.eventsFile) })) {
    const event = JSON.parse(line);
    if (isOfRecord(event)) continue;
    const expectation = missing.delete(event.file.path) ? expectations.get(event.file.path) : undefined;
    const problem = expectation === undefined ? { unexpected: event } : difference(event.process, expectation);
    if (problem !== undefined && wrong.length < 5) wrong.push(problem);
  }
  expect([wrong, [...missing].slice(0, 5)]).toEqual([[], []]);
}

const pidsOf = (expectations: Map<string, Expectation>) =>
  new Set([...expectations.values()].map(({ did }) => did.pid)).size;

test(
  `${PROCESSES} short-lived processes delete one file each: none is lost, and every event names its own`,
  async () => {
    const expectations = await run('each', ['a', 'b'], PROCESSES / 2);
    const peak = memoryOf(daemon.pid, 'VmHWM');
    console.log(
      `${PROCESSES} processes, ${pidsOf(expectations)} process ids: peak memory ${Math.round(peak / 1e6)} MB`,
    );
    await compare(expectations);
    expect(peak).toBeLessThan(MEMORY_LIMIT);
  },
  5 * MINUTES,
);

test('processes that have the same process id, one after the other, are not taken for each other', async () => {
  const expectations = await run('one-pid', ['a'], SAME_PID);
  // Somebody else may have got it in between.
  expect(pidsOf(expectations)).toBeLessThan(SAME_PID / 10);
  await compare(expectations);
});
