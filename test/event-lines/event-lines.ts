/** Event lines against the schema. Guests get the same as one file, see bundle.mjs. */
import fs from 'node:fs';
import { type LineAccount, LineCheck } from './line-check.js';
import { validateEvent } from './validate.js';

const CHUNK_BYTES = 1 << 20;

export type { LineAccount };

export const newLineCheck = (): LineCheck => new LineCheck(validateEvent);

/** Adds all whole lines of a file. */
export function checkFile(file: string, check = newLineCheck()): LineCheck {
  const descriptor = fs.openSync(file, 'r');
  try {
    let rest: Buffer = Buffer.alloc(0);
    for (;;) {
      const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
      const length = fs.readSync(descriptor, chunk);
      if (length === 0) return check;
      const bytes = Buffer.concat([rest, chunk.subarray(0, length)]);
      const end = LineCheck.wholeLines(bytes);
      check.add(bytes.subarray(0, end));
      rest = bytes.subarray(end);
    }
  } finally {
    fs.closeSync(descriptor);
  }
}

/** What is wrong with an account of checked lines: an invalid line, or that there was none to check. */
export function lineProblems({ lines, invalid, problems }: LineAccount): string[] {
  if (invalid > 0) return [`${invalid} of ${lines} event lines are not of the schema`, ...problems];
  return lines === 0 ? ['there was no event line to hold against the schema'] : [];
}
