import { execFileSync } from 'node:child_process';
import fs from 'node:fs';

const { O_RDONLY, O_WRONLY, O_NONBLOCK } = fs.constants;

export function makeFifo(path: string): void {
  execFileSync('mkfifo', [path]);
}

/** A reader that reads only when told to. */
export class FifoReader {
  private readonly descriptor: number;
  private readonly parts: Buffer[] = [];

  constructor(path: string) {
    this.descriptor = fs.openSync(path, O_RDONLY | O_NONBLOCK);
  }

  /** Reads what is there; returns the number of bytes. */
  read(most = 1 << 20): number {
    const buffer = Buffer.allocUnsafe(most);
    try {
      const bytes = fs.readSync(this.descriptor, buffer);
      this.parts.push(buffer.subarray(0, bytes));
      return bytes;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return 0;
      throw error;
    }
  }

  get text(): string {
    return Buffer.concat(this.parts).toString();
  }

  close(): void {
    fs.closeSync(this.descriptor);
  }
}

/** Needs a reader. */
export function openFifoForWriting(path: string): number {
  return fs.openSync(path, O_WRONLY | O_NONBLOCK);
}
