import { jsonPartOf } from '../text/byte-text.js';

/** Where finished lines go: see EventWriter.writeChunk. */
export type TakeLines = (chunk: Buffer, length: number, lines: number) => void;

/** Lines gathered before they are handed on. */
const CHUNK_BYTES = 256 * 1024;
/** Up to here a loop is faster than the call that copies: measured, that takes some 40 ns for any number of bytes. */
const SHORT_BYTES = 32;
const NEWLINE = 0x0a;
const ZERO = 0x30;
const BILLION = 1_000_000_000;

/** 1 for every byte that does not stand for itself inside a JSON string: all but most of printable ASCII. */
const SPECIAL = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte < 0x20 || byte > 0x7e || byte === 0x22 || byte === 0x5c ? 1 : 0,
);

/**
 * Where lines are put together, as bytes: no strings are made of what is only passed on. Measured, a line that was first
 * a string of some twenty pieces took three times as long, most of it to make the pieces one and to collect them again.
 */
export class LineBuffer {
  private readonly take: TakeLines;
  private readonly chunk: Buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  /** The chunk, or what a line needs that is longer. */
  private bytes = this.chunk;
  private length = 0;
  /** Where the line begins that is being written. */
  private lineStart = 0;
  private lines = 0;

  constructor(take: TakeLines) {
    this.take = take;
  }

  /** Bytes that are ready as they are. */
  part(part: Uint8Array): void {
    const { length } = part;
    this.reserve(length);
    const { bytes, length: at } = this;
    if (length > SHORT_BYTES) bytes.set(part, at);
    else for (let i = 0; i < length; i++) bytes[at + i] = part[i]!;
    this.length = at + length;
  }

  /** ASCII only. */
  ascii(text: string): void {
    const { length } = text;
    this.reserve(length);
    const { bytes, length: at } = this;
    for (let i = 0; i < length; i++) bytes[at + i] = text.charCodeAt(i);
    this.length = at + length;
  }

  text(text: string): void {
    // One UTF-16 unit is at most three bytes of UTF-8.
    this.reserve(text.length * 3);
    this.length += this.bytes.write(text, this.length, 'utf8');
  }

  /** The bytes `start` to `end` of `source` as a part of a JSON string. False when they are not all printable ASCII. */
  jsonPart(source: Uint8Array, start: number, end: number): boolean {
    this.reserve(end - start);
    const { bytes, length } = this;
    let at = length;
    for (let i = start; i < end; i++) {
      const byte = source[i]!;
      if (SPECIAL[byte] === 1) {
        this.text(jsonPartOf(Buffer.from(source.buffer, source.byteOffset + start, end - start).toString('latin1')));
        return false;
      }
      bytes[at++] = byte;
    }
    this.length = at;
    return true;
  }

  /** Bytes of this line so far. */
  get position(): number {
    return this.length - this.lineStart;
  }

  /** What this line has from `position` on, once more. */
  again(position: number, length: number): void {
    this.reserve(length);
    const { bytes, length: at } = this;
    const from = this.lineStart + position;
    if (length > SHORT_BYTES) bytes.copyWithin(at, from, from + length);
    else for (let i = 0; i < length; i++) bytes[at + i] = bytes[from + i]!;
    this.length = at + length;
  }

  /** As jsonPart, of a text with one character for each byte (latin1 view). */
  jsonText(latin1: string): boolean {
    const { length: end } = latin1;
    this.reserve(end);
    const { bytes, length: at } = this;
    for (let i = 0; i < end; i++) {
      const byte = latin1.charCodeAt(i);
      if (SPECIAL[byte] !== 0) {
        this.text(jsonPartOf(latin1));
        return false;
      }
      bytes[at + i] = byte;
    }
    this.length = at + end;
    return true;
  }

  /** A number; whole ones from 0 to 2^53 are written without a detour. */
  number(value: number): void {
    if (!(value >= 0 && value <= Number.MAX_SAFE_INTEGER)) {
      this.ascii(String(value));
      return;
    }
    if (value >= BILLION) {
      const billions = Math.floor(value / BILLION);
      this.number(billions);
      this.nineDigits(value - billions * BILLION);
      return;
    }
    let digits = 1;
    for (let power = 10; power <= value; power *= 10) digits++;
    this.digits(value, digits);
  }

  /** A whole number below a billion, with leading zeros. */
  nineDigits(value: number): void {
    this.digits(value, 9);
  }

  /** Puts what `form` makes of this line so far in its place. */
  change(form: (line: string) => string): void {
    const line = this.bytes.toString('utf8', this.lineStart, this.length);
    this.length = this.lineStart;
    this.text(form(line));
  }

  /** Ends the line; it counts from here on. */
  endLine(): void {
    this.reserve(1);
    this.bytes[this.length++] = NEWLINE;
    this.lineStart = this.length;
    this.lines += 1;
  }

  /** Forgets what was written since the last line ended. */
  cancelLine(): void {
    this.length = this.lineStart;
  }

  /** Hands on all lines. */
  flush(): void {
    if (this.lines > 0) this.take(this.bytes, this.lineStart, this.lines);
    this.bytes.copyWithin(0, this.lineStart, this.length);
    this.length -= this.lineStart;
    this.lineStart = 0;
    this.lines = 0;
    if (this.bytes !== this.chunk && this.length === 0) this.bytes = this.chunk;
  }

  private digits(value: number, count: number): void {
    this.reserve(count);
    const { bytes, length } = this;
    let rest = value | 0;
    for (let at = length + count - 1; at >= length; at--) {
      const tenth = (rest / 10) | 0;
      bytes[at] = ZERO + rest - tenth * 10;
      rest = tenth;
    }
    this.length = length + count;
  }

  private reserve(bytes: number): void {
    if (this.length + bytes > this.bytes.length) this.makeRoom(bytes);
  }

  private makeRoom(bytes: number): void {
    this.flush();
    const needed = this.length + bytes;
    if (needed <= this.bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(needed * 2);
    larger.set(this.bytes.subarray(0, this.length));
    this.bytes = larger;
  }
}
