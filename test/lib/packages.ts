import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('../../packaging/package.mjs', import.meta.url));

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
  if (status !== 0) throw new Error(`packaging/package.mjs ended with ${status}: ${stderr}`);
  return stdout.trim();
}

/** Makes a package unless it is there already; flock keeps two that want the same one apart. */
const MAKE_ONCE = `set -- "$1"/*.deb "$@"
[ -e "$1" ] && { printf '%s\\n' "$1"; exit; }
shift
umask 022
exec "$NODE" "$SCRIPT" "$@"`;

/** One package of this run, which all its tests share: it is made when the first of them asks. Returns its file. */
export function sharedPackage({ flavour, revision = 1 }: Pick<PackageOptions, 'flavour' | 'revision'>): string {
  const packages = process.env['RMWATCH_TEST_PACKAGES'] ?? mkdtempSync(path.join(tmpdir(), 'rmwatch-packages-'));
  const directory = path.join(packages, `${flavour}-${revision}`);
  mkdirSync(directory, { recursive: true });
  const args = [directory, '--flavour', flavour, '--revision', String(revision)];
  const { status, stdout, stderr } = spawnSync('flock', [directory, 'sh', '-c', MAKE_ONCE, 'sh', ...args], {
    encoding: 'utf8',
    env: { ...process.env, NODE: process.execPath, SCRIPT },
  });
  if (status !== 0) throw new Error(`packaging/package.mjs ended with ${status}: ${stderr}`);
  return stdout.trim();
}
