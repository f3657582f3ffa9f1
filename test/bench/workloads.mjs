/** Places for the files that are deleted, and the runs of the program that deletes them. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import { spawnChild } from './children.mjs';

const EXT4_IMAGE_MIB = 1_024;
/** Processes that were just killed may still be at work there. */
const REMOVE = { recursive: true, force: true, maxRetries: 10, retryDelay: 100 };
/** The default number of inodes would not do for many empty files. */
const EXT4_BYTES_PER_INODE = 4_096;

/** ext4 in a file behind a loop device; undefined with a reason when that cannot be had. */
function mountExt4(scratch) {
  const image = path.join(scratch, 'ext4.image');
  const directory = path.join(scratch, 'ext4');
  try {
    fs.mkdirSync(directory);
    fs.writeFileSync(image, '');
    fs.truncateSync(image, EXT4_IMAGE_MIB << 20);
    const quiet = { stdio: ['ignore', 'ignore', 'pipe'] };
    execFileSync('mkfs.ext4', ['-q', '-F', '-i', String(EXT4_BYTES_PER_INODE), image], quiet);
    execFileSync('mount', ['-o', 'loop', image, directory], quiet);
    return { directory, unmount: () => execFileSync('umount', ['--lazy', directory]) };
  } catch (error) {
    return { reason: `no ext4 behind a loop device: ${String(error.stderr ?? error.message).trim()}` };
  }
}

/**
 * A directory on tmpfs and, when a workload wants it, one on ext4.
 * @param {{filesystem: string}[]} workloads
 * @param {string} [ext4] a directory that lies on ext4 already
 * @returns {{roots: Record<string, string>, reasons: Record<string, string>, outputs: string, dispose: () => void}}
 */
export function openPlaces(workloads, ext4) {
  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'rmwatch-bench-'));
  const shared = fs.mkdtempSync('/dev/shm/rmwatch-bench-');
  const wantsExt4 = workloads.some(({ filesystem }) => filesystem === 'ext4');
  const mounted = wantsExt4 && ext4 === undefined ? mountExt4(scratch) : { directory: ext4 };
  const roots = { tmpfs: path.join(shared, 'work') };
  if (mounted.directory) roots.ext4 = path.join(mounted.directory, 'work');
  for (const root of Object.values(roots)) fs.mkdirSync(root, { recursive: true });
  return {
    roots,
    reasons: mounted.reason ? { ext4: mounted.reason } : {},
    /** For what listeners write: on tmpfs for all of them. */
    outputs: path.join(shared, 'outputs'),
    dispose() {
      mounted.unmount?.();
      for (const directory of [shared, scratch]) fs.rmSync(directory, REMOVE);
    },
  };
}

function directoryOf(workload, roots) {
  return path.join(roots[workload.filesystem], workload.name);
}

/** Makes the directories of a workload: before a listener starts, some look for directories only then. */
export function prepareWorkload(workload, roots) {
  const directory = directoryOf(workload, roots);
  const count = workload.kind === 'tree' ? Math.floor(workload.files / workload.last) : workload.last;
  for (let number = 0; number < count; number++) {
    fs.mkdirSync(path.join(directory, String(number)), { recursive: true });
  }
}

/**
 * Makes the files, calls `whenReady`, and deletes them.
 * @returns {Promise<{deletions: number, pids: number[], wallNs: number, cpuNs: number}>}
 */
export async function runWorkload(workload, { programs, roots }, whenReady = () => {}) {
  const program = path.join(programs, 'deletions');
  const args = [workload.kind, directoryOf(workload, roots), String(workload.files), String(workload.last)];
  const child = spawnChild([program, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  const lines = readline.createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  if ((await lines.next()).value !== 'ready') throw new Error(`${workload.name}: the files could not be made`);
  await whenReady();
  child.stdin.end('\n');
  const { value } = await lines.next();
  if ((await exited) !== 0) throw new Error(`${workload.name}: the deletions failed`);
  return JSON.parse(value);
}
