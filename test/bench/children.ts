/** Processes that end with the bench, however it ends. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';

/** In front of a command line: the kernel ends it with the bench. */
export const ENDS_WITH_BENCH = ['setpriv', '--pdeathsig', 'TERM', '--'] as const;

const running = new Set<ChildProcess>();

/** Like spawn(), in a process group of its own. */
export function spawnChild(command: readonly string[], options: SpawnOptions): ChildProcess {
  const [program, ...args] = [...ENDS_WITH_BENCH, ...command];
  const child = spawn(program!, args, { ...options, detached: true });
  running.add(child);
  child.once('close', () => running.delete(child));
  return child;
}

/** Ends all that still run, with their own children, at once. */
export function endChildren(): void {
  for (const { pid } of running) {
    try {
      if (pid !== undefined) process.kill(-pid, 'SIGKILL');
    } catch {
      // It has just ended.
    }
  }
}
