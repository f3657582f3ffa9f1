import { describe, expect, it } from 'vitest';
import { type Mount, MountTable } from '../../../src/host/mount-table.js';
import { wantsElsewhere } from '../../../src/watch/mount-wants.js';
import { randomFrom } from './plain-glob.js';

/** As the words say it, one mount against every other: quadratic. */
function plainly(mounts: readonly Mount[], wantsBelow: (directory: string) => number): [number, number][] {
  const isAtOrBelow = (path: string, directory: string) => path === directory || path.startsWith(`${directory}/`);
  return mounts.map((mount) => {
    let mask = 0;
    for (const other of mounts) {
      if (other.device !== mount.device) continue;
      // The other one shows all that this one shows, and perhaps more.
      if (isAtOrBelow(mount.root, other.root)) {
        const place = other.mountPoint + mount.root.slice(other.root.length);
        if (place !== mount.mountPoint) mask |= wantsBelow(place);
      } else if (isAtOrBelow(other.root, mount.root)) {
        const own = mount.mountPoint + other.root.slice(mount.root.length);
        if (other.mountPoint !== own) mask |= wantsBelow(other.mountPoint);
      }
    }
    return [mount.id, mask];
  });
}

describe('what is wanted of mounts at other places', () => {
  it('is what looking at each pair of mounts says', () => {
    const random = randomFrom(20_261_126);
    const names = ['', '/a', '/b', '/a/b', '/a/a', '/b/a/b', '/a/b/a'];
    const name = () => names[random(names.length)]!;
    for (let round = 0; round < 2_000; round++) {
      const mounts = Array.from({ length: random(12) + 1 }, (_, id) => {
        return { id, device: random(2), root: name(), mountPoint: name() };
      });
      const masks = new Map<string, number>();
      const wantsBelow = (directory: string) => {
        if (!masks.has(directory)) masks.set(directory, random(3) === 0 ? 1 << random(16) : 0);
        return masks.get(directory)!;
      };
      const expected = plainly(mounts, wantsBelow);
      expect(wantsElsewhere(new MountTable(mounts), wantsBelow), JSON.stringify(mounts)).toEqual(expected);
    }
  });

  it.each([
    ['binds of one directory', (id: number) => ['/data', `/srv/${id}`]],
    ['directories of one filesystem', (id: number) => [id === 0 ? '' : `/${id}`, id === 0 ? '' : `/pods/${id}`]],
    ['roots and directories', (id: number) => (id % 2 === 0 ? ['', `/r/${id}`] : [`/${id}`, `/d/${id}`])],
    ['directories in one another', (id: number) => [`/${'x/'.repeat(id % 100)}${id}`, `/d/${id}`]],
  ] as const)('is found out in time that grows with the mounts: 5,000 %s', (_, placeOf) => {
    const mounts = Array.from({ length: 5_000 }, (_, id) => {
      const [root, mountPoint] = placeOf(id) as [string, string];
      return { id, device: 1, root, mountPoint };
    });
    let asked = 0;
    const wants = wantsElsewhere(new MountTable(mounts), (directory) => {
      asked += 1;
      return directory.startsWith('/d/') || directory.startsWith('/srv/') ? 1 : 0;
    });
    expect(wants).toHaveLength(mounts.length);
    expect(asked).toBeLessThanOrEqual(3 * mounts.length);
  });

  it('is never less where many mounts show the same', () => {
    const random = randomFrom(7);
    const mounts = Array.from({ length: 60 }, (_, id) => {
      const root = ['', '/a', '/a/b'][random(3)]!;
      return { id, device: 1, root, mountPoint: `/m${id}` };
    });
    // In a directory nothing may be wanted that is not wanted below the one around it.
    const wantsBelow = (directory: string) => (/^\/m\d*[05](\/a)?$/.test(directory) ? 1 : 0);
    const wider = new Map(wantsElsewhere(new MountTable(mounts), wantsBelow));
    for (const [id, mask] of plainly(mounts, wantsBelow)) expect(wider.get(id)! & mask, `${id}`).toBe(mask);
  });
});
