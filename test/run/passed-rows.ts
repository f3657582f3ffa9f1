/**
 * Which rows `npm test` has just passed, so that the matrix leaves them out: of the very same sources, and not long ago.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FILE = path.join(ROOT, 'build/passed-rows.json');
const FRESH_MS = 2 * 3_600_000;

interface Passed {
  readonly sources: string;
  readonly at: number;
  readonly rows: readonly string[];
}

/** A digest of every file that is tested: committed, changed or new. Undefined outside of a git checkout. */
export function sourcesDigest(): string | undefined {
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', `safe.directory=${ROOT.replace(/\/$/, '')}`, ...args], {
      cwd: ROOT,
      encoding: 'utf8',
      maxBuffer: 1 << 28,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  try {
    const hash = createHash('sha256');
    const files = git('ls-files', '-z', '--cached', '--others', '--exclude-standard').split('\0').filter(Boolean);
    for (const file of files.sort()) {
      const full = path.join(ROOT, file);
      // A file that was deleted is listed until that is committed.
      hash.update(`${file}\0`).update(fs.existsSync(full) ? fs.readFileSync(full) : 'absent');
    }
    return hash.digest('hex');
  } catch {
    return undefined;
  }
}

export function savePassedRows(sources: string | undefined, rows: readonly string[]): void {
  if (sources === undefined) return;
  const passed: Passed = { sources, at: Date.now(), rows };
  fs.writeFileSync(FILE, JSON.stringify(passed));
}

/** Names of the rows; none when the sources are not those, or too much time has passed. */
export function readPassedRows(): ReadonlySet<string> {
  try {
    const passed = JSON.parse(fs.readFileSync(FILE, 'utf8')) as Passed;
    const isFresh = Date.now() - passed.at < FRESH_MS;
    return new Set(isFresh && passed.sources === sourcesDigest() ? passed.rows : []);
  } catch {
    return new Set();
  }
}
