import fs from 'node:fs';
import net from 'node:net';
import { PENDING, type Sink, type WriteDone } from './sink.js';

/** How the sink learns that there is room again: from the event loop, or, for terminals, by trying. */
export type Waiting = 'event' | 'poll';

const POLL_MS = 5;

/**
 * What waits for room. A write of at most this size goes into a pipe whole or not at all (PIPE_BUF), so even when it
 * fails it is known how much the reader got.
 */
const WAITING_PIECE_BYTES = 4096;

/**
 * A pipe, socket or terminal. Never the thread pool: a write to a pipe without a reader would hold its thread for good,
 * and a process cannot exit while a thread of the pool is inside a system call. So bytes are written directly to the
 * non-blocking descriptor, which also tells exactly how many were taken, and a small piece waits for room in libuv.
 */
export class StreamSink implements Sink {
  readonly pendingSurvivesExit = false;
  readonly isEmptyFile = false;
  readonly replaceable: boolean;
  private readonly stream: net.Socket | undefined;
  private poll: NodeJS.Timeout | undefined;
  private closed = false;

  /** An inherited descriptor (`owned` false) is made non-blocking by libuv and never closed. */
  constructor(
    private readonly descriptor: number,
    private readonly owned: boolean,
    waiting: Waiting,
  ) {
    this.replaceable = owned;
    if (waiting === 'event') {
      const options = { fd: descriptor, readable: false, writable: true };
      this.stream = owned ? new net.Socket(options) : new InheritedSocket(options);
      // The callback of the write tells of the error too; this only keeps it from ending the process.
      this.stream.on('error', () => {});
    }
  }

  write(buffer: Buffer, start: number, end: number, done: WriteDone): number {
    const taken = this.writeNow(buffer, start, end);
    if (taken > 0) return taken;
    if (this.stream && !this.stream.destroyed) {
      const piece = buffer.subarray(start, Math.min(end, start + WAITING_PIECE_BYTES));
      this.stream.write(piece, (error) => done(error ?? null, error ? 0 : piece.length));
    } else {
      this.poll = setTimeout(done, POLL_MS, null, 0);
    }
    return PENDING;
  }

  writeNow(buffer: Buffer, start: number, end: number): number {
    // After an error the stream has closed the descriptor, and the number may already belong to another file.
    if (this.closed || (this.owned && this.stream?.destroyed)) throw readerGone();
    try {
      return fs.writeSync(this.descriptor, buffer, start, end - start);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return 0;
      throw error;
    }
  }

  /** A pipe works without a name as long as it has a reader; the end of that is an error of its own. */
  lookForName(done: (error: null) => void): void {
    done(null);
  }

  /** What a pipe has taken cannot be taken away from its reader. */
  continues(): boolean {
    return true;
  }

  cutTail(): boolean {
    return false;
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    clearTimeout(this.poll);
    if (this.stream) this.stream.destroy();
    else if (this.owned) fs.closeSync(this.descriptor);
  }
}

/** Leaves the descriptor open when the stream ends: closing stdout would let the next opened file become stdout. */
class InheritedSocket extends net.Socket {
  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    callback(error);
  }
}

function readerGone(): NodeJS.ErrnoException {
  return Object.assign(new Error('EPIPE: the reader is gone'), { code: 'EPIPE' });
}
