import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const bench = fileURLToPath(new URL('../bench/bench.mjs', import.meta.url));

interface Sample {
  readonly deletions: number;
  readonly told?: number;
  readonly invalid?: string;
}

interface Result {
  readonly name: string;
  readonly reason?: string;
  readonly samples: Readonly<Record<string, readonly Sample[]>>;
}

/** Few files: whether the bench works, not what anything costs. */
test('the bench measures, checks that everything was told, and prints its table', () => {
  const directory = mkdtempSync(join(tmpdir(), 'rmwatch-bench-test-'));
  try {
    const json = join(directory, 'samples.json');
    const counts = ['--rounds', '1', '--files', '500', '--skip', 'kernel,idle,memory', '--workloads', 'tmpfs,tree'];
    const args = ['--quick', '--only', 'host', '--listeners', 'floor,one watch', ...counts, '--json', json];
    const text = execFileSync(process.execPath, [bench, ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const { host } = JSON.parse(readFileSync(json, 'utf8')) as { host: { results: readonly Result[] } };
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
    expect(text).toMatch(/^goal: .*: (met|MISSED): /m);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
