import fs from 'node:fs';
import { PENDING, type Sink, type WriteDone } from './sink.js';

const NEWLINE = 0x0a;

/**
 * A regular file or a device. The write happens in the thread pool: under a flood the kernel makes writers of dirty
 * pages wait for the disk, and that wait must not be the event loop's.
 */
export class FileSink implements Sink {
  readonly pendingSurvivesExit = true;
  readonly replaceable = false;
  private pending = false;
  private closing = false;
  private atLineStart: boolean;

  constructor(
    private readonly descriptor: number,
    /** An inherited descriptor is not ours to close. */
    private readonly owned: boolean,
  ) {
    this.atLineStart = !owned;
  }

  write(buffer: Buffer, start: number, end: number, done: WriteDone): number {
    this.endOldLine();
    this.pending = true;
    fs.write(this.descriptor, buffer, start, end - start, null, (error, takenBytes) => {
      this.pending = false;
      if (this.closing) this.closeDescriptor();
      done(error, takenBytes);
    });
    return PENDING;
  }

  writeNow(buffer: Buffer, start: number, end: number): number {
    this.endOldLine();
    return fs.writeSync(this.descriptor, buffer, start, end - start, null);
  }

  cutTail(part: Buffer): boolean {
    if (!this.owned) return false;
    try {
      const { size } = fs.fstatSync(this.descriptor);
      if (size < part.length || !this.readTail(part.length, size).equals(part)) return false;
      fs.ftruncateSync(this.descriptor, size - part.length);
      return true;
    } catch {
      return false;
    }
  }

  /** Waits for a pending write, since its descriptor number could be given to another file meanwhile. */
  close(): void {
    if (!this.owned || this.closing) return;
    this.closing = true;
    if (!this.pending) this.closeDescriptor();
  }

  /**
   * A crash can have left half a line, which without its end would swallow our first one. Looked for at the first write,
   * not when the file is opened: until then the line may still be somebody's who writes it, such as the sink before us.
   */
  private endOldLine(): void {
    if (this.atLineStart) return;
    if (this.endsMidLine()) fs.writeSync(this.descriptor, '\n');
    this.atLineStart = true;
  }

  /** A file that cannot be looked at is taken to be in order. */
  private endsMidLine(): boolean {
    try {
      const { size } = fs.fstatSync(this.descriptor);
      return size > 0 && this.readTail(1, size)[0] !== NEWLINE;
    } catch {
      return false;
    }
  }

  /** The last bytes of a file of `size` bytes. Our own descriptor can only write, hence the second one. */
  private readTail(length: number, size: number): Buffer {
    const reader = fs.openSync(`/proc/self/fd/${this.descriptor}`, 'r');
    try {
      const tail = Buffer.alloc(length);
      return tail.subarray(0, fs.readSync(reader, tail, 0, length, size - length));
    } finally {
      fs.closeSync(reader);
    }
  }

  private closeDescriptor(): void {
    fs.close(this.descriptor, () => {});
  }
}
