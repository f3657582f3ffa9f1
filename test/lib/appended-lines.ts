import fs from 'node:fs';

const CHUNK_BYTES = 1 << 20;
const NEWLINE = 0x0a;

/** The whole lines of a file that another process appends to: each is handed out once. */
export class AppendedLines {
  /** Kept open, so that a new file at the same place is never taken for this one. */
  private descriptor: number | undefined;
  private offset = 0;

  /** `onAnotherFile`: called when another file is at the place, whose lines follow. */
  constructor(
    private readonly file: string,
    private readonly onAnotherFile: () => void,
  ) {}

  /** Hands out what was added, in pieces of whole lines; a line without its end waits for it. */
  read(take: (wholeLines: Buffer) => void): void {
    this.follow();
    if (this.descriptor === undefined) return;
    let size = CHUNK_BYTES;
    for (;;) {
      const chunk = Buffer.allocUnsafe(size);
      const length = fs.readSync(this.descriptor, chunk, 0, size, this.offset);
      const end = chunk.subarray(0, length).lastIndexOf(NEWLINE) + 1;
      if (end === 0 && length < size) return;
      // A line may be longer than a chunk.
      if (end === 0) size *= 2;
      else take(chunk.subarray(0, end));
      this.offset += end;
    }
  }

  close(): void {
    if (this.descriptor !== undefined) fs.closeSync(this.descriptor);
    this.descriptor = undefined;
  }

  private follow(): void {
    const there = fs.statSync(this.file, { throwIfNoEntry: false });
    if (there === undefined) return;
    // To read from a FIFO would take its lines from whoever else reads them.
    if (!there.isFile()) throw new Error(`${this.file} is not a regular file`);
    if (this.descriptor !== undefined) {
      const mine = fs.fstatSync(this.descriptor);
      if (mine.ino === there.ino && mine.dev === there.dev && there.size >= this.offset) return;
      this.close();
      this.offset = 0;
      this.onAnotherFile();
    }
    this.descriptor = fs.openSync(this.file, 'r');
  }
}
