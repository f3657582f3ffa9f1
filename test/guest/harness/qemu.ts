/** QEMU: the machine's own or one in the cache, its command line, and one run of it. */
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { type Accelerator, acceleratorArguments } from './accelerator.js';
import { walk } from './cache.js';
import { type AttachedDisk, qemuDiskArguments } from './guest-disks.js';
import { tools } from './kernel-table.js';
import { onceUnderLock } from './once.js';
import { ensureToolTree } from './tools.js';

const BOOT_TIMEOUT_SECONDS = 120;
const POLL_MS = 50;

/** How to run a program. */
interface Invocation {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export interface Qemu extends Invocation {
  /** The major version. */
  readonly version: number;
}

function majorVersionOf({ command, args, env }: Invocation): number {
  const options = { encoding: 'utf8', env: { ...process.env, ...env } } as const;
  const { stdout } = spawnSync(command, [...args, '--version'], options);
  // Null where the command cannot be run at all.
  return Number(stdout?.match(/version (\d+)\./)?.[1] ?? 0);
}

/** How to run a dynamically linked program out of an unpacked tree: with the tree's own C library. */
function commandInTree(dir: string, program: string): { command: string; args: string[] } {
  const libraries = ['lib/x86_64-linux-gnu', 'usr/lib/x86_64-linux-gnu'].map((each) => path.join(dir, each)).join(':');
  const loader = walk(dir).find(
    (file) => /(^|\/)ld-linux-x86-64\.so\.2$/.test(file) && fs.existsSync(path.join(dir, file)),
  );
  if (loader === undefined) throw new Error(`${dir} has no ld-linux-x86-64.so.2`);
  return { command: path.join(dir, loader), args: ['--library-path', libraries, path.join(dir, program)] };
}

/**
 * The machine's QEMU when it is new enough, else one in the cache that is started with its own C library and
 * libraries, so that it depends on nothing installed.
 */
export const ensureQemu = onceUnderLock((): Qemu => {
  const { minimumMajor } = tools.qemu;
  const installed = { command: 'qemu-system-x86_64', args: [], env: {} };
  const version = majorVersionOf(installed);
  if (version >= minimumMajor) return { ...installed, version };
  const dir = ensureToolTree('qemu');
  const { command, args } = commandInTree(dir, 'usr/bin/qemu-system-x86_64');
  const fetched = {
    command,
    args: [...args, '-L', path.join(dir, 'usr/share/qemu'), '-L', path.join(dir, 'usr/share/seabios')],
    env: { QEMU_MODULE_DIR: path.join(dir, 'usr/lib/x86_64-linux-gnu/qemu') },
  };
  const qemu = { ...fetched, version: majorVersionOf(fetched) };
  if (qemu.version < minimumMajor) throw new Error(`QEMU in ${dir} does not run or is older than ${minimumMajor}`);
  return qemu;
});

/** The virtual machine of one run. */
export interface Machine {
  readonly vmlinuz: string;
  readonly initramfs: string;
  readonly accelerator: Accelerator;
  readonly disks: readonly AttachedDisk[];
  readonly memoryMiB: number;
  readonly cpus: number;
  /** More for the kernel's command line. */
  readonly append: string;
  readonly consoleFile: string;
  readonly resultsFile: string;
}

export function qemuInvocation(qemu: Qemu, machine: Machine): Invocation {
  const { accelerator, cpus, memoryMiB } = machine;
  const commandLine = `console=ttyS0 quiet loglevel=5 panic=-1 mitigations=off ${machine.append}`.trim();
  const args = [
    ...qemu.args,
    ...['-nodefaults', '-no-user-config', '-machine', 'pc', ...acceleratorArguments(accelerator)],
    ...['-smp', String(cpus), '-m', String(memoryMiB), '-display', 'none', '-no-reboot'],
    ...['-chardev', `file,id=console,path=${machine.consoleFile}`, '-serial', 'chardev:console'],
    ...['-chardev', `file,id=results,path=${machine.resultsFile}`, '-serial', 'chardev:results'],
    ...['-kernel', machine.vmlinuz, '-initrd', machine.initramfs, '-append', commandLine],
    ...qemuDiskArguments(machine.disks),
  ];
  return { command: qemu.command, args, env: qemu.env };
}

const shellQuote = (word: string) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

/** A line for a shell that runs the same again. */
export function shellLine({ command, args, env }: Invocation): string {
  const variables = Object.entries(env).map(([name, value]) => `${name}=${shellQuote(value)}`);
  return [...variables, ...[command, ...args].map(shellQuote)].join(' ');
}

export interface QemuRun {
  /** What QEMU itself wrote. */
  readonly messages: string;
  /** Which time limit ended it, if one did. */
  readonly timedOut: 'boot' | 'command' | undefined;
  readonly seconds: number;
}

/** Runs QEMU to its end or to a time limit. setpriv has the kernel kill it when this process dies, however it dies. */
export function runQemu(
  invocation: Invocation,
  { timeoutSeconds, resultsFile }: { timeoutSeconds: number; resultsFile: string },
): Promise<QemuRun> {
  return new Promise((resolve, reject) => {
    const began = Date.now();
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', invocation.command, ...invocation.args], {
      env: { ...process.env, ...invocation.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let messages = '';
    let startedAt: number | undefined;
    let timedOut: QemuRun['timedOut'];
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (data: Buffer) => {
        messages += data;
      });
    }
    const timer = setInterval(() => {
      if (startedAt === undefined && fs.existsSync(resultsFile) && fs.statSync(resultsFile).size > 0)
        startedAt = Date.now();
      const since = startedAt ?? began;
      const limit = startedAt === undefined ? BOOT_TIMEOUT_SECONDS : timeoutSeconds;
      if (Date.now() - since < limit * 1000) return;
      timedOut = startedAt === undefined ? 'boot' : 'command';
      child.kill('SIGKILL');
    }, POLL_MS);
    child.once('error', (error) => {
      clearInterval(timer);
      reject(error);
    });
    child.once('close', () => {
      clearInterval(timer);
      resolve({ messages, timedOut, seconds: (Date.now() - began) / 1000 });
    });
  });
}
