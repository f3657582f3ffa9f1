import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { Measured } from '../bench/measure.js';

const TYPESCRIPT = fileURLToPath(new URL('../lib/typescript.mjs', import.meta.url));
const BENCH = fileURLToPath(new URL('../bench/bench.ts', import.meta.url));

/** Few files: whether the bench works, not what anything costs. */
test('the bench measures, checks that everything was told, and prints its table', { timeout: 180_000 }, () => {
  const scratch = mkdtempSync(join(tmpdir(), 'rmwatch-bench-test-'));
  try {
    const json = join(scratch, 'samples.json');
    const counts = ['--rounds', '1', '--files', '500', '--skip', 'kernel,idle,memory', '--workloads', 'tmpfs,tree'];
    const args = ['--quick', '--only', 'host', '--listeners', 'floor,one watch', ...counts, '--json', json];
    const text = execFileSync(process.execPath, ['--import', TYPESCRIPT, BENCH, ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const { host } = JSON.parse(readFileSync(json, 'utf8')) as { host: Measured };
    const measured = host.results.filter(({ reason }) => reason === undefined);
    const names = measured.map(({ name }) => name);
    expect(names).toContain('nobody');
    expect(names.filter((name) => name.startsWith('floor'))).toHaveLength(1);
    expect(names.filter((name) => name.startsWith('rmwatch')).length).toBeGreaterThanOrEqual(1);
    for (const { name, samples } of measured) {
      for (const [workload, [sample]] of Object.entries(samples)) {
        expect(sample?.invalid, `${name}, ${workload}`).toBeUndefined();
        expect(sample?.deletions).toBe(workload === 'tree' ? 502 : 500);
      }
    }
    expect(text).toMatch(/\| rmwatch \w+, one watch \|/);
    const [oneFile, directory] = host.search!.questions;
    const answered = (rows: typeof oneFile) => rows!.rows.filter(({ cpuSeconds }) => cpuSeconds !== undefined);
    expect(answered(oneFile).map(({ found }) => found)).toEqual(answered(oneFile).map(() => 1));
    // Whoever finds another number than rmwatch is not among them.
    expect(answered(directory).map(({ tool }) => tool)).toEqual(
      expect.arrayContaining(['rmwatch search', 'grep', 'jq']),
    );
    expect(answered(directory)[0]!.found).toBeGreaterThan(0);
    expect(host.otherCalls!.watched.lowest).toBeGreaterThan(0);
    expect(text).toMatch(/^A system call that deletes nothing, \w+: /m);
    expect(text).toMatch(/^goal: .*: (met|MISSED): /m);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
});
