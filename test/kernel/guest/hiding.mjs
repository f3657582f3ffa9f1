/**
 * Runs in a guest: every way around a watched directory that leads to its files all the same, and whether their deletions
 * are told. Reports one JSON line for each mode to $RMWATCH_RESULTS.
 */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { lineProblems, newLineCheck } from '/opt/event-lines/event-lines.mjs';
import { GuestDaemon, ledgerGap } from './daemon.mjs';

const [modes] = process.argv.slice(2);
const DISK = '/mnt/ext4';
const WATCHED = `${DISK}/watched`;

const results = fs.openSync(process.env.RMWATCH_RESULTS, 'a');

function run(program, ...args) {
  execFileSync(program, args, { stdio: 'inherit' });
}

/** Makes a directory below the present one, step by step: no single path may be as long. */
function descend(name, levels) {
  for (let level = 0; level < levels; level++) {
    fs.mkdirSync(name);
    process.chdir(name);
  }
}

function remove(file) {
  fs.writeFileSync(file, '');
  fs.unlinkSync(file);
}

/** Makes `directory`/`name`, and removes it through a bind mount at `alias` that nobody else sees. */
function removePrivately(directory, alias, name) {
  fs.writeFileSync(`${directory}/${name}`, '');
  run('unshare', '-m', 'sh', '-c', `mount --bind ${directory} ${alias} && rm ${alias}/${name}`);
}

/** Each removes `name` in a directory of its own, which is named by `base`; returns what the event must say. */
const WAYS = {
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

/** Why the events are not the one that is wanted. */
function wrong(events, name, { complete, path, hostPath }) {
  const found = events.filter(({ file }) => file?.name === name);
  if (found.length !== 1) return `${found.length} events`;
  const { file, rmwatch } = found[0];
  if (rmwatch.path_complete !== complete) return `path_complete: ${rmwatch.path_complete}`;
  if (path !== undefined && file.path !== path) return `file.path: ${file.path}`;
  if (rmwatch.host_path !== hostPath) return `host_path: ${rmwatch.host_path}`;
  return undefined;
}

for (const mode of modes.split(',')) {
  const problems = [];
  const tried = Object.entries(WAYS);
  const dir = `/tmp/rmwatch-hiding-${mode}`;
  const config = { watches: [{ name: 'watched', include: [`${WATCHED}/**`] }], self_test: { interval: 'off' } };
  const check = newLineCheck();
  const daemon = new GuestDaemon({ mode, config, dir, program: '/stage/usr/bin/rmwatch', check });
  try {
    await daemon.start();
    const expected = [];
    for (const [index, [way, removeSo]] of tried.entries()) {
      const name = `file-${index}`;
      const base = `${WATCHED}/${mode}-${index}`;
      const alias = `/tmp/alias-${mode}-${index}`;
      fs.mkdirSync(base, { recursive: true });
      fs.mkdirSync(alias);
      expected.push({ way, name, event: removeSo({ base, alias, name }) });
      process.chdir('/');
    }
    remove(`${DISK}/beside`);
    await daemon.settle();
    const events = daemon.events();
    for (const { way, name, event } of expected) {
      const problem = wrong(events, name, event);
      if (problem !== undefined) problems.push(`${way}: ${problem}`);
    }
    if (events.some(({ file }) => file?.name === 'beside')) problems.push('a file beside was told, too');
    const gap = ledgerGap(await daemon.metrics());
    if (gap !== 0) problems.push(`ledger gap ${gap}`);
    await daemon.stop();
    problems.push(...lineProblems(daemon.checkedLines()));
  } catch (error) {
    problems.push(String(error.stack));
    daemon.child?.kill('SIGKILL');
  }
  const report = { mode, check: 'hiding', ok: problems.length === 0, cases: tried.length, problems };
  fs.writeSync(results, `${JSON.stringify(report)}\n`);
}
