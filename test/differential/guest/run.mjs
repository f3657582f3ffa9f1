/**
 * Runs in a guest with a Debian root: real programs under strace, beside a daemon that reports everything. Only records;
 * the comparison is made outside. Arguments: attach mode, output directory, names of programs (default: all).
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { newLineCheck } from '/opt/event-lines/event-lines.mjs';
import { GuestDaemon, ledgerGap, lost } from '../../kernel/guest/daemon.mjs';
import { programs } from './programs.mjs';

const [mode, output, only] = process.argv.slice(2);
const WORK = '/root/differential';
const DELETING = 'unlink,unlinkat,rmdir,rename,renameat,renameat2';
/** These tell which names exist, so that it is known whether a rename replaces something. */
const CREATING = 'open,openat,openat2,creat,mkdir,mkdirat,link,linkat,symlink,symlinkat,mknod,mknodat';
/** These tell where relative names begin. */
const MOVING = 'chdir,fchdir,clone,clone3,fork,vfork';

const results = fs.openSync(process.env.RMWATCH_RESULTS, 'a');
const report = (result) => fs.writeSync(results, `${JSON.stringify(result)}\n`);

/** Every name below `dir`; latin1 keeps bytes as they are. */
function names(dir, found = []) {
  for (const entry of fs.readdirSync(Buffer.from(dir, 'latin1'), { encoding: 'latin1', withFileTypes: true })) {
    found.push(`${dir}/${entry.name}`);
    if (entry.isDirectory()) names(`${dir}/${entry.name}`, found);
  }
  return found;
}

function run({ name, needs, prepare, script }) {
  const skipped = needs?.();
  if (skipped !== undefined) return report({ program: name, skipped });
  const dir = `${WORK}/${name}`;
  for (const sub of ['home', 'tmp']) fs.mkdirSync(`${dir}/${sub}`, { recursive: true });
  process.chdir(dir);
  prepare();
  fs.writeFileSync(`${output}/${name}.names.json`, JSON.stringify({ dir, names: names(dir) }));
  // io_uring is not seen by strace.
  const env = { ...process.env, HOME: `${dir}/home`, TMPDIR: `${dir}/tmp`, UV_USE_IO_URING: '0' };
  const traced = `trace=${[DELETING, CREATING, MOVING].join()}`;
  const options = ['-f', '--seccomp-bpf', '-y', '-s', '4096', '-e', traced, '-o', `${output}/${name}.strace`];
  const began = Date.now();
  const child = spawnSync('strace', [...options, 'sh', '-c', script], { env, encoding: 'utf8', maxBuffer: 1 << 26 });
  report({
    program: name,
    status: child.status,
    seconds: (Date.now() - began) / 1000,
    left: names(dir).filter((left) => !/\/(home|tmp)(\/|$)/.test(left)).length,
    stderr: child.stderr.slice(-1500),
  });
}

fs.mkdirSync(output, { recursive: true });
fs.mkdirSync(WORK, { recursive: true });
const config = {
  watches: [{ name: 'all', include: ['/**'], failures: true }],
  log: { process_args: 'full', command_line: true, redact: [] },
  self_test: { interval: 'off' },
};
const daemon = new GuestDaemon({
  mode,
  config,
  dir: '/tmp/rmwatch-differential',
  program: '/stage/usr/bin/rmwatch',
  check: newLineCheck(),
});
await daemon.start();
for (const program of programs) if (only === undefined || only.split(',').includes(program.name)) run(program);
const metrics = await daemon.settle();
const stopped = await daemon.stop();
fs.copyFileSync(daemon.eventsFile, `${output}/events.json`);
fs.copyFileSync(daemon.diagnosticsFile, `${output}/diagnostics.json`);
report({
  daemon: {
    exit: stopped,
    lost: lost(metrics),
    ledgerGap: ledgerGap(metrics),
    missed: metrics.rmwatch_probe_missed_total,
  },
});
// GuestDaemon's stop() leaves its two-minute timer behind.
process.exit(0);
