/**
 * Filesystems and directories that go away and come back under a daemon. Each function does it for real below an empty
 * directory, needs root, and returns what events should say, in order. Run on any machine, in a guest and out of it.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { join } from 'node:path';
import type { Event } from '../scenarios/record-files.js';

/** A deletion, and what its event should say. Where no path leads to it, only the name is compared. */
export interface Deleted {
  readonly action: 'unlink' | 'rmdir' | 'move';
  readonly path?: string;
  readonly name?: string;
  readonly rules: readonly string[];
  readonly pid: number;
}

/** Resolves when the daemon has taken over what the host's mounts are now. */
export type MountsFollowed = () => Promise<void>;

/** The configuration under which the events are as described: a watch that wants everything, and one on `work`. */
export function watchesFor(work: string): { name: string; include: string[] }[] {
  return [
    { name: 'all', include: ['/**'] },
    { name: 'work', include: [work, `${work}/**`] },
  ];
}

const removed = (action: Deleted['action'], path: string): Deleted => ({
  action,
  path,
  rules: ['all', 'work'],
  pid: process.pid,
});

function deleteFile(path: string): Deleted {
  fs.writeFileSync(path, 'content');
  fs.unlinkSync(path);
  return removed('unlink', path);
}

function removeDirectory(path: string): Deleted {
  fs.rmdirSync(path);
  return removed('rmdir', path);
}

/** The watched directory is removed and made again, twice. */
export async function directoryMadeAgain(work: string): Promise<Deleted[]> {
  const did: Deleted[] = [];
  for (let round = 0; round < 2; round++) {
    did.push(deleteFile(join(work, 'file')));
    fs.mkdirSync(join(work, 'below'));
    did.push(deleteFile(join(work, 'below/file')));
    did.push(removeDirectory(join(work, 'below')));
    did.push(removeDirectory(work));
    fs.mkdirSync(work);
  }
  did.push(deleteFile(join(work, 'file')));
  return did;
}

/** The watched directory is moved away, and another one takes its place. */
export async function directoryReplaced(work: string): Promise<Deleted[]> {
  const old = `${work}.old`;
  const did = [deleteFile(join(work, 'file'))];
  fs.renameSync(work, old);
  // The watch on everything keeps it.
  did.push({ ...removed('move', work), rules: ['work'] });
  fs.mkdirSync(work);
  did.push(deleteFile(join(work, 'file')));
  did.push({ ...deleteFile(join(old, 'file')), rules: ['all'] });
  did.push({ ...removeDirectory(old), rules: ['all'] });
  return did;
}

const mount = (directory: string) => execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', directory]);
const unmount = (...args: string[]) => execFileSync('umount', args);

/** A shell in `directory` that runs a script when its input ends; resolves to its pid when it has. */
function shellIn(directory: string, script: string): () => Promise<number> {
  const shell = spawn('sh', ['-c', `read -r line; ${script}`], {
    cwd: directory,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  return async () => {
    shell.stdin.end();
    const [code] = await once(shell, 'exit');
    if (code !== 0) throw new Error(`${script}: exit ${code}`);
    return shell.pid!;
  };
}

/**
 * A filesystem is mounted, unmounted and followed by another; then the same while a process is still in it: no path leads
 * to what that deletes, and the event says so.
 */
export async function filesystemReplaced(work: string, mountsFollowed: MountsFollowed): Promise<Deleted[]> {
  const at = join(work, 'mounted');
  fs.mkdirSync(at);
  const did = [deleteFile(join(at, 'below'))];
  mount(at);
  try {
    did.push(deleteFile(join(at, 'first')));
    unmount(at);
    did.push(deleteFile(join(at, 'between')));
    mount(at);
    did.push(deleteFile(join(at, 'second')));
    fs.writeFileSync(join(at, 'left'), 'content');
    fs.mkdirSync(join(at, 'inside'));
    const endShell = shellIn(at, 'exec rm left');
    unmount('-l', at);
    mount(at);
    fs.writeFileSync(join(at, 'left'), 'stays');
    did.push(deleteFile(join(at, 'third')));
    // Until then the filesystem that went away may be taken for one that is mounted, so that no watch misses a deletion.
    await mountsFollowed();
    did.push({ action: 'unlink', name: 'left', rules: ['all'], pid: await endShell() });
    did.push(deleteFile(join(at, 'fourth')));
    if (fs.readFileSync(join(at, 'left'), 'utf8') !== 'stays') throw new Error('the wrong file was removed');
  } finally {
    unmount('-l', at);
  }
  did.push(removeDirectory(at));
  return did;
}

/** System calls do not tell what the directories of a typed path are, whether links or not. */
const mustBeComplete = ({ attach, requested_path: typed }: Event['rmwatch']): boolean =>
  attach !== 'tracepoint' || !typed.includes('/');

/** How the events of these deletions differ from what they should say; where no path leads only the name is compared. */
export function differences(events: readonly Event[], did: readonly Deleted[]): string[] {
  const pids = new Set(did.map(({ pid }) => pid));
  const seen = events.filter(({ event, process }) => event.kind === 'event' && pids.has(process?.pid));
  const problems: string[] = [];
  for (let at = 0; at < Math.max(seen.length, did.length); at++) {
    const [event, deleted] = [seen[at], did[at]];
    const is = event && eventText(event);
    const should = deleted && deletionText(deleted);
    if (is !== should) problems.push(`${is ?? 'nothing'} instead of ${should ?? 'nothing'}`);
  }
  return problems;
}

function eventText({ event, file, rmwatch, rule, process }: Event): string {
  const where = rmwatch.path_complete || !mustBeComplete(rmwatch) ? file.path : `${file.name}, incomplete`;
  return `${event.action} ${where} by ${process.pid}: ${rule.name.join()}`;
}

function deletionText({ action, path, name, rules, pid }: Deleted): string {
  return `${action} ${path ?? `${name}, incomplete`} by ${pid}: ${rules.join()}`;
}
