import { existsSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { ATTACH_MODES, type AttachMode } from '../model/config.js';
import { loadBinding, type NativeBinding } from '../probe/native-probe.js';
import { openProbe, ProbeUnavailableError, probeInfoOf } from '../probe/open-probe.js';
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

/** Small: nothing is read from it. */
const TRIAL_RING_BYTES = 64 * 1024;
const HOOKED_FUNCTIONS = ['do_unlinkat', 'filename_unlinkat'];
/** Numbers of capabilities, capabilities(7). */
const CAPABILITIES = { CAP_SYS_ADMIN: 21, CAP_PERFMON: 38, CAP_BPF: 39, CAP_SYS_RESOURCE: 24 } as const;

/** Says of each attach mode whether it works here, and of everything else that matters what it is. */
export function doctor({ json }: DoctorOptions, io: CommandIo): number {
  const binding = loadBinding();
  const modes = ATTACH_MODES.map((mode) => tryMode(mode, binding));
  const findings = [...modes.map(({ finding }) => finding), ...surroundings(binding)];
  const usable = modes.find((mode) => mode.finding.state === 'ok')?.mode;
  const attach = usable ?? null;
  if (json) {
    io.stdout.write(`${JSON.stringify({ kernel: release(), attach, findings }, null, 2)}\n`);
  } else {
    for (const { check, state, message, fix } of findings) {
      io.stdout.write(
        `${state.padEnd(5)}${check.padEnd(22)}${message}${fix === undefined ? '' : `\n     -> ${fix}`}\n`,
      );
    }
    io.stdout.write(usable === undefined ? 'No attach mode works here.\n' : `"auto" takes ${usable} here.\n`);
  }
  if (usable !== undefined) return EXIT.ok;
  return modes.some(({ lacksPrivilege }) => lacksPrivilege) ? EXIT.notPrivileged : EXIT.unsupportedKernel;
}

function tryMode(
  mode: AttachMode,
  binding: NativeBinding,
): { mode: AttachMode; finding: Finding; lacksPrivilege: boolean } {
  const check = `attach ${mode}`;
  try {
    const opened = openProbe(binding, mode, TRIAL_RING_BYTES);
    const { probe } = opened;
    const { symbol, kind, success } = probeInfoOf(opened);
    const countsSkips = probe.skippedSuccesses() !== undefined;
    probe.close();
    const uncounted = countsSkips ? '' : '; this kernel does not count the hooks that it leaves out';
    const message = `works, on ${symbol} by ${kind}, tells deletions by ${success}${uncounted}`;
    return { mode, finding: { check, state: 'ok', message }, lacksPrivilege: false };
  } catch (error) {
    if (!(error instanceof ProbeUnavailableError)) throw error;
    const { reason, hint } = error.refusals[0]!;
    const finding: Finding = { check, state: 'fail', message: reason, ...(hint !== undefined && { fix: hint }) };
    return { mode, finding, lacksPrivilege: error.lacksPrivilege };
  }
}

function surroundings(binding: NativeBinding): Finding[] {
  const findings = [btf(binding), capabilities(), perfEventParanoid(), lockdown(), memlock()];
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

function memlock(): Finding | undefined {
  const check = 'memlock';
  const limit = /^Max locked memory\s+(\S+)/m.exec(read('/proc/self/limits') ?? '')?.[1];
  if (limit === undefined) return undefined;
  // From 5.11 on BPF memory is charged to the cgroup instead.
  if (limit === 'unlimited' || atLeast(5, 11)) return { check, state: 'ok', message: limit };
  // The daemon raises it by itself then.
  const raises = has('CAP_SYS_RESOURCE');
  return {
    check,
    state: raises ? 'ok' : 'fail',
    message: `${limit} bytes; before Linux 5.11 maps count against it`,
    ...(!raises && { fix: 'LimitMEMLOCK=infinity in the unit, or ulimit -l unlimited' }),
  };
}

function atLeast(major: number, minor: number): boolean {
  const [ours = 0, oursMinor = 0] = release().split('.').map(Number);
  return ours > major || (ours === major && oursMinor >= minor);
}

function read(file: string): string | undefined {
  try {
    return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
  } catch {
    return undefined;
  }
}
