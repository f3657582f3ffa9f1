import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('../../scripts/package.mjs', import.meta.url));

export interface PackageOptions {
  readonly flavour: 'plain' | 'bundled';
  readonly revision?: number;
  readonly environment?: NodeJS.ProcessEnv;
  readonly umask?: string;
}

/** Makes one package in `directory`, which is made if need be, and returns its file. */
export function makePackage(directory: string, options: PackageOptions): string {
  const { flavour, revision = 1, environment = {}, umask = '022' } = options;
  mkdirSync(directory, { recursive: true });
  const shell = `umask ${umask} && exec "$0" "$@"`;
  const args = [SCRIPT, path.resolve(directory), '--flavour', flavour, '--revision', String(revision)];
  const { status, stdout, stderr } = spawnSync('sh', ['-c', shell, process.execPath, ...args], {
    encoding: 'utf8',
    env: { ...process.env, ...environment },
  });
  if (status !== 0) throw new Error(`scripts/package.mjs ended with ${status}: ${stderr}`);
  return stdout.trim();
}
