import { causesOfSilence, type SilenceCause } from '../host/silent-probes.js';
import { ATTACH_MODES, type AttachMode, type WantedAttach } from '../model/config.js';
import type { ProbeInfo } from '../model/pipeline-counts.js';
import { atOnce, type Steps } from '../model/steps.js';
import {
  type AttachedProgram,
  isNativeError,
  type NativeBinding,
  type NativeProbe,
  type ProbeDescription,
} from './native-probe.js';

/** A probe that can be attached, and why those before it could not. */
export interface OpenedProbe<T> {
  readonly probe: NativeProbe;
  /** What `prepare` returned for it. */
  readonly prepared: T;
  readonly mode: AttachMode;
  readonly description: ProbeDescription;
  readonly refusals: readonly Refusal[];
}

/** Why a mode does not work here. */
export interface Refusal {
  readonly mode: AttachMode;
  /** One line. */
  readonly reason: string;
  readonly hint: string | undefined;
  /** What libbpf and the verifier said. */
  readonly details: string;
  readonly code: string | undefined;
}

/** No mode works. */
export class ProbeUnavailableError extends Error {
  readonly refusals: readonly Refusal[];
  /** The process lacks rights; otherwise the kernel lacks something. */
  readonly lacksPrivilege: boolean;

  constructor(refusals: readonly Refusal[], lacksPrivilege: boolean) {
    super(refusals.map(({ mode, reason }) => `${mode}: ${reason}`).join('; '));
    this.name = 'ProbeUnavailableError';
    this.refusals = refusals;
    this.lacksPrivilege = lacksPrivilege;
  }
}

/** The modes to try, in their order. */
function modesOf(wanted: WantedAttach): readonly AttachMode[] {
  if (wanted === 'auto') return ATTACH_MODES;
  return typeof wanted === 'string' ? [wanted] : wanted;
}

/**
 * Loads and attaches the first wanted mode that works. Attaching is the only honest test: what a kernel or its policy refuses
 * shows nowhere else. But what the kernel has switched off attaches and never runs: it is passed over where there is a choice.
 * Throws ProbeUnavailableError.
 */
export function openProbe(binding: NativeBinding, wanted: WantedAttach, ringBytes: number): OpenedProbe<void> {
  return atOnce(openProbeSteps(binding, wanted, ringBytes, function* () {}));
}

/** As openProbe(); `prepare` is done with each loaded probe just before it is attached. */
export function* openProbeSteps<T>(
  binding: NativeBinding,
  wanted: WantedAttach,
  ringBytes: number,
  prepare: (probe: NativeProbe, mode: AttachMode) => Steps<T>,
): Steps<OpenedProbe<T>> {
  const refusals: Refusal[] = [];
  const modes = modesOf(wanted);
  for (const mode of modes) {
    const causes = modes.length > 1 ? causesOfSilence(mode) : [];
    if (causes.length > 0) {
      refusals.push(silenceOf(mode, causes));
      continue;
    }
    let probe: NativeProbe | undefined;
    let opened: OpenedProbe<T> | undefined;
    try {
      probe = new binding.Probe({ mode, ringBytes });
      const prepared = yield* prepare(probe, mode);
      probe.attach();
      opened = { probe, prepared, mode, description: probe.describe(), refusals };
      return opened;
    } catch (error) {
      refusals.push(refusalOf(mode, error));
    } finally {
      if (opened === undefined) probe?.close();
    }
  }
  throw new ProbeUnavailableError(refusals, lacksPrivilege(refusals));
}

/** How the kernel is hooked, for reports. */
export function probeInfoOf({ mode, description }: Pick<OpenedProbe<unknown>, 'mode' | 'description'>): ProbeInfo {
  const kindsOf = (role: AttachedProgram['role']) => [
    ...new Set(description.attached.filter((one) => one.role === role).map(({ kind }) => kind)),
  ];
  const success = kindsOf('success');
  return {
    attach: mode,
    symbol: description.symbol,
    kind: (kindsOf('before')[0] ?? success[0] ?? mode) as string,
    success: success.join('+'),
  };
}

function silenceOf(mode: AttachMode, causes: readonly SilenceCause[]): Refusal {
  const reason = causes.map(({ cause }) => cause).join('; ');
  return { mode, reason, hint: causes.map(({ fix }) => fix).join('; '), details: '', code: undefined };
}

function refusalOf(mode: AttachMode, error: unknown): Refusal {
  if (!isNativeError(error)) throw error;
  return {
    mode,
    reason: error.message,
    hint: hintFor(mode, error.code, error.operation),
    details: error.details,
    code: error.code,
  };
}

/** root with all its rights is refused by policy, not for want of them. */
function lacksPrivilege(refusals: readonly Refusal[]): boolean {
  return process.geteuid?.() !== 0 && refusals.some(({ code }) => code === 'EPERM' || code === 'EACCES');
}

function hintFor(mode: AttachMode, code: string, operation: string): string | undefined {
  const refused = code === 'EPERM' || code === 'EACCES';
  if (operation.includes('BTF')) return 'this kernel has no BTF: boot one with CONFIG_DEBUG_INFO_BTF=y';
  if (mode === 'kprobe' && operation.startsWith('attach')) {
    if (refused) {
      return 'kprobes need CAP_SYS_ADMIN while kernel.perf_event_paranoid is 3 or more: "sysctl kernel.perf_event_paranoid=2"';
    }
    if (code === 'ENOENT') return 'this kernel has no kprobes (CONFIG_KPROBES)';
  }
  if (refused && operation.startsWith('load')) {
    return process.geteuid?.() === 0
      ? 'the kernel or its lockdown policy refuses this kind of program, or, before Linux 5.11, RLIMIT_MEMLOCK is too low'
      : 'run as root, or with CAP_BPF and CAP_PERFMON (and LimitMEMLOCK=infinity before Linux 5.11)';
  }
  if (code === 'ENOMEM') return 'not enough memory for the maps: make probe.ring_buffer smaller';
  return undefined;
}
