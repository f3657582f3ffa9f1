import fs from 'node:fs';

const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = fs.constants;

/**
 * A second, non-blocking way into the pipe or terminal behind `descriptor`, or undefined when the kernel refuses one
 * (sockets always; a pipe or terminal of another user). O_NONBLOCK belongs to the open file description, which an
 * inherited descriptor shares with the shell and everything else that has it; a description of our own can be
 * non-blocking without making their writes fail.
 */
export function openPrivately(descriptor: number): number | undefined {
  try {
    return fs.openSync(`/proc/self/fd/${descriptor}`, O_WRONLY | O_NONBLOCK | O_NOCTTY);
  } catch {
    return undefined;
  }
}
