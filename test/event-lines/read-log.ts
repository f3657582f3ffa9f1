/**
 * Reads an event log from stdin to its end, at the speed at which it is written: every line of an event is counted, as many as fit into
 * memory are kept, evenly spread, and those are held against the schema when the log has ended. So the reader takes no time
 * from a daemon that is being flooded. Prints { read, torn, lines, invalid, problems }: `torn` is 1 when the end of the last
 * line is missing. Argument: how many MiB to keep.
 */
import fs from 'node:fs';
import { eventLinesIn } from '../lib/record-marks.js';
import { newLineCheck } from './event-lines.js';
import { LineCheck } from './line-check.js';

const CHUNK_BYTES = 1 << 20;
const keepBytes = Number(process.argv[2]) * (1 << 20);

/** Pieces of whole lines: every `stride`th one. */
class Sample {
  pieces: Buffer[] = [];
  bytes = 0;
  stride = 1;
  seen = 0;

  offer(piece: Buffer): void {
    if (this.seen++ % this.stride !== 0) return;
    this.pieces.push(Buffer.from(piece));
    this.bytes += piece.length;
    while (this.bytes > keepBytes && this.pieces.length > 1) {
      this.pieces = this.pieces.filter((_, index) => index % 2 === 0);
      this.bytes = this.pieces.reduce((sum, { length }) => sum + length, 0);
      this.stride *= 2;
    }
  }
}

const sample = new Sample();
const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
let read = 0;
let rest = 0;
for (;;) {
  // A line longer than the buffer would be none of the daemon's.
  const length = fs.readSync(0, buffer, rest, CHUNK_BYTES - rest, null);
  if (length === 0) break;
  const bytes = buffer.subarray(0, rest + length);
  const end = LineCheck.wholeLines(bytes);
  read += eventLinesIn(bytes.subarray(0, end));
  if (end > 0) sample.offer(bytes.subarray(0, end));
  buffer.copyWithin(0, end, rest + length);
  rest = rest + length - end;
}
const check = newLineCheck();
for (const piece of sample.pieces) check.add(piece);
console.log(JSON.stringify({ read, torn: rest > 0 ? 1 : 0, ...check.toJSON() }));
