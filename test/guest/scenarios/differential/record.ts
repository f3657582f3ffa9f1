/** Records the sessions `differential`: real programs under strace, beside a daemon that reports everything. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import type { Daemon } from '../../../lib/daemon.js';
import { type Program, programs } from './programs.js';
import {
  type DifferentialRecording,
  type DifferentialSession,
  type NamesBelow,
  namesFile,
  type ProgramRun,
  traceFile,
} from './recording.js';

const WORK = '/root/differential';
const DELETING = 'unlink,unlinkat,rmdir,rename,renameat,renameat2';
/** These tell which names exist, so that it is known whether a rename replaces something. */
const CREATING = 'open,openat,openat2,creat,mkdir,mkdirat,link,linkat,symlink,symlinkat,mknod,mknodat';
/** These tell where relative names begin. */
const MOVING = 'chdir,fchdir,clone,clone3,fork,vfork';
const STDERR_CHARACTERS = 1_500;

export const differentialConfig = {
  watches: [{ name: 'all', include: ['/**'], failures: true }],
  log: { process_args: 'full', command_line: true, redact: [] },
  self_test: { interval: 'off' },
};

function namesBelow(dir: string, found: string[] = []): string[] {
  for (const entry of fs.readdirSync(Buffer.from(dir, 'latin1'), { encoding: 'latin1', withFileTypes: true })) {
    found.push(`${dir}/${entry.name}`);
    if (entry.isDirectory()) namesBelow(`${dir}/${entry.name}`, found);
  }
  return found;
}

function runTraced({ name, prepare, script }: Program, records: string): ProgramRun {
  const dir = `${WORK}/${name}`;
  for (const sub of ['home', 'tmp']) fs.mkdirSync(`${dir}/${sub}`, { recursive: true });
  process.chdir(dir);
  prepare();
  const before: NamesBelow = { dir, names: namesBelow(dir) };
  fs.writeFileSync(path.join(records, namesFile(name)), JSON.stringify(before));
  // io_uring is not seen by strace.
  const env = { ...process.env, HOME: `${dir}/home`, TMPDIR: `${dir}/tmp`, UV_USE_IO_URING: '0' };
  const traced = `trace=${[DELETING, CREATING, MOVING].join()}`;
  const options = ['-f', '--seccomp-bpf', '-y', '-s', '4096', '-e', traced, '-o', path.join(records, traceFile(name))];
  const began = performance.now();
  const child = spawnSync('strace', [...options, 'sh', '-c', script], { env, encoding: 'utf8', maxBuffer: 1 << 26 });
  return {
    program: name,
    status: child.status,
    stderr: child.error === undefined ? child.stderr.slice(-STDERR_CHARACTERS) : String(child.error),
    seconds: (performance.now() - began) / 1_000,
    left: namesBelow(dir).filter((left) => !/\/(home|tmp)(\/|$)/.test(left)).length,
  };
}

export async function recordDifferential(
  _: DifferentialSession,
  daemon: Daemon,
  part: (name: string) => void,
): Promise<DifferentialRecording> {
  const recording: DifferentialRecording = { runs: [], skips: [] };
  fs.mkdirSync(WORK, { recursive: true });
  try {
    await daemon.start();
    part('start');
    for (const program of programs) {
      const reason = program.needs?.();
      if (reason !== undefined) recording.skips.push({ program: program.name, reason });
      else recording.runs.push(runTraced(program, daemon.directory));
      part(program.name);
    }
    recording.after = (await daemon.settleLog()).text;
    recording.stop = { exit: await daemon.stop() };
    part('stop');
  } catch (error) {
    recording.error = String((error as Error).stack);
    daemon.kill();
  }
  return recording;
}
