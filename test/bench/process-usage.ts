/** What a process has used so far, as /proc tells it. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';

let ticksPerSecond: number | undefined;

function secondsOf(ticks: number): number {
  ticksPerSecond ??= Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
  return ticks / ticksPerSecond;
}

/** A number in a file of the form `name: number`; throws when it is not there. */
function statusNumber(file: string, name: string): number {
  const [, value] = new RegExp(`^${name}:\\s*(\\d+)`, 'm').exec(fs.readFileSync(file, 'utf8')) ?? [];
  if (value === undefined) throw new Error(`${file} has no ${name}`);
  return Number(value);
}

/** CPU seconds of all threads of a process, also of those that have ended. */
export function cpuSeconds(pid: number): number {
  const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name stands in parentheses and may hold blanks.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return secondsOf(Number(fields[11]) + Number(fields[12]));
}

/** Whether a thread of a process runs, or would if it had a CPU. */
export function isRunnable(pid: number): boolean {
  return fs.readdirSync(`/proc/${pid}/task`).some((thread) => {
    try {
      const stat = fs.readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8');
      return stat[stat.lastIndexOf(')') + 2] === 'R';
    } catch {
      return false;
    }
  });
}

export interface MemoryUse {
  readonly peakBytes: number;
  readonly residentBytes: number;
  readonly anonymousBytes: number;
}

export function memoryOf(pid: number): MemoryUse {
  const bytes = (name: string) => statusNumber(`/proc/${pid}/status`, name) * 1024;
  return { peakBytes: bytes('VmHWM'), residentBytes: bytes('VmRSS'), anonymousBytes: bytes('RssAnon') };
}

/** How often threads of a process went to sleep by themselves: as often were they woken. */
export function wakeUps(pid: number): number {
  const threads = fs.readdirSync(`/proc/${pid}/task`);
  return threads.reduce(
    (sum, thread) => sum + statusNumber(`/proc/${pid}/task/${thread}/status`, 'voluntary_ctxt_switches'),
    0,
  );
}

/** Ids of the BPF programs that a process holds. */
export function bpfProgramsOf(pid: number): Set<number> {
  const ids = new Set<number>();
  for (const fd of fs.readdirSync(`/proc/${pid}/fdinfo`)) {
    try {
      ids.add(statusNumber(`/proc/${pid}/fdinfo/${fd}`, 'prog_id'));
    } catch {
      // Closed meanwhile, or something else.
    }
  }
  return ids;
}
