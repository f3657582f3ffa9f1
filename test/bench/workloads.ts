/** The runs of the program that deletes files. */
import fs from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';
import { spawnChild } from './children.js';
import type { Workload } from './plan.js';

/** A directory for each file system; ext4 is not to be had everywhere. */
export type Roots = { readonly tmpfs: string; readonly ext4?: string };

/** What the program says of itself. */
export interface Run {
  readonly deletions: number;
  readonly pids: readonly number[];
  readonly wallNs: number;
  readonly cpuNs: number;
}

function directoryOf({ filesystem, name }: Workload, roots: Roots): string {
  const root = roots[filesystem];
  if (root === undefined) throw new Error(`there is no ${filesystem} for the workload ${name}`);
  return path.join(root, name);
}

/** Makes the directories of a workload: before a listener starts, some look for directories only then. */
export function prepareWorkload(workload: Workload, roots: Roots): void {
  const directory = directoryOf(workload, roots);
  const count = workload.kind === 'tree' ? Math.floor(workload.files / workload.last) : workload.last;
  for (let number = 0; number < count; number++) {
    fs.mkdirSync(path.join(directory, String(number)), { recursive: true });
  }
}

/** `programs`: directory of the bench's own programs. */
export interface RunPlaces {
  readonly programs: string;
  readonly roots: Roots;
}

/** Makes the files, calls `whenReady`, and deletes them. */
export async function runWorkload(
  workload: Workload,
  { programs, roots }: RunPlaces,
  whenReady: () => unknown = () => {},
): Promise<Run> {
  const program = path.join(programs, 'deletions');
  const args = [workload.kind, directoryOf(workload, roots), String(workload.files), String(workload.last)];
  const child = spawnChild([program, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  const lines = readline.createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  if ((await lines.next()).value !== 'ready') throw new Error(`${workload.name}: the files could not be made`);
  await whenReady();
  child.stdin!.end('\n');
  const { value } = await lines.next();
  if ((await exited) !== 0) throw new Error(`${workload.name}: the deletions failed`);
  return JSON.parse(value);
}
