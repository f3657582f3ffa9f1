import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));

/** The tree that a package would install: the one of the run that this is a part of, or else a new one. */
export function stagedProduct(): string {
  const shared = process.env['RMWATCH_TEST_STAGE'];
  if (shared !== undefined) return shared;
  const directory = join(mkdtempSync(join(tmpdir(), 'rmwatch-stage-')), 'stage');
  execFileSync('npm', ['run', '--silent', 'stage', '--', directory], { cwd: root, stdio: 'inherit' });
  if (!existsSync(join(directory, 'usr/bin/rmwatch'))) throw new Error(`nothing staged in ${directory}`);
  return directory;
}

/** A C program of the tests as a static executable, which runs in any guest. */
export function staticProgram(source: string, ...flags: string[]): string {
  const output = join(mkdtempSync(join(tmpdir(), 'rmwatch-test-program-')), 'program');
  execFileSync('gcc', ['-static', '-O2', '-Wall', '-Wextra', '-Werror', ...flags, '-o', output, source]);
  return output;
}
