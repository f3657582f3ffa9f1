import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import { inheritedStdout } from '../../../src/output/inherited-stdout.js';

it.each([
  ['a file for writing', 'file', 'a', 'open'],
  ['a file for reading and writing', 'file', 'w+', 'open'],
  ['a file for reading', '/proc/self/status', 'r', 'closed'],
  ["a shell's >/dev/null", '/dev/null', 'w', 'open'],
  ['/dev/null for reading', '/dev/null', 'r', 'closed'],
  ['/dev/null as Node.js opens it', '/dev/null', 'r+', 'doubtful'],
  ['another device', '/dev/zero', 'r+', 'open'],
])('%s', (_what, name, flags, expected) => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'rmwatch-stdout-'));
  const descriptor = fs.openSync(path.resolve(directory, name), flags);
  expect(inheritedStdout(descriptor)).toBe(expected);
  fs.closeSync(descriptor);
  fs.rmSync(directory, { recursive: true });
});

it('a number that is no descriptor', () => {
  expect(inheritedStdout(1_000_000)).toBe('closed');
});
