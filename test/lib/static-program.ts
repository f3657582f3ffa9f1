import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));

/** A C program of the tests as a static executable, which runs in any guest. */
export function staticProgram(source: string, ...flags: string[]): string {
  const output = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'rmwatch-test-program-')), 'program');
  execFileSync('gcc', ['-static', '-O2', '-Wall', '-Wextra', '-Werror', ...flags, '-o', output, source]);
  return output;
}
