import { describe, expect, it } from 'vitest';
import { causesOfSilence } from '../../../src/host/silent-probes.js';

const reading = (values: Record<string, string>) => (file: string) => values[file];

describe('why attached probes see nothing', () => {
  it('is that the kernel has switched them off', () => {
    const off = reading({ '/proc/sys/kernel/ftrace_enabled': '0', '/sys/kernel/debug/kprobes/enabled': '0' });
    const causes = (['kprobe', 'fentry', 'tracepoint'] as const).map((mode) =>
      causesOfSilence(mode, off).map(({ cause }) => cause.split(' is 0')[0]),
    );
    expect(causes).toEqual([
      ['kernel.ftrace_enabled', '/sys/kernel/debug/kprobes/enabled'],
      ['kernel.ftrace_enabled'],
      [],
    ]);
  });

  it('is unknown where they are on, or cannot be looked at', () => {
    expect(causesOfSilence('kprobe', reading({ '/proc/sys/kernel/ftrace_enabled': '1' }))).toEqual([]);
    expect(causesOfSilence('kprobe', reading({}))).toEqual([]);
  });
});
