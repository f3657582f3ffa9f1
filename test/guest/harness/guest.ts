/**
 * Boots a kernel in QEMU, runs one command in it and says how that went. Nothing counts as success
 * unless the guest itself reported its exit code.
 */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { type Accelerator, chooseAccelerator } from './accelerator.js';
import { say, writeFileAtomically } from './cache.js';
import { findSplats, parseResultsChannel } from './guest-console.js';
import { type AttachedDisk, createDisk, type NewDisk } from './guest-disks.js';
import { buildInitramfs, type Command, commandScript, type GuestFiles } from './initramfs.js';
import { ensureKernel, type Kernel } from './kernels.js';
import { ensureQemu, qemuInvocation, runQemu, shellLine } from './qemu.js';
import { createRunDirectory, removeLargeFiles } from './run-directory.js';
import { ensureBusybox } from './tools.js';

/** A root file system on a disk, see systemd-root.ts. */
export interface GuestRoot {
  /** An ext4 image, whose changes are thrown away. */
  readonly image: string;
  /** Boot systemd and run the command after multi-user.target, or run the command as the only process. */
  readonly mode: 'systemd' | 'command';
  readonly texts: Readonly<Record<string, string>>;
  readonly links: Readonly<Record<string, string>>;
}

/** A disk, which is /dev/rmwatch/NAME in the guest. */
export interface GuestDisk extends NewDisk {
  /** Default: disk0, disk1 and so on. */
  readonly name?: string;
  readonly mountAt?: string;
}

export interface GuestOptions extends Omit<GuestFiles, 'files'> {
  /** Of kernels.json. */
  readonly kernel: string;
  /**
   * An argument vector, or shell text: for /bin/sh with a root, else for busybox sh, which prefers its own applets to
   * programs of the same name (write /usr/bin/rm to run an included rm).
   */
  readonly command: Command;
  /** Host path to guest path. */
  readonly initrdFiles?: GuestFiles['files'];
  /** Environment of the command. */
  readonly env?: Readonly<Record<string, string>>;
  readonly disks?: readonly GuestDisk[];
  /** Guest paths to bring back, found below the result's outputDir. */
  readonly outputs?: readonly string[];
  /** Room for them. */
  readonly outputsMiB?: number;
  readonly root?: GuestRoot;
  /** From the command's start; booting has a limit of its own. */
  readonly timeoutSeconds?: number;
  /** More for the kernel's command line. */
  readonly append?: string;
  /** Part of the log directory's name. */
  readonly label?: string;
  readonly memoryMiB?: number;
  readonly cpus?: number;
}

const DEFAULTS = {
  disks: [],
  outputs: [],
  outputsMiB: 256,
  timeoutSeconds: 120,
  memoryMiB: 2048,
  cpus: 2,
  append: '',
  label: 'guest',
} as const;

type CompleteOptions = Omit<GuestOptions, keyof typeof DEFAULTS> &
  Required<Pick<GuestOptions, keyof typeof DEFAULTS>> & { readonly image: Kernel; readonly accelerator: Accelerator };

/** `R`: what the command reports. */
export interface GuestResult<R = unknown> {
  /** Name and release of the kernel. */
  readonly kernel: string;
  readonly release: string;
  /** Boots that broke before the one that this tells of. */
  readonly retries: number;
  readonly accelerator: Accelerator;
  /** Of the command; -1 when the guest never reported one. */
  readonly exitCode: number;
  readonly results: readonly R[];
  readonly badResultLines: readonly string[];
  /** The guest came to its command. */
  readonly started: boolean;
  readonly bootSeconds: number | undefined;
  readonly console: string;
  readonly consoleFile: string;
  /** A script that boots the same guest again. */
  readonly reproduce: string;
  /** Lines by which the kernel says that something went wrong. */
  readonly splats: readonly string[];
  readonly timedOut: 'boot' | 'command' | undefined;
  readonly qemuMessages: string;
  readonly seconds: number;
  /** Where the outputs are; undefined when none were asked for, or when the guest did not come to its end. */
  readonly outputDir: string | undefined;
  readonly runDir: string;
}

function readText(file: string): string {
  return fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '';
}

interface PreparedDisks {
  /** In the order of their namespace ids. */
  readonly attached: readonly AttachedDisk[];
  /** File systems that the guest mounts. */
  readonly filesystems: readonly string[];
  /** How the guest is told about them. */
  readonly variables: Readonly<Record<string, string>>;
}

function prepareDisks(runDir: string, { disks, root, outputs, outputsMiB }: CompleteOptions): PreparedDisks {
  const attached: AttachedDisk[] = [];
  const mounts: string[] = [];
  if (root) attached.push({ name: 'root', file: root.image, snapshot: true });
  for (const [index, disk] of disks.entries()) {
    const name = disk.name ?? `disk${index}`;
    const file = path.join(runDir, `${name}.disk`);
    createDisk(file, disk);
    attached.push({ name, file });
    if (disk.mountAt !== undefined) mounts.push(`${name}:${disk.fs}:${disk.mountAt}`);
  }
  if (outputs.length > 0) {
    const file = path.join(runDir, 'outputs.disk');
    createDisk(file, { sizeMiB: outputsMiB });
    attached.push({ name: 'outputs', file });
  }
  return {
    attached,
    filesystems: [...disks.flatMap(({ fs: type }) => type ?? []), ...(root ? ['ext4'] : [])],
    variables: {
      DISKS: attached.map(({ name }, index) => `${index + 1}:${name}`).join(' '),
      MOUNTS: mounts.join(' '),
      OUTPUTS: outputs.map((output) => output.replace(/^\/+/, '')).join(' '),
      ROOT: root ? root.mode : '',
    },
  };
}

function unpackOutputs(runDir: string): string {
  const outputDir = path.join(runDir, 'outputs');
  fs.mkdirSync(outputDir);
  execFileSync('tar', ['-xf', path.join(runDir, 'outputs.disk'), '-C', outputDir], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  return outputDir;
}

/** One boot, in a directory of its own. */
async function attemptGuest<R>(options: CompleteOptions, retries: number): Promise<GuestResult<R>> {
  const { outputs, root, image, accelerator } = options;
  const runDir = createRunDirectory(`${options.kernel}-${options.label}`);
  const resultsFile = path.join(runDir, 'results.jsonl');
  const consoleFile = path.join(runDir, 'console.log');
  const initramfs = path.join(runDir, 'initramfs.cpio');
  const { attached, filesystems, variables } = prepareDisks(runDir, options);
  // Built into cloud kernels, modules of others.
  const forDisks = attached.length > 0 ? ['nvme', ...filesystems] : [];
  buildInitramfs({
    file: initramfs,
    busybox: await ensureBusybox(),
    kernel: image,
    script: commandScript(options.command, options.env),
    files: options.initrdFiles,
    texts: { ...root?.texts, ...options.texts },
    links: { ...root?.links, ...options.links },
    programs: options.programs,
    librariesOf: options.librariesOf,
    modules: [...new Set([...forDisks, ...(options.modules ?? [])])],
    variables,
    overlay: root !== undefined,
  });
  const machine = { ...options, vmlinuz: image.vmlinuz, initramfs, disks: attached, consoleFile, resultsFile };
  const invocation = qemuInvocation(await ensureQemu(), machine);
  const reproduce = path.join(runDir, 'reproduce.sh');
  fs.writeFileSync(reproduce, `#!/bin/sh\nexec ${shellLine(invocation)}\n`, { mode: 0o755 });
  const run = await runQemu(invocation, { timeoutSeconds: options.timeoutSeconds, resultsFile });
  const consoleText = readText(consoleFile);
  const report = parseResultsChannel<R>(readText(resultsFile));
  return {
    kernel: options.kernel,
    release: image.release,
    retries,
    accelerator,
    exitCode: report.exitCode ?? -1,
    results: report.results,
    badResultLines: report.badLines,
    started: report.started,
    bootSeconds: report.bootSeconds,
    console: consoleText,
    consoleFile,
    reproduce,
    splats: findSplats(consoleText),
    timedOut: run.timedOut,
    qemuMessages: run.messages,
    seconds: run.seconds,
    outputDir: outputs.length > 0 && report.exitCode !== undefined ? unpackOutputs(runDir) : undefined,
    runDir,
  };
}

/**
 * Runs one command in a guest. Rejects when QEMU cannot be run; everything else is in the result. `R` is what the command
 * reports to $RMWATCH_RESULTS, one JSON value a line.
 */
export async function runGuest<R = unknown>(given: GuestOptions): Promise<GuestResult<R>> {
  const image = await ensureKernel(given.kernel);
  let accelerator = await acceleratorOf(image);
  for (let retries = 0; ; retries += 1) {
    const result = await attemptGuest<R>({ ...DEFAULTS, ...given, image, accelerator }, retries);
    const { exitCode, runDir, consoleFile } = result;
    const failed = exitCode !== 0 || result.splats.length > 0;
    if (!failed && process.env['RMWATCH_GUEST_KEEP'] !== '1') removeLargeFiles(runDir);
    fs.rmSync(path.join(runDir, 'outputs.disk'), { force: true });
    writeFileAtomically(path.join(runDir, 'summary.json'), summaryOf(result));
    if (result.started || retries > 0) {
      if (failed) say(`kernel ${given.kernel}: exit ${exitCode}; console ${consoleFile}; again: ${result.reproduce}`);
      return result;
    }
    // Now and then a boot breaks. One more try, in emulation, counted and with its console kept.
    accelerator = 'tcg';
    const why = result.timedOut ?? 'ended early';
    say(`kernel ${given.kernel} did not reach its command (${why}), console ${consoleFile}`);
  }
}

/** Releases of kernels for which a line told how they run. */
const told = new Set<string>();

async function acceleratorOf(kernel: Kernel): Promise<Accelerator> {
  const choice = { qemu: await ensureQemu(), kernel, busybox: await ensureBusybox() };
  const { name, reason } = await chooseAccelerator(choice);
  if (!told.has(kernel.release))
    say(`Linux ${kernel.release} runs under ${name === 'kvm' ? 'KVM' : 'emulation'}: ${reason}`);
  told.add(kernel.release);
  return name;
}

function summaryOf(result: GuestResult): string {
  const { console: _console, ...rest } = result;
  return `${JSON.stringify(rest, null, 1)}\n`;
}
