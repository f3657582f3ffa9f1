import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** A promtool that was seen to run, or why there is none. */
export type Promtool = { readonly path: string } | { readonly missing: string };

/**
 * Takes promtool from PATH, else from the cache, else from the Debian package `prometheus`. Only the one program is
 * unpacked: nothing is installed, so no Prometheus server starts on the machine that runs the tests.
 */
export function findPromtool(): Promtool {
  if (runs('promtool')) return { path: 'promtool' };
  const home = cacheDirectory();
  const cached = path.join(home, 'usr/bin/promtool');
  if (runs(cached)) return { path: cached };
  try {
    unpackFromDebian(home);
  } catch (error) {
    return { missing: `promtool could not be fetched: ${(error as Error).message}` };
  }
  return runs(cached) ? { path: cached } : { missing: `promtool was fetched, but does not run: ${cached}` };
}

/** What promtool finds wrong with an exposition text; nothing when all is well. */
export function lintMetrics(promtool: string, text: string): string {
  const result = spawnSync(promtool, ['check', 'metrics'], { input: text, encoding: 'utf8' });
  if (result.error) throw result.error;
  return result.status === 0 ? '' : `exit ${result.status}: ${result.stdout}${result.stderr}`;
}

function runs(program: string): boolean {
  return spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0;
}

/** The same place as that of the other things tests fetch: outside the checkout, kept between runs. */
function cacheDirectory(): string {
  const userCache = process.env['XDG_CACHE_HOME'] ?? path.join(os.homedir(), '.cache');
  return path.join(process.env['RMWATCH_CACHE'] ?? path.join(userCache, 'rmwatch'), 'promtool');
}

/** Unpacks beside the final place and renames, so that two runs at once never see half a program. */
function unpackFromDebian(home: string): void {
  fs.mkdirSync(path.dirname(home), { recursive: true });
  const scratch = fs.mkdtempSync(`${home}-`);
  try {
    run('apt-get', ['download', 'prometheus'], scratch);
    const archive = fs.readdirSync(scratch).find((name) => name.endsWith('.deb'));
    if (!archive) throw new Error('apt-get download left no package');
    const tree = path.join(scratch, 'tree');
    run('dpkg', ['-x', archive, tree], scratch);
    const program = path.join(scratch, 'usr/bin/promtool');
    fs.mkdirSync(path.dirname(program), { recursive: true });
    fs.renameSync(path.join(tree, 'usr/bin/promtool'), program);
    fs.rmSync(tree, { recursive: true });
    fs.rmSync(path.join(scratch, archive));
    if (!fs.existsSync(home)) fs.renameSync(scratch, home);
  } finally {
    fs.rmSync(scratch, { recursive: true, force: true });
  }
}

function run(program: string, args: string[], cwd: string): void {
  execFileSync(program, args, { cwd, stdio: ['ignore', 'ignore', 'pipe'], timeout: 120_000 });
}
