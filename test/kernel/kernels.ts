import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));

interface KernelList {
  readonly kernels: readonly { readonly name: string }[];
}

/** The kernels of test/guest/kernels.json, or those named in RMWATCH_KERNELS. */
export function kernels(): string[] {
  const list = JSON.parse(readFileSync(join(root, 'test/guest/kernels.json'), 'utf8')) as KernelList;
  const names = list.kernels.map(({ name }) => name);
  const wanted = process.env['RMWATCH_KERNELS']?.split(',');
  return wanted === undefined ? names : names.filter((name) => wanted.includes(name));
}

/** The tree that a package would install, laid out anew for this test run. */
export function stagedProduct(): string {
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
