import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from 'vitest';

/**
 * native/ under the sanitizers of GCC: its tests with AddressSanitizer and UndefinedBehaviorSanitizer inside Node.js, and its
 * threads with ThreadSanitizer in a program of their own, because Node.js itself is not built for that.
 */
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BUILT = join(ROOT, 'build/sanitize');
const TREE = join(BUILT, 'tree');
const REPORTS = join(BUILT, 'reports');
/** The ring fills up some dozen times, and is quiet as often. */
const REMOVALS = 60_000;

const library = (name: string) => execFileSync('gcc', [`-print-file-name=${name}`], { encoding: 'utf8' }).trim();

function reports(): string[] {
  return readdirSync(REPORTS).map((name) => readFileSync(join(REPORTS, name), 'utf8'));
}

beforeAll(() => {
  execFileSync(join(ROOT, 'scripts/sanitize.sh'), { stdio: ['ignore', 'ignore', 'inherit'] });
  mkdirSync(REPORTS);
});

test('the tests of the addon pass, and AddressSanitizer and UndefinedBehaviorSanitizer report nothing', () => {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['node_modules/vitest/vitest.mjs', 'run', '--root', '.', '--project', 'host', 'test/host/probe.test.ts'],
    {
      cwd: TREE,
      encoding: 'utf8',
      env: {
        ...process.env,
        NO_COLOR: '1',
        // The runtime has to be there before Node.js, and with it the library whose exceptions it watches.
        LD_PRELOAD: `${library('libasan.so')} ${library('libstdc++.so.6')}`,
        // Node.js does not free all it has when it ends.
        ASAN_OPTIONS: `detect_leaks=0:log_path=${REPORTS}/address`,
        UBSAN_OPTIONS: `print_stacktrace=1:log_path=${REPORTS}/undefined`,
      },
    },
  );
  expect(reports()).toEqual([]);
  expect(status, stdout + stderr).toBe(0);
  expect(stdout).toMatch(/Tests +\d\d passed \(\d\d\)/);
});

test('the threads of the ring and its backlog race nowhere, by ThreadSanitizer', () => {
  const directory = mkdtempSync('/dev/shm/rmwatch-threads-');
  // The runtime of GCC 12 does not know all the places that a kernel may give it.
  const command = ['-R', join(BUILT, 'ring_threads'), directory, String(REMOVALS)];
  const { status, stdout, stderr } = spawnSync('setarch', command, { encoding: 'utf8' });
  rmSync(directory, { recursive: true });
  expect(stderr).toBe('');
  console.log(stdout.trim());
  expect(status).toBe(0);
});
