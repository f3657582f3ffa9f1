/** Processes that end with the bench, however it ends. */
import { spawn } from 'node:child_process';

const running = new Set();

/** Like spawn(), in a process group of its own. */
export function spawnChild([program, ...args], options) {
  const child = spawn('setpriv', ['--pdeathsig', 'TERM', '--', program, ...args], { ...options, detached: true });
  running.add(child);
  child.once('close', () => running.delete(child));
  return child;
}

/** Ends all that still run, with their own children, at once. */
export function endChildren() {
  for (const { pid } of running) {
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // It has just ended.
    }
  }
}
