/**
 * Whether a guest runs under KVM or in QEMU's emulation. /dev/kvm can exist and still not run a stock kernel, as on some
 * CI machines: so the kernel is booted once, with a limit, and the answer is kept for this QEMU, this host and this guest
 * kernel. RMWATCH_ACCEL=tcg or kvm decides by hand; `counted` is the emulation whose clock counts instructions.
 */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { cacheDir, readJson, writeFileAtomically } from './cache.js';
import { CpioWriter } from './cpio.js';
import type { Qemu } from './qemu.js';

const LIMIT_MS = 5_000;
const WORD = 'rmwatch-kvm-works';
const ARGUMENTS = {
  kvm: ['-accel', 'kvm', '-cpu', 'host'],
  // Without fast `rep movsb` the kernel copies eight bytes at a time; the emulation takes the same time for each step.
  tcg: ['-accel', 'tcg,thread=multi', '-cpu', 'max,-erms,-fsrm'],
  // One nanosecond of the guest is one instruction; of one processor only.
  counted: ['-accel', 'tcg,thread=single', '-icount', 'shift=0,sleep=off', '-cpu', 'max'],
} as const;

export type Accelerator = keyof typeof ARGUMENTS;

/** What a boot needs to know of a kernel. */
interface BootableKernel {
  readonly release: string;
  readonly vmlinuz: string;
}

/** What was chosen, and why. */
export interface Choice {
  readonly name: Accelerator;
  readonly reason: string;
}

const isAccelerator = (name: string): name is Accelerator => Object.hasOwn(ARGUMENTS, name);

/** By QEMU, host and guest kernel. */
type Answers = Readonly<Record<string, Choice>>;

/** The arguments of QEMU for an accelerator. */
export const acceleratorArguments = (name: Accelerator): readonly string[] => ARGUMENTS[name];

/** An initramfs whose first process says the word and switches the machine off. */
function writeProbeInitramfs(file: string, busybox: string): void {
  const cpio = new CpioWriter(file);
  cpio.directory('/dev');
  cpio.copy(busybox, '/busybox');
  const init = `#!/busybox sh\n/busybox mount -t devtmpfs devtmpfs /dev\necho ${WORD} >/dev/ttyS0\n/busybox poweroff -f\n`;
  cpio.text('/init', init, 0o755);
  cpio.end();
}

interface Boot {
  readonly qemu: Qemu;
  readonly kernel: BootableKernel;
  readonly initramfs: string;
  readonly limitMs: number;
}

/** Boots the kernel under KVM. Undefined when it came to its first process in time, otherwise why not. */
function bootUnderKvm({ qemu, kernel, initramfs, limitMs }: Boot): Promise<string | undefined> {
  const args = [
    ...qemu.args,
    ...['-nodefaults', '-no-user-config', '-machine', 'pc', ...ARGUMENTS.kvm, '-smp', '2', '-m', '256'],
    ...['-display', 'none', '-no-reboot', '-serial', 'stdio', '-kernel', kernel.vmlinuz, '-initrd', initramfs],
    ...['-append', 'console=ttyS0 quiet panic=-1'],
  ];
  return new Promise((resolve) => {
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', qemu.command, ...args], {
      env: { ...process.env, ...qemu.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    let late = false;
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (data: Buffer) => {
        output += data;
      });
    }
    const timer = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, limitMs);
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code) => {
      clearTimeout(timer);
      if (output.includes(WORD)) resolve(undefined);
      else if (late) resolve(`the kernel did not boot within ${limitMs / 1000} s`);
      else resolve(`QEMU ended with ${code}: ${output.trim().split('\n').at(-1)}`);
    });
  });
}

function isUsable(device: string): boolean {
  try {
    fs.accessSync(device, fs.constants.R_OK | fs.constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

export interface AcceleratorOptions {
  readonly qemu: Qemu;
  /** The guest's. */
  readonly kernel: BootableKernel;
  readonly busybox: string;
  readonly device?: string;
  /** Where answers are kept. */
  readonly cacheFile?: string;
  /** For the boot that is tried. */
  readonly limitMs?: number;
}

/** Chooses KVM where the guest's kernel boots under it, and emulation otherwise. */
export async function chooseAccelerator({
  qemu,
  kernel,
  busybox,
  device = '/dev/kvm',
  cacheFile = path.join(cacheDir(), 'accelerators.json'),
  limitMs = LIMIT_MS,
}: AcceleratorOptions): Promise<Choice> {
  const wanted = process.env['RMWATCH_ACCEL'];
  if (wanted !== undefined) {
    if (!isAccelerator(wanted)) throw new Error(`RMWATCH_ACCEL is neither tcg, kvm nor counted: ${wanted}`);
    return { name: wanted, reason: 'RMWATCH_ACCEL says so' };
  }
  if (!isUsable(device)) return { name: 'tcg', reason: `${device} is not there, or may not be used` };
  const key = `QEMU ${qemu.version}, host ${os.release()} ${os.cpus()[0]?.model}, guest ${kernel.release}`;
  const known = readJson<Answers>(cacheFile)?.[key];
  if (known !== undefined) return known;
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'rmwatch-kvm-'));
  try {
    const initramfs = path.join(directory, 'initramfs.cpio');
    writeProbeInitramfs(initramfs, busybox);
    const problem = await bootUnderKvm({ qemu, kernel, initramfs, limitMs });
    const answer: Choice =
      problem === undefined
        ? { name: 'kvm', reason: 'the kernel boots under it' }
        : { name: 'tcg', reason: `KVM does not work: ${problem}` };
    // Another process may have added answers meanwhile; one that is lost is found again.
    writeFileAtomically(cacheFile, `${JSON.stringify({ ...readJson<Answers>(cacheFile), [key]: answer }, null, 1)}\n`);
    return answer;
  } finally {
    fs.rmSync(directory, { recursive: true, force: true });
  }
}
