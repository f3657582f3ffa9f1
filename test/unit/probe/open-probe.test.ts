import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import type { AttachMode } from '../../../src/model/config.js';
import { atOnce, type Steps } from '../../../src/model/steps.js';
import type { NativeBinding, NativeProbe } from '../../../src/probe/native-probe.js';
import type { Refusal } from '../../../src/probe/open-probe.js';

/** What this machine says of itself must not decide. Other test files share the modules, so the mock is removed at the end. */
const SILENT_PROBES = '../../../src/host/silent-probes.js';
const switchedOff = { modes: [] as string[] };
vi.resetModules();
vi.doMock(SILENT_PROBES, () => ({
  causesOfSilence: (mode: string) => (switchedOff.modes.includes(mode) ? [{ cause: 'off', fix: 'on' }] : []),
}));
const { openProbe, openProbeSteps, ProbeUnavailableError } = await import('../../../src/probe/open-probe.js');

afterAll(() => {
  vi.doUnmock(SILENT_PROBES);
  vi.resetModules();
});

interface Trouble {
  readonly at: 'load' | 'attach';
  readonly error: Error;
}

function nativeError(operation: string, code: string, details = ''): Error {
  return Object.assign(new Error(`${operation}: ${code}`), { operation, code, errno: 1, details });
}

const load = (code: string, operation = 'load'): Trouble => ({ at: 'load', error: nativeError(operation, code) });
const attach = (code: string): Trouble => ({
  at: 'attach',
  error: nativeError('attach do_unlinkat', code, 'libbpf: x'),
});

/** A kernel that refuses what `troubles` says; `log` tells what was done with it. */
function kernel(troubles: Partial<Record<AttachMode, Trouble>>) {
  const log: string[] = [];
  class Probe {
    private readonly mode: AttachMode;

    constructor({ mode, ringBytes }: { mode: AttachMode; ringBytes: number }) {
      log.push(`load ${mode} ${ringBytes}`);
      if (troubles[mode]?.at === 'load') throw troubles[mode].error;
      this.mode = mode;
    }

    attach(): void {
      log.push(`attach ${this.mode}`);
      if (troubles[this.mode]?.at === 'attach') throw troubles[this.mode]!.error;
    }

    describe() {
      return { symbol: `of ${this.mode}`, hostMountNamespace: 1, programs: [] };
    }

    close(): void {
      log.push(`close ${this.mode}`);
    }
  }
  return { log, binding: { Probe } as unknown as NativeBinding };
}

/** Why nothing works, as one kernel says it. */
function refusals(troubles: Partial<Record<AttachMode, Trouble>>, wanted: AttachMode | 'auto' = 'auto') {
  try {
    openProbe(kernel(troubles).binding, wanted, 1);
  } catch (error) {
    if (error instanceof ProbeUnavailableError) return error;
    throw error;
  }
  throw new Error('it works');
}

function asUser(uid: number): void {
  vi.spyOn(process, 'geteuid').mockReturnValue(uid);
}

afterEach(() => {
  switchedOff.modes = [];
  vi.restoreAllMocks();
});

describe('openProbe', () => {
  it('takes kprobe where it works, prepared before it is attached', () => {
    const { binding, log } = kernel({});
    const prepared: [NativeProbe, AttachMode][] = [];
    const prepare = function* (probe: NativeProbe, mode: AttachMode): Steps<string> {
      log.push('prepare');
      prepared.push([probe, mode]);
      yield;
      return 'prepared';
    };
    const opened = atOnce(openProbeSteps(binding, 'auto', 4096, prepare));
    expect(opened.prepared).toBe('prepared');
    expect(log).toEqual(['load kprobe 4096', 'prepare', 'attach kprobe']);
    expect(opened).toMatchObject({ mode: 'kprobe', description: { symbol: 'of kprobe' }, refusals: [] });
    expect(prepared).toEqual([[opened.probe, 'kprobe']]);
  });

  it('goes on to fentry and tracepoint, and leaves nothing of those before', () => {
    const { binding, log } = kernel({ kprobe: attach('EACCES'), fentry: load('EINVAL') });
    const opened = openProbe(binding, 'auto', 1);
    expect(opened.mode).toBe('tracepoint');
    expect(log).toEqual([
      'load kprobe 1',
      'attach kprobe',
      'close kprobe',
      'load fentry 1',
      'load tracepoint 1',
      'attach tracepoint',
    ]);
    expect(opened.refusals).toMatchObject([
      { mode: 'kprobe', reason: 'attach do_unlinkat: EACCES', details: 'libbpf: x', code: 'EACCES' },
      { mode: 'fentry', reason: 'load: EINVAL', details: '', code: 'EINVAL', hint: undefined },
    ]);
  });

  it('passes over what the kernel has switched off, unless it is asked for', () => {
    const { binding, log } = kernel({});
    switchedOff.modes = ['kprobe'];
    const opened = openProbe(binding, 'auto', 1);
    expect(opened.refusals).toEqual([{ mode: 'kprobe', reason: 'off', hint: 'on', details: '', code: undefined }]);
    expect(log).toEqual(['load fentry 1', 'attach fentry']);
    expect(openProbe(binding, 'kprobe', 1)).toMatchObject({ mode: 'kprobe', refusals: [] });
    switchedOff.modes = ['kprobe', 'fentry', 'tracepoint'];
    expect(() => openProbe(binding, 'auto', 1)).toThrow('kprobe: off; fentry: off; tracepoint: off');
  });

  it('takes the first of a list, passes over what is switched off, and tries no other', () => {
    const { binding, log } = kernel({ kprobe: attach('EACCES') });
    expect(openProbe(binding, ['tracepoint', 'kprobe'], 1).mode).toBe('tracepoint');
    expect(log).toEqual(['load tracepoint 1', 'attach tracepoint']);
    expect(openProbe(binding, ['kprobe', 'fentry'], 1).mode).toBe('fentry');
    switchedOff.modes = ['fentry'];
    expect(() => openProbe(binding, ['kprobe', 'fentry'], 1)).toThrow(
      'kprobe: attach do_unlinkat: EACCES; fentry: off',
    );
  });

  it('tries only the mode that is asked for', () => {
    const { binding, log } = kernel({ kprobe: attach('EACCES') });
    expect(openProbe(binding, 'fentry', 1).mode).toBe('fentry');
    expect(log).toEqual(['load fentry 1', 'attach fentry']);
    expect(refusals({ fentry: load('EINVAL') }, 'fentry').refusals).toHaveLength(1);
  });

  it('says of each mode why it does not work', () => {
    const error = refusals({ kprobe: attach('ENOENT'), fentry: load('EINVAL'), tracepoint: load('EINVAL') });
    expect(error.message).toBe('kprobe: attach do_unlinkat: ENOENT; fentry: load: EINVAL; tracepoint: load: EINVAL');
    expect(error.refusals.map(({ mode }) => mode)).toEqual(['kprobe', 'fentry', 'tracepoint']);
  });

  it('takes no mistake of its own for a refusal, and closes what it opened', () => {
    const { binding, log } = kernel({});
    // biome-ignore lint/correctness/useYield: it fails at once
    const mistake = function* (): Steps<void> {
      throw new TypeError('a mistake');
    };
    expect(() => atOnce(openProbeSteps(binding, 'auto', 1, mistake))).toThrow(TypeError);
    expect(log).toEqual(['load kprobe 1', 'close kprobe']);
  });

  it('closes the probe, and tries no other, when it is given up while it is prepared', () => {
    const { binding, log } = kernel({});
    const slowly = function* (): Steps<void> {
      yield;
    };
    const steps = openProbeSteps(binding, 'auto', 1, slowly);
    steps.next();
    steps.return(undefined as never);
    expect(log).toEqual(['load kprobe 1', 'close kprobe']);
  });

  it('takes what the kernel refuses while it is prepared for a refusal', () => {
    const { binding, log } = kernel({});
    // biome-ignore lint/correctness/useYield: it fails at once
    const prepare = function* (_probe: NativeProbe, mode: AttachMode): Steps<void> {
      if (mode === 'kprobe') throw nativeError('set the filter', 'ENOMEM');
    };
    const opened = atOnce(openProbeSteps(binding, 'auto', 1, prepare));
    expect(opened.mode).toBe('fentry');
    expect(opened.refusals[0]!.hint).toContain('probe.ring_buffer');
    expect(log).toContain('close kprobe');
  });
});

describe('a refusal', () => {
  const everywhere = (trouble: Trouble) => ({ kprobe: trouble, fentry: trouble, tracepoint: trouble });
  const hintOf = (trouble: Trouble, mode: AttachMode = 'kprobe'): Refusal['hint'] =>
    refusals({ [mode]: trouble }, mode).refusals[0]!.hint;

  it.each([
    ['EPERM', 1000, true],
    ['EACCES', 1000, true],
    ['EPERM', 0, false],
    ['EINVAL', 1000, false],
  ])('with %s of uid %i lacks privilege: %s', (code, uid, lacking) => {
    asUser(uid);
    expect(refusals(everywhere(load(code))).lacksPrivilege).toBe(lacking);
  });

  it('lacks privilege when one of the modes does', () => {
    asUser(1000);
    const troubles = { kprobe: load('EINVAL'), fentry: load('EPERM'), tracepoint: load('EINVAL') };
    expect(refusals(troubles).lacksPrivilege).toBe(true);
  });

  it('says what to change', () => {
    asUser(1000);
    expect(hintOf(attach('EACCES'))).toContain('kernel.perf_event_paranoid');
    expect(hintOf(attach('ENOENT'))).toContain('CONFIG_KPROBES');
    expect(hintOf(load('EPERM'))).toContain('CAP_BPF');
    expect(hintOf(load('ENOENT', 'read the BTF of the kernel'), 'fentry')).toContain('CONFIG_DEBUG_INFO_BTF');
    expect(hintOf(load('ENOMEM'))).toContain('probe.ring_buffer');
    expect(hintOf(load('E2BIG'))).toBeUndefined();
    expect(hintOf(attach('EACCES'), 'fentry')).toBeUndefined();
    asUser(0);
    expect(hintOf(load('EPERM'))).toContain('lockdown');
  });
});
