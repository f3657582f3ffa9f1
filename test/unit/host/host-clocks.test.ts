import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bootTimeOffset, hostClocks } from '../../../src/host/host-clocks.js';

function read(offset: { seconds: number; nanoseconds: number }, own: number[]): number[] {
  const out = new Float64Array(3);
  hostClocks((clocks) => clocks.set(own), offset)(out);
  return [...out];
}

describe('the clocks of the host', () => {
  it("are the daemon's own in the first time namespace", () => {
    const own = (): void => {};
    expect(hostClocks(own, { seconds: 0, nanoseconds: 0 })).toBe(own);
  });

  it('begin at another time than those of a time namespace', () => {
    // Here boot seems ten days earlier: wall clock time is less of an offset away.
    expect(read({ seconds: 864_000, nanoseconds: 0 }, [1_000_000, 5, 864_500])).toEqual([1_864_000, 5, 500]);
    expect(read({ seconds: -2, nanoseconds: 600_000_000 }, [10, 700_000_000, 1])).toEqual([9, 300_000_000, 2.4]);
  });

  it('are found by the offsets of the namespace', () => {
    const proc = mkdtempSync(join(tmpdir(), 'rmwatch-clocks-'));
    mkdirSync(join(proc, 'ns'));
    writeFileSync(join(proc, 'timens_offsets'), 'monotonic           1         0\nboottime      -864000 500000000\n');
    symlinkSync('time:[4026532500]', join(proc, 'ns/time'));
    expect(bootTimeOffset(proc)).toEqual({ seconds: -864_000, nanoseconds: 500_000_000 });
    rmSync(join(proc, 'ns/time'));
    symlinkSync('time:[4026531834]', join(proc, 'ns/time'));
    expect(bootTimeOffset(proc)).toEqual({ seconds: 0, nanoseconds: 0 });
    rmSync(proc, { recursive: true });
    expect(bootTimeOffset(proc)).toEqual({ seconds: 0, nanoseconds: 0 });
  });

  it('are found in a real time namespace', ({ skip }) => {
    const unshared = ['-T', '--boottime', '864000', '-f'];
    const possible = process.getuid?.() === 0 && spawnSync('unshare', [...unshared, 'true']).status === 0;
    if (!possible && process.env['CI'] !== 'true') skip('time namespaces cannot be made here');
    const offsets = spawnSync('unshare', [...unshared, 'cat', '/proc/self/timens_offsets'], { encoding: 'utf8' });
    expect(offsets.stdout).toMatch(/^boottime\s+864000\s+0$/m);
  });
});
