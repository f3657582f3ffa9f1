import { closeSync } from 'node:fs';
import { isatty } from 'node:tty';

const STDOUT = 1;
const STANDARD_STREAMS = [0, STDOUT, 2];

/** The standard streams that were a terminal when the program began. */
const terminals = STANDARD_STREAMS.filter((fd) => isatty(fd));

/** Whether standard output was a terminal that has been closed since: its window, or the connection to it. */
export function outputTerminalIsGone(): boolean {
  return terminals.includes(STDOUT) && !isatty(STDOUT);
}

/**
 * Closes the standard streams whose terminal is gone. Node.js 20 restores the terminal when it ends, and aborts when that
 * fails (nodejs/node issue 51519). It leaves out a stream that is closed.
 */
export function closeGoneTerminals(): void {
  for (const fd of terminals) {
    if (isatty(fd)) continue;
    try {
      closeSync(fd);
    } catch {
      // The program has closed it before.
    }
  }
}
