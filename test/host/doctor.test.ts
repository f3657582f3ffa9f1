import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

interface Finding {
  readonly check: string;
  readonly state: 'ok' | 'warn' | 'fail';
  readonly message: string;
}

it('doctor calls a mode working when deletions of its own came through, and names the mounts of the host', () => {
  const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
  const { stdout, stderr, status } = spawnSync(process.execPath, [main, 'doctor', '--json'], { encoding: 'utf8' });
  expect(stderr).toBe('');
  const { attach, findings } = JSON.parse(stdout) as { attach: string; findings: Finding[] };
  const by = new Map(findings.map((finding) => [finding.check, finding]));
  expect(by.get('attach tracepoint')).toMatchObject({
    state: 'ok',
    message: expect.stringMatching(
      /^works, on \w+ .*; deletions of its own came through; adds some 58 to 85 ns to every system call of this machine$/,
    ),
  });
  expect(by.get(`attach ${attach}`)?.state).toBe('ok');
  expect(by.get('mounts of the host')?.message).toMatch(/^(read from |not known)/);
  expect(status).toBe(0);
});
