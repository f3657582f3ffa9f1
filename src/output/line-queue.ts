const NEWLINE = 0x0a;
const SLAB_BYTES = 1 << 20;
/** Emptied slabs kept for the next lines; more are left to the garbage collector, so that a long pause costs no memory for ever. */
const SPARE_SLABS = 8;

/** Bytes `start` to `end` wait; lines never span two slabs. */
interface Slab {
  readonly buffer: Buffer;
  start: number;
  end: number;
  /** Lines appended, and of those the ones counted as taken: up to `countedTo`. */
  lines: number;
  countedLines: number;
  countedTo: number;
  /** Where lines end that do not count. */
  notices: number[];
}

/**
 * Whole lines waiting to be written, in order, bounded in bytes. Lines are counted a slab at a time, not as each is
 * taken: the exact number is worked out when it is asked for. Notices are lines, too, but none that count.
 */
export class LineQueue {
  private readonly slabs: Slab[] = [];
  private readonly spares: Slab[] = [];
  private prepended: Slab | undefined;
  private waitingBytes = 0;
  private waitingLines = 0;
  private taken = 0;

  constructor(readonly limitBytes: number) {
    if (!(limitBytes > 0)) throw new RangeError(`queue limit must be positive, got ${limitBytes}`);
  }

  /** Including the part of the first line that is not yet taken. */
  get bytes(): number {
    return this.waitingBytes;
  }

  /** A line of which a part is taken still waits. */
  get lines(): number {
    this.settle();
    return this.waitingLines;
  }

  /** Lines that were taken to their end. */
  get takenLines(): number {
    this.settle();
    return this.taken;
  }

  /** Copies as many whole lines from the front of `chunk` as fit, and returns their number. */
  append(chunk: Buffer, length: number, lines: number): number {
    const room = this.limitBytes - this.waitingBytes;
    if (length > room) {
      length = room > 0 ? chunk.lastIndexOf(NEWLINE, room - 1) + 1 : 0;
      lines = countLines(chunk, 0, length);
    }
    if (length === 0) return 0;
    const slab = this.slabWithRoom(length);
    chunk.copy(slab.buffer, slab.end, 0, length);
    slab.end += length;
    slab.lines += lines;
    this.waitingBytes += length;
    this.waitingLines += lines;
    return lines;
  }

  /** Appends one whole line, `chunk`, that does not count; false when it does not fit. */
  appendNotice(chunk: Buffer): boolean {
    if (chunk.length > this.limitBytes - this.waitingBytes) return false;
    const slab = this.slabWithRoom(chunk.length);
    chunk.copy(slab.buffer, slab.end);
    slab.end += chunk.length;
    slab.notices.push(slab.end);
    this.waitingBytes += chunk.length;
    return true;
  }

  /** Puts one whole line, `chunk`, that does not count before all that wait. Only between lines; the limit does not hold for it. */
  prependNotice(chunk: Buffer): void {
    this.settle();
    const [first] = this.slabs;
    if (first !== undefined && first === this.prepended && first.start === 0) {
      // The one before it was written nowhere, or to a file that is gone.
      this.slabs.shift();
      this.waitingBytes -= first.end;
    }
    const slab = newSlab(chunk.length);
    chunk.copy(slab.buffer);
    slab.end = chunk.length;
    slab.notices.push(slab.end);
    this.slabs.unshift(slab);
    this.prepended = slab;
    this.waitingBytes += chunk.length;
  }

  /** The bytes to write next. They stay where they are until `take` or `clear`, also when more is appended. */
  head(): Readonly<Pick<Slab, 'buffer' | 'start' | 'end'>> | undefined {
    return this.waitingBytes > 0 ? this.slabs[0] : undefined;
  }

  take(bytes: number): void {
    const slab = this.slabs[0];
    if (!slab || bytes > slab.end - slab.start) throw new RangeError(`cannot take ${bytes} bytes`);
    slab.start += bytes;
    this.waitingBytes -= bytes;
    if (slab.start < slab.end) return;
    this.count(slab, slab.lines - slab.countedLines);
    if (this.slabs.length > 1) this.recycle(this.slabs.shift()!);
    else empty(slab);
  }

  /** The taken part of a line whose rest still waits; empty between lines. */
  takenPart(): Buffer {
    const slab = this.slabs[0];
    return slab ? slab.buffer.subarray(lineStart(slab), slab.start) : Buffer.alloc(0);
  }

  /** Makes the line that is partly taken wait as a whole again. */
  rewindLine(): void {
    const slab = this.slabs[0];
    if (!slab) return;
    const start = lineStart(slab);
    this.waitingBytes += slab.start - start;
    slab.start = start;
  }

  /** Gives up what waits; returns the number of lines. */
  clear(): number {
    const dropped = this.lines;
    for (const slab of this.slabs.splice(0)) this.recycle(slab);
    this.waitingBytes = 0;
    this.waitingLines = 0;
    return dropped;
  }

  /** Gives up the lines of which nothing is taken; returns their number. */
  clearUnbegun(): number {
    if (this.takenPart().length === 0) return this.clear();
    const waiting = this.lines;
    const slab = this.slabs[0]!;
    for (const other of this.slabs.splice(1)) this.recycle(other);
    slab.end = slab.buffer.indexOf(NEWLINE, slab.start) + 1;
    const begun = slab.notices.includes(slab.end) ? 0 : 1;
    slab.notices = slab.notices.filter((end) => end <= slab.end);
    slab.lines = slab.countedLines + begun;
    this.waitingBytes = slab.end - slab.start;
    this.waitingLines = begun;
    return waiting - begun;
  }

  private slabWithRoom(length: number): Slab {
    const last = this.slabs.at(-1);
    if (last && last.buffer.length - last.end >= length) return last;
    // An empty slab can only be the first: a chunk bigger than it would otherwise wait behind nothing.
    if (last && this.waitingBytes === 0) this.recycle(this.slabs.shift()!);
    const spare = length <= SLAB_BYTES ? this.spares.pop() : undefined;
    const slab = spare ?? newSlab(Math.max(length, Math.min(SLAB_BYTES, this.limitBytes)));
    this.slabs.push(slab);
    return slab;
  }

  private recycle(slab: Slab): void {
    if (slab.buffer.length !== SLAB_BYTES || this.spares.length >= SPARE_SLABS) return;
    empty(slab);
    this.spares.push(slab);
  }

  /** Counts the lines that were taken from the first slab since the last time. */
  private settle(): void {
    const slab = this.slabs[0];
    if (!slab || slab.countedTo === slab.start) return;
    const notices = slab.notices.filter((end) => end > slab.countedTo && end <= slab.start).length;
    this.count(slab, countLines(slab.buffer, slab.countedTo, slab.start) - notices);
    slab.countedTo = slab.start;
  }

  private count(slab: Slab, lines: number): void {
    slab.countedLines += lines;
    this.taken += lines;
    this.waitingLines -= lines;
  }
}

function newSlab(size: number): Slab {
  const buffer = Buffer.allocUnsafeSlow(size);
  return { buffer, start: 0, end: 0, lines: 0, countedLines: 0, countedTo: 0, notices: [] };
}

function empty(slab: Slab): void {
  slab.start = 0;
  slab.end = 0;
  slab.lines = 0;
  slab.countedLines = 0;
  slab.countedTo = 0;
  slab.notices = [];
}

function lineStart(slab: Slab): number {
  return slab.start === 0 ? 0 : slab.buffer.lastIndexOf(NEWLINE, slab.start - 1) + 1;
}

function countLines(buffer: Buffer, start: number, end: number): number {
  let lines = 0;
  for (let at = buffer.indexOf(NEWLINE, start); at !== -1 && at < end; at = buffer.indexOf(NEWLINE, at + 1)) lines++;
  return lines;
}
