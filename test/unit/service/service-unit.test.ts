import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const file = (name: string) => fileURLToPath(new URL(`../../../systemd/${name}`, import.meta.url));
const UNIT = file('rmwatch.service');
/** Ten times the score that must not be exceeded. */
const THRESHOLD = 30;

const present = spawnSync('systemd-analyze', ['--version']).status === 0;
const skipped = !present && process.env['CI'] !== 'true';
if (skipped) console.warn('test/unit/service-unit.test.ts: there is no systemd-analyze here, its verdict is skipped');

/** Values of a setting, in the order of the file. */
function settings(name: string, key: string): string[] {
  const lines = readFileSync(file(name), 'utf8').split('\n');
  return lines.filter((line) => line.startsWith(`${key}=`)).map((line) => line.slice(key.length + 1));
}

describe('the unit', () => {
  test('grants two capabilities, and a user of its own', () => {
    expect(settings('rmwatch.service', 'CapabilityBoundingSet')).toEqual(['CAP_BPF CAP_PERFMON']);
    expect(settings('rmwatch.service', 'AmbientCapabilities')).toEqual(['CAP_BPF CAP_PERFMON']);
    expect(settings('rmwatch.service', 'User')).toEqual(['rmwatch']);
  });

  test('starts again after a reload signal that came before the first statement of the program', () => {
    expect(settings('rmwatch.service', 'RestartForceExitStatus')).toEqual(['SIGHUP']);
  });

  test('validates at a reload the file that the daemon was started with', () => {
    expect(settings('rmwatch.service', 'ExecReload')[0]).toContain('rmwatch validate --pid $MAINPID');
  });

  test('has nothing that would hide the mounts of the host or keep BPF and the JavaScript engine from working', () => {
    for (const key of ['ProtectProc', 'ProcSubset', 'PrivateUsers', 'PrivatePIDs', 'MemoryDenyWriteExecute']) {
      expect(settings('rmwatch.service', key), key).toEqual([]);
    }
  });

  test('opens the mounts of the host before it loses the right to', () => {
    expect(settings('rmwatch.service', 'StandardInput')).toEqual(['file:/proc/1/mountinfo']);
  });

  test('has nothing that would keep a new name of the host from the daemon', () => {
    expect(settings('rmwatch.service', 'ProtectHostname')).toEqual([]);
  });

  test('is the one that the drop-ins change: each adds what its name says', () => {
    expect(settings('kprobe.conf', 'AmbientCapabilities')).toEqual(['CAP_SYS_ADMIN']);
    expect(settings('kprobe.conf', 'CapabilityBoundingSet')).toEqual(['CAP_SYS_ADMIN']);
    expect(settings('root.conf', 'User')).toEqual(['root']);
    expect(settings('root.conf', 'CapabilityBoundingSet')).toEqual(['~']);
  });

  test.skipIf(skipped)('is exposed by 3.0 at the most, as systemd-analyze counts', () => {
    const args = ['security', '--offline=true', `--threshold=${THRESHOLD}`, '--no-pager', UNIT];
    const { status, stdout, stderr } = spawnSync('systemd-analyze', args, { encoding: 'utf8' });
    const score = /exposure level for rmwatch\.service: ([\d.]+)/.exec(stdout)?.[1];
    console.log(`systemd-analyze security: ${score}`);
    expect({ status, stderr }, stdout).toEqual({ status: 0, stderr: '' });
    expect(Number(score)).toBeLessThanOrEqual(THRESHOLD / 10);
  });
});
