import { describe, expect, it } from 'vitest';
import { type KnownMounts, MountTable } from '../../../src/host/mount-table.js';
import { OPERATIONS, type WatchConfig } from '../../../src/model/config.js';
import { nativeFilterOf as filterOf, kernelWants } from '../../../src/watch/native-filter.js';

/** Bits of bpf/record.h. */
const [UNLINK, RMDIR, REPLACE, FAILURES] = [1, 2, 4, 256];

function watch(include: string[], changes: Partial<WatchConfig> = {}): WatchConfig {
  const ignore = { processes: [], ownedByRoot: false, users: [], effectiveUsers: [] };
  return {
    name: 'w',
    include,
    exclude: [],
    view: 'host',
    operations: OPERATIONS,
    caseInsensitive: false,
    fold: false,
    failures: false,
    ignore,
    log: true,
    ...changes,
  };
}

function nativeFilterOf(watches: WatchConfig[], mounts: KnownMounts | undefined) {
  return filterOf(kernelWants(watches), mounts);
}

function mountsAt(...mountPoints: string[]): MountTable {
  return new MountTable(mountPoints.map((mountPoint, device) => ({ id: device, device, root: '', mountPoint })));
}

/** The wanted bits of each device. */
function devices(watches: WatchConfig[], mounts: MountTable): number[] {
  return nativeFilterOf(watches, mounts).devices.map(([, mask]) => mask);
}

describe('what the kernel is told to look for', () => {
  it('is bytes and bits', () => {
    const watches = [
      watch(['/var/lib/é/*.db'], { operations: ['unlink', 'replace'] }),
      watch(['/srv/**'], { operations: ['rmdir'], failures: true }),
    ];
    const filter = nativeFilterOf(watches, undefined);
    expect(filter.prefixes.map(([prefix, mask]) => [prefix.toString('hex'), mask])).toEqual([
      [Buffer.from('/srv/').toString('hex'), RMDIR! | (RMDIR! * FAILURES!)],
      [Buffer.from('/var/lib/é/').toString('hex'), UNLINK! | REPLACE!],
    ]);
    expect([filter.successOperations, filter.failureOperations]).toEqual([UNLINK! | RMDIR! | REPLACE!, RMDIR]);
    expect(filter.devices).toEqual([]);
  });

  it('is cut to what the kernel compares', () => {
    const [[prefix]] = nativeFilterOf([watch([`/${'日'.repeat(100)}/*`])], undefined).prefixes as [[Buffer, number]];
    expect(prefix).toHaveLength(256);
    expect(
      Buffer.from(`/${'日'.repeat(100)}`)
        .subarray(0, 256)
        .equals(prefix),
    ).toBe(true);
  });

  it('is nothing without watches', () => {
    const none = { prefixes: [], devices: [], mounts: [], processView: 0, successOperations: 0, failureOperations: 0 };
    expect(nativeFilterOf([], undefined)).toEqual(none);
    expect(nativeFilterOf([], mountsAt('', '/mnt')).devices).toEqual([
      [0, 0],
      [1, 0],
    ]);
  });

  it('holds no mount of the host where its mounts are not known, so that the kernel passes what could be wanted', () => {
    const { devices, mounts } = nativeFilterOf([watch(['/srv/**'])], 'unknown');
    expect({ devices, mounts }).toEqual({ devices: [], mounts: [[2 ** 32 - 1, 0]] });
  });

  it('keeps large device numbers', () => {
    const mounts = new MountTable([{ id: 1, device: 2 ** 32 - 1, root: '', mountPoint: '' }]);
    expect(nativeFilterOf([watch(['/**'])], mounts).devices).toEqual([[2 ** 32 - 1, 15]]);
  });
});

describe('what is wanted where a filesystem ignores case', () => {
  const mounts = mountsAt('', '/mnt/Share');

  it('goes by device, whatever the case of the pattern', () => {
    expect(devices([watch(['/MNT/share/A/**'])], mounts)).toEqual([15, 15]);
    expect(devices([watch(['/srv/**'])], mounts)).toEqual([15, 0]);
  });

  it('is told apart for watches on the paths of processes', () => {
    const filter = nativeFilterOf(
      [watch(['/a/**'], { view: 'process', operations: ['rmdir'] }), watch(['/b/**'])],
      mounts,
    );
    expect(filter.processView).toBe(RMDIR);
  });

  it('is wanted up to the first letter of a watch that ignores case everywhere', () => {
    const { prefixes } = nativeFilterOf([watch(['/1/2/Share/**'], { caseInsensitive: true })], undefined);
    expect(prefixes.map(([prefix]) => prefix.toString())).toEqual(['/1\0', '/1/2\0', '/1/2/']);
  });
});

describe('what is wanted of a mount at other places', () => {
  const bound = new MountTable([
    { id: 10, device: 1, root: '', mountPoint: '' },
    { id: 11, device: 1, root: '/srv/data', mountPoint: '/mnt' },
    { id: 12, device: 1, root: '/srv/data/x', mountPoint: '/x' },
    { id: 13, device: 2, root: '', mountPoint: '/other' },
    { id: 14, device: 2, root: '', mountPoint: '/other' },
  ]);

  it.each([
    ['/srv/data/**', [0, 15, 15, 0, 0]],
    ['/srv/**', [0, 15, 15, 0, 0]],
    ['/srv/data/x/y', [0, 15, 15, 0, 0]],
    ['/srv/data/y/*', [0, 15, 0, 0, 0]],
    ['/srv/database/**', [0, 0, 0, 0, 0]],
    ['/mnt/**', [15, 0, 15, 0, 0]],
    ['/mnt/y', [15, 0, 0, 0, 0]],
    ['/x/**', [15, 15, 0, 0, 0]],
    ['/other/**', [0, 0, 0, 0, 0]],
    ['/**/*.db', [15, 15, 15, 0, 0]],
  ])('by %s is %j', (pattern, wanted) => {
    const { mounts } = nativeFilterOf([watch([pattern])], bound);
    expect(mounts).toEqual(wanted.map((mask, index) => [10 + index, mask]));
  });

  it('is nothing to watches on the paths of processes', () => {
    const { mounts } = nativeFilterOf([watch(['/srv/**'], { view: 'process' })], bound);
    expect(mounts.map(([, mask]) => mask)).toEqual([0, 0, 0, 0, 0]);
  });

  it('is sorted out quickly on a host of many containers', () => {
    const many = Array.from({ length: 5000 }, (_, i) => ({
      id: i,
      device: 1,
      root: i === 0 ? '' : `/volumes/${i}`,
      mountPoint: i === 0 ? '' : `/pods/${i}/volume`,
    }));
    const watches = Array.from({ length: 10_000 }, (_, i) => watch([`/srv/app-${i}/**`, `/volumes/${2 * i}/**`]));
    const { mounts } = nativeFilterOf(watches, new MountTable(many));
    expect(mounts.filter(([, mask]) => mask !== 0)).toHaveLength(2499);
  });
});

describe('what is wanted on a device', () => {
  it.each([
    ['everything, by a pattern on everything', '/**', [15, 15, 15]],
    ['what lies below the mount point', '/mnt/data/x/**', [15, 15, 0]],
    ['what lies right below it', '/mnt/data/*', [15, 15, 0]],
    ['what a pattern above reaches', '/mnt/**', [15, 15, 0]],
    ['the mount point by its own name', '/mnt/data', [15, 15, 0]],
    ['what a pattern can reach by half a name', '/mnt/da*/x', [15, 15, 0]],
    ['nothing, by a pattern beside it', '/mnt/database/**', [15, 0, 0]],
    ['nothing, by a shorter name beside it', '/mnt/dat/**', [15, 0, 0]],
    ['what begins with a star', '/*/x', [15, 15, 15]],
  ])('is %s', (_what, pattern, wanted) => {
    expect(devices([watch([pattern])], mountsAt('', '/mnt/data', '/srv'))).toEqual(wanted);
  });

  it('is the sum over all mounts of it and all watches', () => {
    const mounts = new MountTable([
      { id: 1, device: 9, root: '', mountPoint: '/a' },
      { id: 2, device: 9, root: '/x', mountPoint: '/b' },
    ]);
    const watches = [
      watch(['/a/**'], { operations: ['unlink'] }),
      watch(['/b/**'], { operations: ['rmdir'], failures: true }),
      watch(['/c/**'], { operations: ['replace'] }),
    ];
    expect(nativeFilterOf(watches, mounts).devices).toEqual([[9, UNLINK! | RMDIR! | (RMDIR! * FAILURES!)]]);
  });

  it('leaves out watches on the paths of processes, which no device can decide', () => {
    const watches = [watch(['/**'], { view: 'process' }), watch(['/srv/**'], { operations: ['unlink'] })];
    expect(devices(watches, mountsAt('', '/srv', '/mnt'))).toEqual([UNLINK, UNLINK, 0]);
  });

  it('reaches mount points deeper than the kernel compares', () => {
    const deep = `/srv/${'d'.repeat(250)}/${'e'.repeat(250)}`;
    expect(devices([watch([`${deep}/**`]), watch(['/other'])], mountsAt(deep, '/srv', '/mnt'))).toEqual([15, 15, 0]);
  });
});
