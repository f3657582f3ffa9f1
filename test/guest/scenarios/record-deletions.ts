/** Records the sessions `deletions`: what deleter.c did, and what the daemon's counters said before and after. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Daemon } from '../../lib/daemon.js';
import {
  BORDER_NAME,
  type Deletion,
  type DeletionsRecording,
  type DeletionsSession,
  DISK,
  namesOn,
  RENAMES,
  RENAMES_WITHIN,
  type Rename,
  type RenamedFiles,
  renamesOn,
  SLEEPERS,
  STAGE,
  WATCHED_NAMES,
  WHOLE_NAME,
  workOn,
} from './plan.js';

const DELETER = '/opt/deleter';
/** The daemon looks every second for attempts whose end the kernel left out. */
const LEFT_OUT_MS = 2_500;
/** It looks every second for what the kernel has come to know. */
const NOTICED_MS = 2_500;

export function deletionsConfig({ filesystem }: DeletionsSession) {
  const names = namesOn(filesystem);
  return {
    watches: [
      { name: 'work', include: [`${workOn(filesystem)}/**`, `${DISK}/**`] },
      { name: 'names', include: WATCHED_NAMES.map((name) => `${names}/${name}`), operations: ['replace', 'move'] },
      { name: 'border', include: [`${names}/${BORDER_NAME}`], operations: ['replace', 'move'] },
      { name: 'whole', include: [`${names}/${WHOLE_NAME}/**`], operations: ['replace', 'move'] },
    ],
    self_test: { interval: 'off' },
  };
}

function deleter(...args: string[]): Deletion[] {
  const text = execFileSync(DELETER, args, { encoding: 'utf8', maxBuffer: 1 << 28 });
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}

/** What the verifier simulated for each program, and which build of them was taken. */
function describePrograms(mode: string): NonNullable<DeletionsRecording['verifier']> {
  const { Probe } = createRequire(import.meta.url)(`${STAGE}/usr/lib/rmwatch/build/Release/rmwatch.node`);
  const probe = new Probe({ mode, ringBytes: 65_536, askVerifier: true });
  const { programs, variant } = probe.describe();
  probe.close();
  return { programs, variant };
}

export async function recordDeletions(
  { mode, burst, filesystem, comesLate }: DeletionsSession,
  daemon: Daemon,
  part: (name: string) => void,
): Promise<DeletionsRecording> {
  const recording: DeletionsRecording = { release: os.release() };
  try {
    recording.verifier = describePrograms(mode);
    part('verifier');
    if (comesLate !== undefined) execFileSync('sh', ['-c', comesLate.away]);
    await daemon.start();
    part('start');
    if (comesLate !== undefined) {
      execFileSync('sh', ['-c', comesLate.back]);
      await sleep(NOTICED_MS);
    }
    const work = workOn(filesystem);
    fs.mkdirSync(work, { recursive: true });
    const basic = deleter('basic', work);
    await daemon.settleLog();
    recording.basic = { did: basic, lines: { from: 0, to: daemon.eventLines() } };
    part('basic');
    recording.burst = await recordBurst(daemon, work, burst);
    part('burst');
    recording.asleep = await recordAsleep(daemon);
    part('asleep');
    recording.renames = [];
    for (const renames of [RENAMES, RENAMES_WITHIN])
      recording.renames.push(await recordRenames(daemon, renamesOn(filesystem, renames), namesOn(filesystem)));
    part('renames');
    recording.stop = await recordStop(daemon, work, burst);
    part('stop');
  } catch (error) {
    recording.error = String((error as Error).stack);
    daemon.kill();
  }
  return recording;
}

async function recordBurst(
  daemon: Daemon,
  work: string,
  count: number,
): Promise<NonNullable<DeletionsRecording['burst']>> {
  const from = daemon.eventLines();
  const { text: before } = await daemon.metrics();
  const [did] = deleter('burst', work, String(count));
  const { text: after } = await daemon.settleLog();
  return { pid: did!.pid, before, after, lines: { from, to: daemon.eventLines() } };
}

async function recordAsleep(daemon: Daemon): Promise<NonNullable<DeletionsRecording['asleep']>> {
  const from = daemon.eventLines();
  const { text: before } = await daemon.metrics();
  const did = deleter('frozen', DISK, String(SLEEPERS));
  const deadline = performance.now() + LEFT_OUT_MS;
  let after = await daemon.settleLog();
  while (daemon.eventLines() - from < did.length && performance.now() < deadline) {
    await sleep(100);
    after = await daemon.settleLog();
  }
  return { did, before, after: after.text, lines: { from, to: daemon.eventLines() } };
}

async function recordRenames(
  daemon: Daemon,
  renames: readonly Rename[],
  names: string,
): Promise<NonNullable<DeletionsRecording['renames']>[number]> {
  const from = daemon.eventLines();
  const { text: before } = await daemon.metrics();
  const files = renames.map((rename, index) => makeRename(rename, index, names));
  const { text: after } = await daemon.settleLog();
  return { before, after, lines: { from, to: daemon.eventLines() }, files };
}

/** Makes what is renamed, and renames it. No two files have the same size. */
function makeRename(rename: Rename, index: number, directory: string): RenamedFiles {
  const names = [rename.from, rename.to];
  const places = names.map((name) => `${directory}/${name}`) as [string, string];
  for (const [which, place] of places.entries()) {
    fs.mkdirSync(path.dirname(place), { recursive: true });
    if (rename.kind === 'directory') fs.mkdirSync(place);
    else if (rename.kind !== 'alone' || which === 0) fs.writeFileSync(place, Buffer.alloc(1 + 2 * index + which));
  }
  const files = names.flatMap((name, which) => {
    const status = fs.statSync(places[which]!, { throwIfNoEntry: false });
    if (status === undefined) return [];
    return [[name, { inode: status.ino, size: status.isDirectory() ? null : status.size }] as const];
  });
  if (rename.kind === 'exchange') execFileSync(DELETER, ['exchange', ...places]);
  else fs.renameSync(...places);
  fs.rmSync(directory, { recursive: true });
  return Object.fromEntries(files);
}

/** SIGTERM in the middle of a burst. */
async function recordStop(
  daemon: Daemon,
  work: string,
  count: number,
): Promise<NonNullable<DeletionsRecording['stop']>> {
  const before = daemon.eventBytes();
  const load = spawn(DELETER, ['burst', work, String(count)], { stdio: 'ignore' });
  const loadEnded = once(load, 'exit');
  while (daemon.eventBytes() === before) await sleep(5);
  const exit = await daemon.stop();
  await loadEnded;
  return { exit };
}
