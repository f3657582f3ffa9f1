import fs from 'node:fs';
import { PENDING, REMOVED, type Sink, type WriteDone } from './sink.js';

const NEWLINE = 0x0a;

/**
 * A regular file or a device. The write happens in the thread pool: under a flood the kernel makes writers of dirty
 * pages wait for the disk, and that wait must not be the event loop's.
 *
 * The kernel goes on taking bytes for a file that was removed. So every write, also one that failed, is followed by a
 * look at the number of names, and reports the removal when there is none left: what it wrote then counts as not written.
 * Lost with the file is only what was written before it was removed; a program that still has it open sees the bytes of
 * that last write twice.
 */
export class FileSink implements Sink {
  readonly pendingSurvivesExit = true;
  private nameless = false;
  private pending = 0;
  private closing = false;
  private atLineStart: boolean;

  constructor(
    private readonly descriptor: number,
    /** By which it was opened; undefined: inherited, thus not ours to close, and not to be had again. */
    private readonly name?: string,
  ) {
    this.atLineStart = name === undefined;
  }

  /** A file that cannot be written, such as one on a full disk, is still the one to go on with. */
  get replaceable(): boolean {
    return this.nameless;
  }

  get isEmptyFile(): boolean {
    if (this.name === undefined || this.closing) return false;
    try {
      const stats = fs.fstatSync(this.descriptor);
      return stats.isFile() && stats.size === 0;
    } catch {
      return false;
    }
  }

  write(buffer: Buffer, start: number, end: number, done: WriteDone): number {
    this.endOldLine();
    this.pending++;
    fs.write(this.descriptor, buffer, start, end - start, null, (error, takenBytes) => {
      // The answer of a network filesystem for a file that was removed elsewhere.
      if (error?.code === 'ESTALE' && this.name !== undefined) this.nameless = true;
      this.findName((removed) => {
        const failure = removed ?? error;
        this.settle(() => done(failure, failure ? 0 : takenBytes));
      });
    });
    return PENDING;
  }

  writeNow(buffer: Buffer, start: number, end: number): number {
    // The number may already belong to another file.
    if (this.closing) throw removedError();
    this.endOldLine();
    return fs.writeSync(this.descriptor, buffer, start, end - start, null);
  }

  lookForName(done: (error: NodeJS.ErrnoException | null) => void): void {
    if (this.closing) {
      done(null);
      return;
    }
    this.pending++;
    this.findName((removed) => this.settle(() => done(removed)));
  }

  /** A short write is rare, and so is this look; it blocks as long as the disk takes to read a page. */
  continues(part: Buffer): boolean {
    if (this.closing) return false;
    try {
      const stats = fs.fstatSync(this.descriptor);
      // Devices keep nothing to look at.
      if (!stats.isFile() || this.endsWith(part, stats.size)) return true;
    } catch {
      return true; // A file that cannot be looked at is taken to be in order.
    }
    this.atLineStart = false;
    return false;
  }

  cutTail(part: Buffer): boolean {
    if (this.name === undefined || this.closing) return false;
    try {
      const { size } = fs.fstatSync(this.descriptor);
      if (!this.endsWith(part, size)) return false;
      fs.ftruncateSync(this.descriptor, size - part.length);
      return true;
    } catch {
      return false;
    }
  }

  /** Waits for a pending call, since its descriptor number could be given to another file meanwhile. */
  close(): void {
    if (this.name === undefined || this.closing) return;
    this.closing = true;
    if (this.pending === 0) this.closeDescriptor();
  }

  private settle(tell: () => void): void {
    this.pending--;
    if (this.closing && this.pending === 0) this.closeDescriptor();
    tell();
  }

  /** In the thread pool, too: a network filesystem may have to ask its server. What cannot be looked at is taken to be there. */
  private findName(done: (error: NodeJS.ErrnoException | null) => void): void {
    const { name } = this;
    if (name === undefined) {
      done(null);
      return;
    }
    fs.fstat(this.descriptor, (error, open) => {
      if (error || open.nlink > 0) {
        done(null);
        return;
      }
      // Some filesystems in user space count no names at all; there the name itself answers.
      fs.lstat(name, (absent, named) => {
        const there = !absent && named.ino === open.ino && named.dev === open.dev;
        if (!there) this.nameless = true;
        done(there ? null : removedError());
      });
    });
  }

  /**
   * A crash can have left half a line, which without its end would swallow our first one. Looked for at the first write,
   * not when the file is opened: until then another writer, such as the sink before this one, may finish the line.
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

  private endsWith(part: Buffer, size: number): boolean {
    return size >= part.length && this.readTail(part.length, size).equals(part);
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

function removedError(): NodeJS.ErrnoException {
  return Object.assign(new Error('the file was removed'), { code: REMOVED });
}
