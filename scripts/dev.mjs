// npm run dev -- [OPTIONS of rmwatch run]: builds and runs the daemon, in the first attach mode that works here, and does both
// again whenever a source changes. A build that fails leaves the last daemon running.
import { spawn } from 'node:child_process';
import { watch } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const SOURCES = ['src', 'native', 'bpf'];
/** Editors write a file in several steps. */
const QUIET_MS = 200;

const say = (text) => process.stderr.write(`dev: ${text}\n`);

let daemon;
let timer;
let ending = false;

function start() {
  const command = '. scripts/node-command.sh; exec_node "$0" dist/main.js run "$@"';
  const child = spawn('/bin/sh', ['-c', command, process.execPath, ...process.argv.slice(2)], {
    cwd: root,
    stdio: 'inherit',
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  daemon = { child, ended };
  // A daemon that stops by itself has said why; the next change starts another one.
  void ended.then((code) => {
    if (ending) process.exit(code ?? 1);
    if (daemon?.child === child) say('the daemon has ended, waiting for a change');
  });
}

async function stop() {
  const old = daemon;
  daemon = undefined;
  old?.child.kill('SIGTERM');
  await old?.ended;
}

async function rebuild(changed) {
  say(`${changed} has changed`);
  const build = spawn('scripts/build.sh', { cwd: root, stdio: 'inherit' });
  if ((await new Promise((resolve) => build.once('exit', resolve))) !== 0 || ending) return;
  await stop();
  start();
}

let work = Promise.resolve();
for (const directory of SOURCES) {
  watch(`${root}${directory}`, { recursive: true }, (_event, name) => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      work = work.then(() => rebuild(`${directory}/${name}`));
    }, QUIET_MS);
  });
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    ending = signal !== 'SIGHUP';
    // From a terminal the daemon has the signal already; a second one does no harm.
    if (daemon === undefined && ending) process.exit(0);
    daemon?.child.kill(signal);
  });
}
start();
