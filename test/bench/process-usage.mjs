/** What a process has used so far, as /proc tells it. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';

let ticksPerSecond;

function secondsOf(ticks) {
  ticksPerSecond ??= Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
  return ticks / ticksPerSecond;
}

function statusFields(file) {
  const fields = {};
  for (const line of fs.readFileSync(file, 'utf8').split('\n')) {
    const at = line.indexOf(':');
    if (at > 0) fields[line.slice(0, at)] = line.slice(at + 1).trim();
  }
  return fields;
}

/** CPU seconds of all threads of a process, also of those that have ended. */
export function cpuSeconds(pid) {
  const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name stands in parentheses and may hold blanks.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return secondsOf(Number(fields[11]) + Number(fields[12]));
}

/** Whether a thread of a process runs, or would if it had a CPU. */
export function isRunnable(pid) {
  return fs.readdirSync(`/proc/${pid}/task`).some((thread) => {
    try {
      const stat = fs.readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8');
      return stat[stat.lastIndexOf(')') + 2] === 'R';
    } catch {
      return false;
    }
  });
}

/** @returns {{peakBytes: number, residentBytes: number, anonymousBytes: number}} */
export function memoryOf(pid) {
  const fields = statusFields(`/proc/${pid}/status`);
  const bytes = (name) => Number.parseInt(fields[name], 10) * 1024;
  return { peakBytes: bytes('VmHWM'), residentBytes: bytes('VmRSS'), anonymousBytes: bytes('RssAnon') };
}

/** How often threads of a process went to sleep by themselves: as often were they woken. */
export function wakeUps(pid) {
  const threads = fs.readdirSync(`/proc/${pid}/task`);
  return threads.reduce(
    (sum, thread) => sum + Number(statusFields(`/proc/${pid}/task/${thread}/status`).voluntary_ctxt_switches),
    0,
  );
}

/** Ids of the BPF programs that a process holds. */
export function bpfProgramsOf(pid) {
  const ids = new Set();
  for (const fd of fs.readdirSync(`/proc/${pid}/fdinfo`)) {
    try {
      const id = fs.readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8').match(/^prog_id:\s*(\d+)/m)?.[1];
      if (id !== undefined) ids.add(Number(id));
    } catch {
      // Closed meanwhile.
    }
  }
  return ids;
}
