/**
 * Boots a kernel in QEMU, runs one command in it and says how that went. Nothing counts as success
 * unless the guest itself reported its exit code.
 */
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { acceleratorArguments, chooseAccelerator } from './accelerator.mjs';
import { readJson, say, writeFileAtomically } from './cache.mjs';
import { ensureBusybox, ensureKernel, ensureQemu } from './fetch-kernels.mjs';
import { findSplats, parseResultsChannel } from './guest-console.mjs';
import { createDisk, qemuDiskArguments } from './guest-disks.mjs';
import { buildInitramfs, commandScript } from './initramfs.mjs';

const BOOT_TIMEOUT_SECONDS = 120;
const LARGE_FILES_KEPT_RUNS = 3;
const POLL_MILLISECONDS = 50;

function logsDir() {
  return process.env.RMWATCH_GUEST_LOGS ?? path.join(os.tmpdir(), 'rmwatch-guest-logs');
}

/** A directory of its own for every run. Failed runs keep their initramfs; only the newest few do, for the space. */
function createRunDir(label) {
  const parent = logsDir();
  fs.mkdirSync(parent, { recursive: true });
  const runs = fs
    .readdirSync(parent)
    .map((name) => path.join(parent, name))
    .filter((dir) => fs.existsSync(path.join(dir, 'owner')) && !isAlive(readJson(path.join(dir, 'owner'))))
    .sort((a, b) => fs.statSync(b).mtimeMs - fs.statSync(a).mtimeMs);
  for (const dir of runs.slice(LARGE_FILES_KEPT_RUNS)) removeLargeFiles(dir);
  const stamp = new Date().toISOString().replace(/[:.]/g, '-');
  const dir = fs.mkdtempSync(path.join(parent, `${stamp}-${label}-`));
  fs.writeFileSync(path.join(dir, 'owner'), String(process.pid));
  return dir;
}

function isAlive(pid) {
  return fs.existsSync(`/proc/${pid}`);
}

function removeLargeFiles(dir) {
  for (const name of fs.readdirSync(dir)) {
    if (/\.(cpio|disk)$/.test(name)) fs.rmSync(path.join(dir, name), { force: true });
  }
}

function readText(file) {
  return fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '';
}

const shellQuote = (word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

function qemuInvocation(
  qemu,
  { kernel, accelerator, initramfs, disks, memoryMiB, cpus, append, consoleFile, resultsFile },
) {
  const commandLine = `console=ttyS0 quiet loglevel=5 panic=-1 mitigations=off ${append}`.trim();
  const args = [
    ...qemu.args,
    ...['-nodefaults', '-no-user-config', '-machine', 'pc', ...acceleratorArguments(accelerator)],
    ...['-smp', String(cpus), '-m', String(memoryMiB), '-display', 'none', '-no-reboot'],
    ...['-chardev', `file,id=console,path=${consoleFile}`, '-serial', 'chardev:console'],
    ...['-chardev', `file,id=results,path=${resultsFile}`, '-serial', 'chardev:results'],
    ...['-kernel', kernel.vmlinuz, '-initrd', initramfs, '-append', commandLine],
    ...qemuDiskArguments(disks),
  ];
  return { command: qemu.command, args, env: qemu.env };
}

function reproduceCommand({ command, args, env }) {
  const variables = Object.entries(env).map(([name, value]) => `${name}=${shellQuote(value)}`);
  return [...variables, ...[command, ...args].map(shellQuote)].join(' ');
}

/** Runs QEMU to its end or to a time limit. setpriv has the kernel kill it when this process dies, however it dies. */
function runQemu(invocation, { timeoutSeconds, resultsFile }) {
  return new Promise((resolve, reject) => {
    const began = Date.now();
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', invocation.command, ...invocation.args], {
      env: { ...process.env, ...invocation.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let messages = '';
    let startedAt;
    let timedOut;
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (messages += data));
    const timer = setInterval(() => {
      if (startedAt === undefined && fs.existsSync(resultsFile) && fs.statSync(resultsFile).size > 0)
        startedAt = Date.now();
      const since = startedAt ?? began;
      const limit = startedAt === undefined ? BOOT_TIMEOUT_SECONDS : timeoutSeconds;
      if (Date.now() - since < limit * 1000) return;
      timedOut = startedAt === undefined ? 'boot' : 'command';
      child.kill('SIGKILL');
    }, POLL_MILLISECONDS);
    child.once('error', (error) => {
      clearInterval(timer);
      reject(error);
    });
    child.once('close', (code, signal) => {
      clearInterval(timer);
      resolve({ code, signal, messages, timedOut, seconds: (Date.now() - began) / 1000 });
    });
  });
}

/** The disks of one run, in the order of their namespace ids, and how the guest is told about them. */
function prepareDisks(runDir, { disks, root, outputs, outputsMiB }) {
  const attached = [];
  if (root) attached.push({ name: 'root', file: root.image, snapshot: true });
  for (const [index, disk] of disks.entries()) {
    const name = disk.name ?? `disk${index}`;
    const file = path.join(runDir, `${name}.disk`);
    createDisk(file, disk);
    attached.push({ name, file, mountAt: disk.mountAt, fs: disk.fs });
  }
  if (outputs.length > 0) {
    const file = path.join(runDir, 'outputs.disk');
    createDisk(file, { sizeMiB: outputsMiB });
    attached.push({ name: 'outputs', file });
  }
  const mounts = attached.filter(({ mountAt }) => mountAt).map((disk) => `${disk.name}:${disk.fs}:${disk.mountAt}`);
  return {
    attached,
    variables: {
      DISKS: attached.map(({ name }, index) => `${index + 1}:${name}`).join(' '),
      MOUNTS: mounts.join(' '),
      OUTPUTS: outputs.map((output) => output.replace(/^\/+/, '')).join(' '),
      ROOT: root ? root.mode : '',
    },
  };
}

function unpackOutputs(runDir) {
  const outputDir = path.join(runDir, 'outputs');
  fs.mkdirSync(outputDir);
  execFileSync('tar', ['-xf', path.join(runDir, 'outputs.disk'), '-C', outputDir], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  return outputDir;
}

async function attemptGuest(options, runDir) {
  const { outputs } = options;
  const resultsFile = path.join(runDir, 'results.jsonl');
  const consoleFile = path.join(runDir, 'console.log');
  const initramfs = path.join(runDir, 'initramfs.cpio');
  const { attached, variables } = prepareDisks(runDir, options);
  const root = options.root;
  // Built into cloud kernels, modules of others.
  const forDisks =
    attached.length > 0 ? ['nvme', ...attached.flatMap(({ fs: type }) => type ?? (root ? ['ext4'] : []))] : [];
  buildInitramfs({
    ...options,
    modules: [...new Set([...forDisks, ...(options.modules ?? [])])],
    file: initramfs,
    busybox: await ensureBusybox(),
    files: options.initrdFiles,
    texts: { ...root?.texts, ...options.texts },
    links: { ...root?.links, ...options.links },
    script: commandScript(options.command, options.env),
    variables,
    overlay: root !== undefined,
  });
  const qemu = await ensureQemu();
  const invocation = qemuInvocation(qemu, { ...options, initramfs, disks: attached, consoleFile, resultsFile });
  const reproduce = reproduceCommand(invocation);
  fs.writeFileSync(path.join(runDir, 'reproduce.sh'), `#!/bin/sh\nexec ${reproduce}\n`, { mode: 0o755 });
  const run = await runQemu(invocation, { timeoutSeconds: options.timeoutSeconds, resultsFile });
  const consoleText = readText(consoleFile);
  const report = parseResultsChannel(readText(resultsFile));
  return {
    exitCode: report.exitCode ?? -1,
    results: report.results,
    badResultLines: report.badLines,
    started: report.started,
    bootSeconds: report.bootSeconds,
    console: consoleText,
    consoleFile,
    reproduce: path.join(runDir, 'reproduce.sh'),
    reproduceCommand: reproduce,
    splats: findSplats(consoleText),
    timedOut: run.timedOut,
    qemuMessages: run.messages,
    seconds: run.seconds,
    outputDir: outputs.length > 0 && report.exitCode !== undefined ? unpackOutputs(runDir) : undefined,
    runDir,
  };
}

/**
 * Run one command in a guest.
 * @param {object} options
 * @param {string} options.kernel name from kernels.json
 * @param {string[] | string} options.command argument vector, or shell text: for /bin/sh with a root, else for busybox
 *   sh, which prefers its own applets to programs of the same name (write /usr/bin/rm to run an included rm)
 * @param {Record<string, string>} [options.initrdFiles] host path to guest path
 * @param {Record<string, string>} [options.texts] guest path to content of small files
 * @param {Record<string, string>} [options.links] guest path to symlink target
 * @param {string[]} [options.programs] host programs to include with their libraries
 * @param {string[]} [options.librariesOf] ELF files whose libraries to include
 * @param {string[]} [options.modules] kernel modules to load, dependencies included
 * @param {Record<string, string>} [options.env] environment of the command
 * @param {{sizeMiB: number, fs?: string, name?: string, mountAt?: string}[]} [options.disks] /dev/rmwatch/diskN
 * @param {string[]} [options.outputs] guest paths to bring back, found below result.outputDir
 * @param {number} [options.outputsMiB] room for them
 * @param {{image: string, mode: string}} [options.root] root file system of a disk, see systemd-root.mjs
 * @param {number} [options.timeoutSeconds] from the command's start; booting has a limit of its own
 * @param {string} [options.append] more for the kernel's command line
 * @param {string} [options.label] part of the log directory's name
 * @returns {Promise<object>} exitCode (-1: the guest never reported one), results, console, splats, seconds, ...
 */
export async function runGuest({ kernel: kernelName, ...given }) {
  const defaults = {
    initrdFiles: {},
    disks: [],
    outputs: [],
    outputsMiB: 256,
    timeoutSeconds: 120,
    memoryMiB: 2048,
    cpus: 2,
    append: '',
    label: 'guest',
  };
  const options = { ...defaults, ...given, kernel: await ensureKernel(kernelName) };
  let accelerator = await acceleratorOf(options.kernel);
  let retries = 0;
  for (;;) {
    const runDir = createRunDir(`${kernelName}-${options.label}`);
    const result = {
      kernel: kernelName,
      release: options.kernel.release,
      retries,
      accelerator,
      ...(await attemptGuest({ ...options, accelerator }, runDir)),
    };
    const failed = result.exitCode !== 0 || result.splats.length > 0;
    if (!failed && process.env.RMWATCH_GUEST_KEEP !== '1') removeLargeFiles(runDir);
    fs.rmSync(path.join(runDir, 'outputs.disk'), { force: true });
    writeFileAtomically(path.join(runDir, 'summary.json'), summaryOf(result));
    if (result.started || retries > 0) {
      if (failed)
        say(`kernel ${kernelName}: exit ${result.exitCode}; console ${result.consoleFile}; again: ${result.reproduce}`);
      return result;
    }
    // Now and then a boot breaks. One more try, in emulation, counted and with its console kept.
    retries += 1;
    accelerator = 'tcg';
    say(
      `kernel ${kernelName} did not reach its command (${result.timedOut ?? 'ended early'}), console ${result.consoleFile}`,
    );
  }
}

/** Kernels of which was said how they run. */
const told = new Set();

async function acceleratorOf(kernel) {
  const choice = { qemu: await ensureQemu(), kernel, busybox: await ensureBusybox() };
  const { name, reason } = await chooseAccelerator(choice);
  if (!told.has(kernel.release))
    say(`Linux ${kernel.release} runs under ${name === 'kvm' ? 'KVM' : 'emulation'}: ${reason}`);
  told.add(kernel.release);
  return name;
}

function summaryOf(result) {
  const { console: _console, ...rest } = result;
  return `${JSON.stringify(rest, null, 1)}\n`;
}
