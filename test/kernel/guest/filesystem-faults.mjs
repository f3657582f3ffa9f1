/**
 * Filesystems and directories that go away and come back under a daemon. Each function does it for real below an empty
 * directory, needs root, and returns what events should say, in order. Run on any machine, in a guest and out of it.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

/** The daemon reads the host's mounts 50 ms after a change; a guest can stand still for a while. */
const MOUNTS_FOLLOWED_MS = 1_000;

/** The configuration under which the events are as described: a watch that wants everything, and one on `work`. */
export function watchesFor(work) {
  return [
    { name: 'all', include: ['/**'] },
    { name: 'work', include: [work, `${work}/**`] },
  ];
}

const removed = (action, path, pid = process.pid) => ({ action, path, rules: ['all', 'work'], pid });

function deleteFile(path) {
  fs.writeFileSync(path, 'content');
  fs.unlinkSync(path);
  return removed('unlink', path);
}

function removeDirectory(path) {
  fs.rmdirSync(path);
  return removed('rmdir', path);
}

/** The watched directory is removed and made again, twice. */
export async function directoryMadeAgain(work) {
  const did = [];
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
export async function directoryReplaced(work) {
  const old = `${work}.old`;
  const did = [deleteFile(join(work, 'file'))];
  fs.renameSync(work, old);
  fs.mkdirSync(work);
  did.push(deleteFile(join(work, 'file')));
  did.push({ ...deleteFile(join(old, 'file')), rules: ['all'] });
  did.push({ ...removeDirectory(old), rules: ['all'] });
  return did;
}

const mount = (directory) => execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', directory]);
const unmount = (...args) => execFileSync('umount', args);

/** A shell in `directory` that runs a script when its input ends; resolves to its pid when it has. */
function shellIn(directory, script) {
  const shell = spawn('sh', ['-c', `read -r line; ${script}`], {
    cwd: directory,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  return async () => {
    shell.stdin.end();
    const [code] = await once(shell, 'exit');
    if (code !== 0) throw new Error(`${script}: exit ${code}`);
    return shell.pid;
  };
}

/**
 * A filesystem is mounted, unmounted and followed by another; then the same while a process is still in it: no path leads
 * to what that deletes, and the event says so.
 */
export async function filesystemReplaced(work) {
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
    await setTimeout(MOUNTS_FOLLOWED_MS);
    did.push({
      action: 'unlink',
      path: undefined,
      name: 'left',
      rules: ['all'],
      pid: await endShell(),
    });
    did.push(deleteFile(join(at, 'fourth')));
    if (fs.readFileSync(join(at, 'left'), 'utf8') !== 'stays') throw new Error('the wrong file was removed');
  } finally {
    unmount('-l', at);
  }
  did.push(removeDirectory(at));
  return did;
}

/** System calls do not tell what the directories of a typed path are, whether links or not. */
const mustBeComplete = ({ attach, requested_path: typed }) => attach !== 'tracepoint' || !typed.includes('/');

/** How the events of these deletions differ from what they should say; where no path leads only the name is compared. */
export function differences(events, did) {
  const pids = new Set(did.map(({ pid }) => pid));
  const seen = events.filter(({ event, process }) => event.kind === 'event' && pids.has(process.pid));
  const problems = [];
  for (let at = 0; at < Math.max(seen.length, did.length); at++) {
    const is = seen[at] && eventText(seen[at]);
    const should = did[at] && deletionText(did[at]);
    if (is !== should) problems.push(`${is ?? 'nothing'} instead of ${should ?? 'nothing'}`);
  }
  return problems;
}

function eventText({ event, file, rmwatch, rule, process }) {
  const where = rmwatch.path_complete || !mustBeComplete(rmwatch) ? file.path : `${file.name}, incomplete`;
  return `${event.action} ${where} by ${process.pid}: ${rule.name.join()}`;
}

function deletionText({ action, path, name, rules, pid }) {
  return `${action} ${path ?? `${name}, incomplete`} by ${pid}: ${rules.join()}`;
}
