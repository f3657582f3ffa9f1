import { existsSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { HostMounts } from '../host/host-mounts.js';
import { causesOfSilence } from '../host/silent-probes.js';
import { ATTACH_MODES, type AttachMode } from '../model/config.js';
import { loadBinding, type NativeBinding } from '../probe/native-probe.js';
import { ProbeUnavailableError } from '../probe/open-probe.js';
import { tryProbe } from '../service/probe-trial.js';
import type { DoctorOptions } from './dispatch.js';
import { EXIT } from './exit-codes.js';
import type { CommandIo } from './io.js';

type State = 'ok' | 'warn' | 'fail';

interface Finding {
  readonly check: string;
  readonly state: State;
  readonly message: string;
  /** What to do about it. */
  readonly fix?: string;
}

const MAP_CHARGE_FUNCTION = 'bpf_map_charge_init';
const HOOKED_FUNCTIONS = ['do_unlinkat', 'filename_unlinkat'];
/** Measured by `npm run bench`. */
const TRACEPOINT_COST = '; adds some 58 to 85 ns to every system call of this machine';
/** Numbers of capabilities, capabilities(7). */
const CAPABILITIES = { CAP_SYS_ADMIN: 21, CAP_PERFMON: 38, CAP_BPF: 39, CAP_SYS_RESOURCE: 24 } as const;

interface ModeFinding {
  readonly mode: AttachMode;
  readonly finding: Finding;
  /** Inode number of the host's mount namespace; undefined: the mode cannot be attached. */
  readonly hostMountNamespace?: number;
  /** It is known why its probes never run: "auto" passes over it. */
  readonly isSilent?: boolean;
  readonly lacksPrivilege: boolean;
}

/** Says of each attach mode whether it works here, and of everything else that matters what it is. */
export async function doctor({ json }: DoctorOptions, io: CommandIo): Promise<number> {
  const binding = loadBinding();
  const modes: ModeFinding[] = [];
  // One after the other: each sees the deletions of this process.
  for (const mode of ATTACH_MODES) modes.push(await tryMode(mode, binding));
  const attached = modes.filter(({ hostMountNamespace }) => hostMountNamespace !== undefined);
  const taken = attached.find(({ isSilent }) => isSilent !== true);
  const working = modes.find(({ finding }) => finding.state === 'ok');
  const findings = [
    ...modes.map(({ finding }) => finding),
    ...attached.slice(0, 1).map((mode) => mounts(mode, binding)),
    ...surroundings(binding),
  ];
  const attach = taken?.finding.state === 'ok' ? taken.mode : null;
  if (json) {
    io.stdout.write(`${JSON.stringify({ kernel: release(), attach, findings }, null, 2)}\n`);
  } else {
    for (const { check, state, message, fix } of findings) {
      io.stdout.write(
        `${state.padEnd(5)}${check.padEnd(22)}${message}${fix === undefined ? '' : `\n     -> ${fix}`}\n`,
      );
    }
    io.stdout.write(`${conclusion(taken, working?.mode)}\n`);
  }
  if (attach !== null) return EXIT.ok;
  if (working !== undefined) return EXIT.degraded;
  return modes.some(({ lacksPrivilege }) => lacksPrivilege) ? EXIT.notPrivileged : EXIT.unsupportedKernel;
}

/** `taken`: what "auto" takes; `working`: the first mode that sees deletions. */
function conclusion(taken: ModeFinding | undefined, working: AttachMode | undefined): string {
  if (taken === undefined || working === undefined) return 'No attach mode works here.';
  if (taken.finding.state === 'ok') return `"auto" takes ${taken.mode} here.`;
  return `"auto" takes ${taken.mode} here, which sees no deletions: write probe.attach: ${working}, or correct what is listed above.`;
}

async function tryMode(mode: AttachMode, binding: NativeBinding): Promise<ModeFinding> {
  const check = `attach ${mode}`;
  try {
    const { ok, problems, info, hostMountNamespace, countsSkips } = await tryProbe(binding, mode);
    const uncounted = countsSkips ? '' : '; this kernel does not count the hooks that it leaves out';
    const works = `works, on ${info.symbol} by ${info.kind}, tells deletions by ${info.success}${uncounted}`;
    const cost = mode === 'tracepoint' ? TRACEPOINT_COST : '';
    const finding: Finding = ok
      ? { check, state: 'ok', message: `${works}; deletions of its own came through${cost}` }
      : { check, state: 'fail', ...unseen(mode, problems) };
    return { mode, finding, hostMountNamespace, isSilent: causesOfSilence(mode).length > 0, lacksPrivilege: false };
  } catch (error) {
    if (!(error instanceof ProbeUnavailableError)) throw error;
    const { reason, hint } = error.refusals[0]!;
    const finding: Finding = { check, state: 'fail', message: reason, ...(hint !== undefined && { fix: hint }) };
    return { mode, finding, lacksPrivilege: error.lacksPrivilege };
  }
}

function unseen(mode: AttachMode, problems: readonly string[]): Pick<Finding, 'message' | 'fix'> {
  const causes = causesOfSilence(mode);
  const reasons = causes.length === 0 ? problems : causes.map(({ cause }) => cause);
  return {
    message: `attaches, but deletions of its own did not come through: ${reasons.join('; ')}`,
    ...(causes.length > 0 && { fix: causes.map(({ fix }) => fix).join('; ') }),
  };
}

/** Which mounts are taken for those of the host; a service can have other sources than this command. */
function mounts({ hostMountNamespace = 0 }: ModeFinding, binding: NativeBinding): Finding {
  const check = 'mounts of the host';
  const found = HostMounts.find({ hostMountNamespace, binding });
  found.close();
  if (found.source !== undefined) return { check, state: 'ok', message: `read from ${found.source}` };
  return {
    check,
    state: 'warn',
    message: `not known, so that more is reported than watches want: ${found.problems.join('; ')}`,
    fix: 'start it as root, or with CAP_BPF and CAP_PERFMON, or with standard input from /proc/1/mountinfo; in a container with --pid=host, or with -v /proc:/host/proc:ro',
  };
}

function surroundings(binding: NativeBinding): Finding[] {
  const findings = [btf(binding), capabilities(), perfEventParanoid(), lockdown(), memlock(binding)];
  return findings.filter((finding) => finding !== undefined);
}

function btf(binding: NativeBinding): Finding {
  const check = 'BTF';
  try {
    const present = binding.kernelFunctions(HOOKED_FUNCTIONS);
    return present.length > 0
      ? { check, state: 'ok', message: `present; hook function ${present.join(', ')}` }
      : {
          check,
          state: 'warn',
          message: `has none of ${HOOKED_FUNCTIONS.join(', ')}: only tracepoint mode is possible`,
        };
  } catch (error) {
    return {
      check,
      state: 'fail',
      message: (error as Error).message,
      fix: 'boot a kernel with CONFIG_DEBUG_INFO_BTF=y',
    };
  }
}

function capabilities(): Finding {
  const check = 'capabilities';
  if (has('CAP_SYS_ADMIN')) return { check, state: 'ok', message: 'CAP_SYS_ADMIN' };
  const missing = (['CAP_BPF', 'CAP_PERFMON'] as const).filter((name) => !has(name));
  if (missing.length === 0) return { check, state: 'ok', message: 'CAP_BPF, CAP_PERFMON' };
  return { check, state: 'fail', message: `${missing.join(', ')} missing`, fix: 'sudo rmwatch doctor' };
}

/** Whether this process has the capability. */
function has(name: keyof typeof CAPABILITIES): boolean {
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(read('/proc/self/status') ?? '')?.[1] ?? '0'}`);
  return ((effective >> BigInt(CAPABILITIES[name])) & 1n) === 1n;
}

function perfEventParanoid(): Finding | undefined {
  const check = 'perf_event_paranoid';
  const value = read('/proc/sys/kernel/perf_event_paranoid')?.trim();
  if (value === undefined) return undefined;
  if (Number(value) < 3) return { check, state: 'ok', message: value };
  return {
    check,
    state: 'warn',
    message: `${value}: kprobes need CAP_SYS_ADMIN, not only CAP_PERFMON, where the kernel has no kprobe.multi`,
    fix: 'sysctl kernel.perf_event_paranoid=2, or install the kprobe drop-in of the service',
  };
}

function lockdown(): Finding | undefined {
  const check = 'lockdown';
  const modes = read('/sys/kernel/security/lockdown');
  const mode = modes === undefined ? undefined : /\[(\w+)\]/.exec(modes)?.[1];
  if (mode === undefined) return undefined;
  if (mode !== 'confidentiality') return { check, state: 'ok', message: mode };
  return {
    check,
    state: 'fail',
    message: 'confidentiality: BPF may not read kernel memory',
    fix: 'boot with lockdown=integrity, or without lockdown',
  };
}

function memlock(binding: NativeBinding): Finding | undefined {
  const check = 'memlock';
  const limit = /^Max locked memory\s+(\S+)/m.exec(read('/proc/self/limits') ?? '')?.[1];
  if (limit === undefined) return undefined;
  if (limit === 'unlimited' || !countsMaps(binding)) return { check, state: 'ok', message: limit };
  // The daemon raises it by itself then.
  const raises = has('CAP_SYS_RESOURCE');
  return {
    check,
    state: raises ? 'ok' : 'fail',
    message: `${limit} bytes; BPF maps count against it on this kernel`,
    ...(!raises && { fix: 'LimitMEMLOCK=infinity in the unit, or ulimit -l unlimited' }),
  };
}

/**
 * Whether BPF maps count as locked memory: then the kernel has the function that charges them ("bpf: Eliminate rlimit-based
 * memory accounting infra for bpf maps" removed it in Linux 5.11). Without BTF no mode works, and the limit does not matter.
 */
function countsMaps(binding: NativeBinding): boolean {
  try {
    return binding.kernelFunctions([MAP_CHARGE_FUNCTION]).length > 0;
  } catch {
    return false;
  }
}

function read(file: string): string | undefined {
  try {
    return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
  } catch {
    return undefined;
  }
}
