/** Event lines against the schema. Guests get the same as one file, see bundle.mjs. */
import fs from 'node:fs';
import { LineCheck } from './line-check.mjs';
import { validateEvent } from './validate.mjs';

const CHUNK_BYTES = 1 << 20;

export const newLineCheck = () => new LineCheck(validateEvent);

/** Adds all whole lines of a file. */
export function checkFile(file, check = newLineCheck()) {
  const descriptor = fs.openSync(file, 'r');
  try {
    let rest = Buffer.alloc(0);
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
export function lineProblems({ lines, invalid, problems }) {
  if (invalid > 0) return [`${invalid} of ${lines} event lines are not of the schema`, ...problems];
  return lines === 0 ? ['there was no event line to hold against the schema'] : [];
}
