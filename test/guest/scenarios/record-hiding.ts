/** Records the sessions `hiding`: each way around a watched directory removes one file of a name of its own. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import type { Daemon } from '../../lib/daemon.js';
import { DISK, type HiddenDeletion, type HidingRecording, type HidingSession, WATCHED } from './plan.js';

export const hidingConfig = {
  watches: [{ name: 'watched', include: [`${WATCHED}/**`] }],
  self_test: { interval: 'off' },
};

interface Place {
  readonly base: string;
  readonly alias: string;
  readonly name: string;
}

type Told = Omit<HiddenDeletion, 'way' | 'name'>;

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
  'a mount namespace that shows something very deep': ({ base, alias, name }) => {
    process.chdir(base);
    descend('d', 100);
    removePrivately(process.cwd(), alias, name);
    return { complete: true, path: `${alias}/${name}` };
  },
};

export async function recordHiding(
  { mode }: HidingSession,
  daemon: Daemon,
  part: (name: string) => void,
): Promise<HidingRecording> {
  const did: HiddenDeletion[] = [];
  const recording: HidingRecording = { did };
  try {
    await daemon.start();
    part('start');
    for (const [index, [way, removeSo]] of Object.entries(WAYS).entries()) {
      const name = `file-${index}`;
      const base = `${WATCHED}/${mode}-${index}`;
      const alias = `/tmp/alias-${mode}-${index}`;
      fs.mkdirSync(base, { recursive: true });
      fs.mkdirSync(alias);
      did.push({ way, name, ...removeSo({ base, alias, name }) });
      process.chdir('/');
    }
    remove(`${DISK}/beside`);
    recording.metrics = (await daemon.settleLog()).text;
    await daemon.stop();
    part('hiding');
  } catch (error) {
    process.chdir('/');
    recording.error = String((error as Error).stack);
    daemon.kill();
  }
  return recording;
}
