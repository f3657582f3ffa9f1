/** clang-tidy over the addon, as `npm run tidy` runs it: the checks are in .clang-tidy. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** What scripts/tidy.sh exits with where there is no clang-tidy of its version. */
const NO_TOOL = 69;

test('clang-tidy finds nothing in native/', { timeout: 300_000 }, (context) => {
  const { status, stdout, stderr } = spawnSync('scripts/tidy.sh', { cwd: ROOT, encoding: 'utf8', maxBuffer: 1 << 26 });
  if (status === NO_TOOL && !process.env['CI']) context.skip(stderr.trim());
  const findings = stdout.split('\n').filter((line) => / (error|warning): /.test(line));
  expect(findings.join('\n')).toBe('');
  expect(status, stderr.slice(-4000)).toBe(0);
});
