import fs from 'node:fs';
import tty from 'node:tty';
import { openPrivately } from '../output/private-descriptor.js';

/** How long a reader may take to make room before messages are dropped; then none waits until it has. */
const PATIENCE_MS = 20;
const PAUSE_MS = 2;

/**
 * Writes at once, so that the last message before a crash is not lost, but not at any price: the reader of a pipe or
 * terminal that has stopped must not stop the daemon. What it does not take is dropped, whole lines only, and counted.
 */
export class StderrDestination {
  private readonly descriptor: number;
  /** The end of a line whose beginning was written. */
  private rest: Buffer = Buffer.alloc(0);
  private dropped = 0;

  constructor(
    inherited: number,
    /** The line that tells, when there is room again, how many are missing. */
    private readonly droppedLine: (count: number) => string,
  ) {
    this.descriptor = canBlock(inherited) ? (openPrivately(inherited) ?? inherited) : inherited;
  }

  /** `line` with its newline. Never throws: there is no other place to complain. */
  write(line: string): void {
    const patienceMs = this.rest.length > 0 || this.dropped > 0 ? 0 : PATIENCE_MS;
    this.rest = this.send(this.rest, 0);
    if (this.rest.length > 0) {
      this.dropped++;
      return;
    }
    const notice = this.dropped > 0 ? this.droppedLine(this.dropped) : '';
    const bytes = Buffer.from(notice + line);
    const unsent = this.send(bytes, patienceMs);
    if (unsent.length === bytes.length) {
      this.dropped++;
    } else {
      this.dropped = 0;
      this.rest = unsent;
    }
  }

  /** Returns what could not be written. */
  private send(bytes: Buffer, patienceMs: number): Buffer {
    const end = performance.now() + patienceMs;
    let unsent = bytes;
    while (unsent.length > 0) {
      try {
        unsent = unsent.subarray(fs.writeSync(this.descriptor, unsent));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN' || performance.now() >= end) return unsent;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
      }
    }
    return unsent;
  }
}

function canBlock(descriptor: number): boolean {
  try {
    return tty.isatty(descriptor) || fs.fstatSync(descriptor).isFIFO();
  } catch {
    return false; // Started with stderr closed: every write fails, and is dropped.
  }
}
