import { readFileSync } from 'node:fs';
import type { AttachMode } from '../model/config.js';

/** Why probes that are attached may never run, and what to do about it. */
export interface SilenceCause {
  readonly cause: string;
  readonly fix: string;
}

const SWITCHES: readonly (SilenceCause & { file: string; modes: readonly AttachMode[] })[] = [
  {
    file: '/proc/sys/kernel/ftrace_enabled',
    modes: ['kprobe', 'fentry'],
    cause: 'kernel.ftrace_enabled is 0: probes at the entry of functions attach and never run',
    fix: 'sysctl kernel.ftrace_enabled=1, or probe.attach: tracepoint',
  },
  {
    file: '/sys/kernel/debug/kprobes/enabled',
    modes: ['kprobe'],
    cause: '/sys/kernel/debug/kprobes/enabled is 0: all kprobes are switched off',
    fix: 'echo 1 > /sys/kernel/debug/kprobes/enabled',
  },
];

/** The causes that can be found of deletions that are not seen though hooks are attached. */
export function causesOfSilence(mode: AttachMode, read = readSwitch): SilenceCause[] {
  return SWITCHES.filter(({ file, modes }) => modes.includes(mode) && read(file) === '0').map(({ cause, fix }) => ({
    cause,
    fix,
  }));
}

/** undefined: there is no such file, or it may not be read. */
function readSwitch(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return undefined;
  }
}
