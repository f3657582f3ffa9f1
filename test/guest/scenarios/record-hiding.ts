/** Records the sessions `hiding`: each way around a watched directory removes one file of a name of its own. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import type { Daemon } from '../../lib/daemon.js';
import { CASEFOLD_WAY } from './judge-hiding.js';
import { compareMounts } from './kernel-mounts.js';
import {
  CASEFOLD,
  DISK,
  FIRST_NAME,
  type HiddenDeletion,
  type HidingRecording,
  type HidingSession,
  ODD_MOUNTS,
  QUEUES,
  RENAMED,
  VFAT,
  WATCHED,
  WATCHED_QUEUES,
} from './plan.js';

export const hidingConfig = {
  watches: [
    { name: 'watched', include: [`${WATCHED}/**`] },
    { name: 'letters', include: [`${VFAT}/EFI/BOOT/**`, `${CASEFOLD}/folded/Données/**`, `${CASEFOLD}/Plain/**`] },
    { name: 'first', include: [`${FIRST_NAME}*`] },
    { name: 'queues', include: [`${WATCHED_QUEUES}*`] },
  ],
  self_test: { interval: 'off' },
};

const DELETER = '/opt/deleter';
const SHRED = '/opt/shred';

interface Place {
  readonly base: string;
  readonly alias: string;
  readonly name: string;
}

type Told = Omit<HiddenDeletion, 'way' | 'name'> & { readonly name?: string };

function run(program: string, ...args: string[]): void {
  execFileSync(program, args, { stdio: 'inherit' });
}

/** Makes a directory below the present one, step by step: no single path may be as long. */
function descend(name: string, levels: number): void {
  for (let level = 0; level < levels; level++) {
    fs.mkdirSync(name);
    process.chdir(name);
  }
}

function remove(file: string): void {
  fs.writeFileSync(file, '');
  fs.unlinkSync(file);
}

/** Makes `directory`/`name`, and removes it through a bind mount at `alias` that only the remover has. */
function removePrivately(directory: string, alias: string, name: string): void {
  fs.writeFileSync(`${directory}/${name}`, '');
  run('unshare', '-m', 'sh', '-c', `mount --bind ${directory} ${alias} && rm ${alias}/${name}`);
}

/** Removes a file by other letters than it was made with, which the kernel has forgotten by then. */
function removeByOtherLetters(directory: string, name: string, typed: string): void {
  fs.mkdirSync(directory, { recursive: true });
  fs.writeFileSync(`${directory}/${name.toUpperCase()}`, '');
  run('sync');
  // Entries that were used lately stay the first time.
  for (let time = 0; time < 2; time++) fs.writeFileSync('/proc/sys/vm/drop_caches', '2');
  fs.unlinkSync(`${typed}/${name}`);
}

/** Makes a file in RENAMED, and removes it under the last of some names. */
function removeRenamed(...names: readonly [string, ...string[]]): void {
  let file = names[0];
  fs.writeFileSync(file, '');
  for (const name of names.slice(1)) {
    fs.renameSync(file, name);
    file = name;
  }
  fs.unlinkSync(file);
}

/** Each removes `name` below `base`, and returns what the event must say. */
const WAYS: Readonly<Record<string, (place: Place) => Told>> = {
  'a path longer than a record holds': ({ base, name }) => {
    process.chdir(base);
    descend('d'.repeat(250), 25);
    remove(name);
    return { complete: false };
  },
  'more names than a walk passes': ({ base, name }) => {
    process.chdir(base);
    descend('d', 2600);
    remove(name);
    return { complete: false };
  },
  'a bind mount': ({ base, alias, name }) => {
    run('mount', '--bind', base, alias);
    remove(`${alias}/${name}`);
    return { complete: true, path: `${alias}/${name}`, hostPath: `${base}/${name}` };
  },
  'a mount that was taken away': ({ base, alias, name }) => {
    run('mount', '--bind', base, alias);
    process.chdir(alias);
    run('umount', '-l', alias);
    remove(name);
    return { complete: false, hostPath: `${base}/${name}` };
  },
  'a directory that was moved out of its mount': ({ base, alias, name }) => {
    fs.mkdirSync(`${base}/shown/inner`, { recursive: true });
    run('mount', '--bind', `${base}/shown`, alias);
    process.chdir(`${alias}/inner`);
    fs.renameSync(`${base}/shown/inner`, `${base}/moved`);
    remove(name);
    return { complete: false, hostPath: `${base}/moved/${name}` };
  },
  'a mount namespace of its own': ({ base, alias, name }) => {
    removePrivately(base, alias, name);
    return { complete: true, path: `${alias}/${name}`, hostPath: `${base}/${name}` };
  },
  'a vfat, by other letters': ({ name }) => {
    removeByOtherLetters(`${VFAT}/EFI/BOOT`, name, `${VFAT}/efi/boot`);
    return { complete: true, path: `${VFAT}/efi/boot/${name}`, ignoresCase: true };
  },
  'other names, one after the other': ({ name }) => {
    removeRenamed(`${RENAMED}/unwanted`, `${RENAMED}/beside`);
    const [first, last] = [`${FIRST_NAME}${name}`, `${RENAMED}/${name}`];
    removeRenamed(first, `${RENAMED}/000`, `${RENAMED}/00`, last);
    return { complete: true, path: last, formerPath: first };
  },
  'a rename over a file that no watch wants': ({ name }) => {
    const [first, last] = [`${FIRST_NAME}${name}`, `${RENAMED}/${name}`];
    for (const other of [last, `${RENAMED}/000`]) fs.writeFileSync(other, '');
    removeRenamed(first, `${RENAMED}/000`, last);
    return { complete: true, path: last, formerPath: first };
  },
  'shred -u': ({ name }) => {
    fs.writeFileSync(`${FIRST_NAME}${name}`, 'secret');
    run(SHRED, '-n', '1', '-u', `${FIRST_NAME}${name}`);
    return { name: '0', complete: true, path: `${RENAMED}/0`, formerPath: `${FIRST_NAME}${name}` };
  },
  'a name of more than five seconds ago, while there are newer ones': ({ name }) => {
    const [first, last] = [`${FIRST_NAME}old`, `${FIRST_NAME}${name}`];
    fs.writeFileSync(first, '');
    fs.renameSync(first, last);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5500);
    removeRenamed(first, `${RENAMED}/000`);
    fs.unlinkSync(last);
    return { name: `first-${name}`, complete: true, path: last };
  },
  'mq_unlink, after an unlink of the same queue that failed': ({ name }) => {
    for (const queue of ['beside', name]) run(DELETER, 'queue', QUEUES, queue);
    return { complete: false, path: `/${name}`, requested: name, hostPath: `${QUEUES}/${name}` };
  },
  'a mount namespace that shows something very deep': ({ base, alias, name }) => {
    process.chdir(base);
    descend('d', 100);
    removePrivately(process.cwd(), alias, name);
    return { complete: true, path: `${alias}/${name}` };
  },
};

const WAYS_OF_CASEFOLD: Readonly<Record<string, (place: Place) => Told>> = {
  'a directory of an ext4 that compares letters, beside one that ignores case': ({ name }) => {
    for (const directory of ['Plain', 'plain']) fs.mkdirSync(`${CASEFOLD}/${directory}`, { recursive: true });
    remove(`${CASEFOLD}/plain/beside`);
    remove(`${CASEFOLD}/Plain/${name}`);
    return { complete: true, path: `${CASEFOLD}/Plain/${name}` };
  },
  [CASEFOLD_WAY]: ({ name }) => {
    const folded = `${CASEFOLD}/folded`;
    if (!fs.existsSync(folded)) {
      fs.mkdirSync(folded);
      run(DELETER, 'casefold', folded);
    }
    const typed = `${folded}/${'DONNÉES'.normalize('NFD')}`;
    removeByOtherLetters(`${folded}/Données`, name, typed);
    return { complete: true, path: `${typed}/${name}`, ignoresCase: true };
  },
};

function mountSource(diagnostics: string): string | undefined {
  const lines = diagnostics.trimEnd().split('\n');
  const found = lines.map((line) => JSON.parse(line)).find(({ message }) => message === 'mounts of this host found');
  return found?.rmwatch.source;
}

export async function recordHiding(
  { mode, casefold }: HidingSession,
  daemon: Daemon,
  part: (name: string) => void,
): Promise<HidingRecording> {
  const did: HiddenDeletion[] = [];
  const recording: HidingRecording = { did };
  try {
    fs.mkdirSync(QUEUES, { recursive: true });
    fs.mkdirSync(RENAMED, { recursive: true });
    run('mount', '-t', 'mqueue', 'queues', QUEUES);
    await daemon.start();
    recording.mountSource = mountSource(daemon.diagnostics());
    part('start');
    for (const [index, [way, removeSo]] of Object.entries(
      casefold ? { ...WAYS, ...WAYS_OF_CASEFOLD } : WAYS,
    ).entries()) {
      const name = `file-${index}`;
      const base = `${WATCHED}/${mode}-${index}`;
      const alias = `/tmp/alias-${mode}-${index}`;
      fs.mkdirSync(base, { recursive: true });
      fs.mkdirSync(alias);
      did.push({ way, name, ...removeSo({ base, alias, name }) });
      process.chdir('/');
      // The next way finds the daemon at rest: reading mounts has a tenth of its time.
      await daemon.mountsFollowed();
    }
    remove(`${DISK}/beside`);
    recording.metrics = (await daemon.settleLog()).text;
    await daemon.stop();
    part('hiding');
    run('/opt/odd_mounts', ODD_MOUNTS);
    recording.mounts = compareMounts();
    part('mounts');
  } catch (error) {
    process.chdir('/');
    recording.error = String((error as Error).stack);
    daemon.kill();
  }
  run('umount', QUEUES);
  return recording;
}
