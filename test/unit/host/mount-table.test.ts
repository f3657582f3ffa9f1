import { readFileSync, statSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { MountInfo, MountTable, parseMountInfo } from '../../../src/host/mount-table.js';

/** A line of mountinfo. */
function line(
  device: string,
  root: string,
  mountPoint: string,
  optional = 'shared:1 - ext4 /dev/sda1 rw',
  id = 36,
): string {
  return `${id} 35 ${device} ${root} ${mountPoint} rw,noatime ${optional}\n`;
}

function table(...lines: string[]): MountTable {
  return new MountTable(parseMountInfo(lines.join('')));
}

const SDA1 = (8 << 20) | 1;

describe('parseMountInfo', () => {
  it('reads device, root and mount point', () => {
    expect(
      parseMountInfo(line('8:1', '/', '/') + line('0:1048575', '/sub/vol', '/srv/data', '- tmpfs none rw')),
    ).toEqual([
      { id: 36, device: SDA1, root: '', mountPoint: '' },
      { id: 36, device: 1_048_575, root: '/sub/vol', mountPoint: '/srv/data' },
    ]);
  });

  it('keeps the largest device numbers positive', () => {
    expect(parseMountInfo(line('4095:1048575', '/', '/'))[0]!.device).toBe(2 ** 32 - 1);
  });

  it('undoes the escapes of the kernel, once', () => {
    const [mount] = parseMountInfo(line('8:1', '/a\\040b\\011c\\012d', '/e\\134040f'));
    expect(mount).toEqual({ id: 36, device: SDA1, root: '/a b\tc\nd', mountPoint: '/e\\040f' });
  });

  it('keeps bytes that are not UTF-8', () => {
    expect(parseMountInfo(line('8:1', '/\xff', '/\xe9\xa9'))[0]).toMatchObject({
      root: '/\xff',
      mountPoint: '/\xe9\xa9',
    });
  });

  it.each(['', '\n', 'nonsense', '36 35', '36 35 8-1 / / rw', '36 35 8:1 /', ' '.repeat(10)])(
    'leaves out %j',
    (text) => {
      expect(parseMountInfo(`${text}\n${line('8:1', '/', '/mnt')}`)).toHaveLength(1);
    },
  );

  it('takes the directory that a bind mount of NFS shows from its source', () => {
    const nfs = (mountPoint: string, source: string, device = '0:50', type = 'nfs4') =>
      line(device, '/', mountPoint, `- ${type} ${source} rw,vers=4.2`);
    const mounts = table(
      nfs('/mnt/pvc', '[fd00::1]:/export\\040x'),
      nfs('/srv/pods/a', '[fd00::1]:/export\\040x/a/b'),
      nfs('/srv/beside', '[fd00::1]:/export\\040xyz'),
      nfs('/mnt/whole', 'server:/', '0:51', 'nfs'),
      nfs('/srv/home', 'server:/home', '0:51', 'nfs'),
      line('0:52', '/', '/srv/other', '- ext4 server:/a rw'),
      line('0:52', '/', '/srv/others', '- ext4 server:/a/b rw'),
    );
    expect(mounts.hostPaths(50, '/a/b/file')).toEqual([
      '/mnt/pvc/a/b/file',
      // Neither is above the other.
      '/srv/beside/a/b/file',
      '/srv/pods/a/file',
    ]);
    expect(mounts.hostPaths(51, '/home/ann')).toEqual(['/mnt/whole/home/ann', '/srv/home/ann']);
    expect(mounts.hostPaths(52, '/b/file')).toEqual(['/srv/other/b/file', '/srv/others/b/file']);
  });

  it('takes the topmost directory of NFS that is mounted for the root, of each export by itself', () => {
    const nfs = (mountPoint: string, source: string, type = 'nfs4') =>
      line('0:50', '/', mountPoint, `- ${type} ${source} rw`);
    const siblings = table(nfs('/mnt/a', 's:/srv/a'), nfs('/mnt/l', 's:/srv/longer'), nfs('/bind', 's:/srv/longer/x'));
    expect(siblings.hostPaths(50, '/x/file')).toEqual(['/mnt/a/x/file', '/mnt/l/x/file', '/bind/file']);
    // Version 3 tells the source of the root as it was typed.
    const typed = table(nfs('/mnt/e', 's:/export//', 'nfs'), nfs('/bind', 's:/export/x', 'nfs'));
    expect(typed.hostPaths(50, '/x/file')).toEqual(['/mnt/e/x/file', '/bind/file']);
    const others = table(nfs('/p', 'x', 'nfsd'), nfs('/q', 'x/y', 'nfsd'), nfs('/r', 's:/a', 'nfsx'));
    expect(others.mounts.map(({ root }) => root)).toEqual(['', '', '']);
  });

  it('knows a mount of NFS again when its export is mounted, too', () => {
    const bind = line('0:50', '/', '/bind', '- nfs4 s:/e/x rw', 7);
    const alone = table(bind);
    const both = table(bind, line('0:50', '/', '/mnt', '- nfs4 s:/e rw', 8));
    expect(both.hostPaths(50, '/x/f')).toContain('/bind/f');
    expect(alone.agrees(50, both)).toBe(true);
    expect(alone.agrees(50, table(line('0:50', '/y', '/bind', '- ext4 /dev/sda rw', 7)))).toBe(false);
  });

  it('reads the table of this process, where the root is on the device that stat tells', () => {
    const { mounts } = new MountInfo(() => readFileSync('/proc/self/mountinfo')).read();
    expect(mounts).toHaveLength(readFileSync('/proc/self/mountinfo', 'latin1').trimEnd().split('\n').length);
    // The numbers of stat(2) are spread otherwise: major in bits 8 to 19, minor in bits 0 to 7 and 20 up.
    const { dev } = statSync('/proc');
    const device = ((dev >> 8) & 0xfff) * 2 ** 20 + ((dev & 0xff) | ((dev >> 12) & 0xfff00));
    expect(mounts.filter((mount) => mount.device === device).map(({ mountPoint }) => mountPoint)).toContain('/proc');
  });
});

describe('MountTable', () => {
  it('finds the path of a file on a mounted filesystem', () => {
    const mounts = table(line('8:1', '/', '/'), line('8:2', '/', '/srv/data'));
    expect(mounts.hostPaths(SDA1, '/etc/a')).toEqual(['/etc/a']);
    expect(mounts.hostPaths((8 << 20) | 2, '/x/y')).toEqual(['/srv/data/x/y']);
  });

  it('finds nothing on a device that is not mounted here', () => {
    const mounts = table(line('8:1', '/', '/'));
    expect(mounts.hostPaths(7, '/a')).toEqual([]);
    expect([mounts.knows(SDA1), mounts.knows(7)]).toEqual([true, false]);
  });

  it('names the root of a filesystem by its mount point', () => {
    const mounts = table(line('8:1', '/', '/'), line('8:2', '/vol', '/srv'));
    expect(mounts.hostPaths(SDA1, '')).toEqual(['/']);
    expect(mounts.hostPaths((8 << 20) | 2, '/vol')).toEqual(['/srv']);
  });

  it('sees through bind mounts only what they show', () => {
    const mounts = table(line('8:2', '/vol/a', '/srv/a'));
    expect(mounts.hostPaths((8 << 20) | 2, '/vol/a/f')).toEqual(['/srv/a/f']);
    expect(mounts.hostPaths((8 << 20) | 2, '/vol/ab/f')).toEqual([]);
    expect(mounts.hostPaths((8 << 20) | 2, '/vol/f')).toEqual([]);
  });

  it('tells first by the mount that shows most, of several the oldest', () => {
    const device = (8 << 20) | 2;
    const lines = [
      line('8:2', '/data/app', '/bind'),
      line('8:2', '/', '/whole'),
      line('8:2', '/', '/again'),
      line('8:2', '/data', '/part'),
    ];
    expect(table(...lines).hostPaths(device, '/data/app/f')).toEqual([
      '/whole/data/app/f',
      '/again/data/app/f',
      '/part/app/f',
      '/bind/f',
    ]);
    expect(table(lines[0]!, lines[3]!).hostPaths(device, '/data/app/f')).toEqual(['/part/app/f', '/bind/f']);
    expect(table(lines[0]!, lines[3]!).hostPaths(device, '/data/f')).toEqual(['/part/f']);
  });

  it('places the files of a container by its overlay', () => {
    const merged = '/var/lib/docker/overlay2/abc/merged';
    const mounts = table(line('8:1', '/', '/'), line('0:52', '/', merged, '- overlay overlay rw,lowerdir=/l/A:/l/B'));
    expect(mounts.hostPaths(52, '/tmp/f')).toEqual([`${merged}/tmp/f`]);
  });

  it('is not confused by namespaces, which are mounted as files', () => {
    const mounts = table(line('0:4', 'net:[4026532281]', '/run/netns/blue', '- nsfs nsfs rw'));
    expect(mounts.knows(4)).toBe(true);
    expect(mounts.hostPaths(4, '/a')).toEqual([]);
  });

  it('knows a file that was mounted by itself', () => {
    const mounts = table(line('8:1', '/etc/app.conf', '/run/app.conf'));
    expect(mounts.hostPaths(SDA1, '/etc/app.conf')).toEqual(['/run/app.conf']);
    expect(mounts.hostPaths(SDA1, '/etc/app.conf.d/x')).toEqual([]);
  });
});

describe('agrees', () => {
  const before = table(line('8:1', '/', '/', undefined, 1), line('0:30', '/', '/srv', undefined, 2));

  it('holds while the mounts of the device are the same', () => {
    const after = table(line('0:30', '/', '/srv', undefined, 2), line('8:1', '/', '/', undefined, 1));
    expect([before.agrees(30, after), before.agrees(99, after)]).toEqual([true, false]);
  });

  it('holds while one of them stays, whatever others come and go', () => {
    const after = table(line('0:30', '/', '/mnt', undefined, 7), line('0:30', '/', '/srv', undefined, 2));
    expect([before.agrees(30, after), after.agrees(30, before)]).toEqual([true, true]);
  });

  it.each([
    ['gone', []],
    ['another one', [line('0:30', '/', '/srv', undefined, 7)]],
    ['at another place', [line('0:30', '/', '/mnt', undefined, 2)]],
    ['another part', [line('0:30', '/part', '/srv', undefined, 2)]],
  ])('does not hold when the mount is %s', (_what, lines) => {
    const after = table(...lines);
    expect([before.agrees(30, after), after.agrees(30, before)]).toEqual([false, false]);
  });
});
