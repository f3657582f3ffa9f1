import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** A browser that was seen to run, with the environment that it needs, or why there is none. */
export type Chromium =
  | { readonly program: string; readonly environment: Readonly<Record<string, string>> }
  | { readonly missing: string };

const LIBRARIES = 'usr/lib/x86_64-linux-gnu';
/** Text without a font is drawn as nothing. */
const PACKAGES = ['chromium', 'fonts-dejavu-core'];

/**
 * Takes the Chromium that is installed, else the one of the cache, else the Debian package and what it needs beside the
 * packages of this machine, which are unpacked in the cache: nothing is installed.
 */
export function findChromium(): Chromium {
  for (const program of ['/usr/bin/chromium', '/usr/bin/google-chrome']) {
    if (runs(program, {})) return { program, environment: {} };
  }
  const userCache = process.env['XDG_CACHE_HOME'] ?? path.join(os.homedir(), '.cache');
  const home = path.join(process.env['RMWATCH_CACHE'] ?? path.join(userCache, 'rmwatch'), 'chromium');
  const program = path.join(home, 'usr/lib/chromium/chromium');
  const libraries = [LIBRARIES, `${LIBRARIES}/pulseaudio`].map((directory) => path.join(home, directory));
  const environment = { LD_LIBRARY_PATH: libraries.join(':'), XDG_DATA_HOME: path.join(home, 'usr/share') };
  if (runs(program, environment)) return { program, environment };
  try {
    unpackFromDebian(home);
  } catch (error) {
    return { missing: `Chromium could not be fetched: ${(error as Error).message}` };
  }
  if (runs(program, environment)) return { program, environment };
  return { missing: `Chromium was fetched, but does not run: ${program}` };
}

function runs(program: string, environment: Readonly<Record<string, string>>): boolean {
  const env = { ...process.env, ...environment };
  return spawnSync(program, ['--version'], { env, timeout: 30_000 }).status === 0;
}

/** Unpacks beside the final place and renames, so that two runs at once never see half a program. */
function unpackFromDebian(home: string): void {
  fs.mkdirSync(path.dirname(home), { recursive: true });
  const scratch = fs.mkdtempSync(`${home}-`);
  try {
    const run = (program: string, ...args: string[]): string =>
      execFileSync(program, args, {
        cwd: scratch,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
        timeout: 300_000,
      });
    const plan = run('apt-get', 'install', '--simulate', '--no-install-recommends', ...PACKAGES);
    const wanted = [...plan.matchAll(/^Inst (\S+)/gm)].map(([, name]) => name!);
    run('apt-get', 'download', ...wanted);
    const archives = fs.readdirSync(scratch).filter((name) => name.endsWith('.deb'));
    for (const archive of archives) run('dpkg', '-x', archive, 'tree');
    if (!fs.existsSync(home)) fs.renameSync(path.join(scratch, 'tree'), home);
  } finally {
    fs.rmSync(scratch, { recursive: true, force: true });
  }
}
