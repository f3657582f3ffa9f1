import { describe, expect, it } from 'vitest';
import { formerPathOf, PathResolver, type ResolvedPath } from '../../../src/deletion/resolved-path.js';
import { joinTyped } from '../../../src/deletion/typed-path.js';
import { MountTable } from '../../../src/host/mount-table.js';
import {
  DELETION_BASE_SHARED,
  DELETION_FS_ROOT,
  DELETION_HAS_VICTIM,
  DELETION_HOST_NAMESPACE,
  DELETION_PATH_COMPLETE,
  DELETION_PATH_CUT,
  DELETION_PATH_IS_BASE,
} from '../../../src/probe/record-layout.generated.js';
import { textOf } from '../../../src/text/byte-text.js';
import { deletionRecord, viewOf } from '../../lib/records.js';

const ENAMETOOLONG = 36;

/** Latin1 view. */
function pathOf({ text }: ResolvedPath): string {
  return text!.bytes.toString('latin1', text!.start, text!.end);
}

/** The path, its name and its directory, as text. */
function fileOf(resolved: ResolvedPath): unknown {
  const { place, text, directoryJson } = resolved;
  const name = textOf(text!.bytes.toString('latin1', text!.name, text!.end));
  expect(textOf(place!.name)).toBe(name);
  return {
    path: textOf(pathOf(resolved)),
    ...JSON.parse(`{"name":${JSON.stringify(name).slice(0, -1)}${Buffer.from(directoryJson)}}`),
  };
}

function resolveFound(path: string, flags = DELETION_HAS_VICTIM | DELETION_PATH_COMPLETE): ResolvedPath {
  return new PathResolver().resolve(viewOf(deletionRecord({ flags }, { path, typed: 'x' })), undefined);
}

function resolveTyped(base: string, typed: string | undefined, result = 0, complete = DELETION_PATH_COMPLETE) {
  const texts = { path: base, ...(typed !== undefined && { typed }) };
  const record = deletionRecord({ flags: DELETION_PATH_IS_BASE | complete, result }, texts);
  return new PathResolver().resolve(viewOf(record), undefined);
}

describe('a file that the kernel found', () => {
  it.each([
    ['a path', '/var/lib/a.db', '/var/lib', 'a.db'],
    ['a name in the root', '/a', '/', 'a'],
    ['quotes and backslashes', '/a"b/c\\d', '/a"b', 'c\\d'],
    ['newlines and control characters', '/a\nb/c\x1b[0m', '/a\nb', 'c\x1b[0m'],
    ['spaces and a name of dots', '/a b/...', '/a b', '...'],
  ])('is told with %s', (_what, path, directory, name) => {
    const resolved = resolveFound(path);
    expect(fileOf(resolved)).toEqual({ path, name, directory });
    expect([pathOf(resolved), resolved.complete, resolved.hostPlaces]).toEqual([path, true, []]);
  });

  it('has its names in latin1 view for the patterns, and as text in the line', () => {
    const resolved = resolveFound(Buffer.from('/ü/日').toString('latin1'));
    expect(resolved).toMatchObject({ place: { directory: '/\xc3\xbc', name: '\xe6\x97\xa5' } });
    expect(fileOf(resolved)).toEqual({ path: '/ü/日', name: '日', directory: '/ü' });
  });

  it.each(['/a/\xff', '/\xff/a', '/\xe9\n/\xe9"', '/a/\xf0\x9f\x98'])('tells the bytes of %j', (path) => {
    const resolved = resolveFound(path);
    expect(pathOf(resolved)).toBe(path);
    expect(fileOf(resolved)).toMatchObject({ path: Buffer.from(path, 'latin1').toString() });
  });

  it('can have a name of 255 bytes, and 255 bytes can be a name of 85 characters', () => {
    expect(fileOf(resolveFound(`/d/${'n'.repeat(255)}`))).toMatchObject({ name: 'n'.repeat(255) });
    const resolved = resolveFound(Buffer.from(`/d/${'日'.repeat(85)}`).toString('latin1'));
    expect(resolved.place?.name).toHaveLength(255);
    expect(fileOf(resolved)).toMatchObject({ name: '日'.repeat(85) });
  });

  it('can lie as deep as PATH_MAX and deeper', () => {
    const path = `${`/${'d'.repeat(254)}`.repeat(32)}/f`;
    expect(fileOf(resolveFound(path))).toEqual({ path, name: 'f', directory: path.slice(0, -2) });
  });

  it('is told by its last names when the path was cut', () => {
    const resolved = resolveFound('/deep/down/f', DELETION_HAS_VICTIM | DELETION_PATH_CUT);
    expect(resolved).toMatchObject({ complete: false, place: { directory: '/deep/down', name: 'f', cut: true } });
    expect(fileOf(resolved)).toMatchObject({ path: '/deep/down/f' });
    expect(resolveFound('/f').place).toMatchObject({ cut: false });
  });

  it('is not mistaken for one in another directory', () => {
    const resolver = new PathResolver();
    const paths = ['/aa/x', '/aa/y', '/ab/x', '/aa/b/x', '/aa/x', '/x', '/\xff/x', '/aa/x', '/aab', '/aa/', '/a\n/x'];
    for (const path of paths) {
      const resolved = resolver.resolve(viewOf(deletionRecord({ flags: DELETION_HAS_VICTIM }, { path })), undefined);
      const slash = path.lastIndexOf('/');
      expect({ directory: resolved.place!.directory, name: resolved.place!.name, cut: resolved.place!.cut }).toEqual({
        directory: path.slice(0, slash),
        name: path.slice(slash + 1),
        cut: false,
      });
      expect(fileOf(resolved)).toMatchObject({ path: Buffer.from(path, 'latin1').toString() });
    }
  });
});

describe('a name that was only typed', () => {
  it.each([
    ['in a directory', '/srv', 'a', '/srv/a', true],
    ['in the root', '', 'a', '/a', true],
    ['with a slash at the end', '/srv', 'a/', '/srv/a', true],
    ['with parents, which can be links', '/srv', 'a/b', '/srv/a/b', false],
    ['with ".."', '/srv', '../b', '/b', false],
    ['as nothing', '/srv', '', '/srv', false],
    ['absolutely, under a changed root', '/jail', '/a', '/jail/a', true],
  ])('is joined: %s', (_what, base, typed, path, complete) => {
    const resolved = resolveTyped(base, typed);
    expect(fileOf(resolved)).toMatchObject({ path });
    expect(resolved.complete).toBe(complete);
  });

  it('is incomplete when its directory is', () => {
    expect(resolveTyped('/tail', 'a', 0, 0)).toMatchObject({
      complete: false,
      place: { directory: '/tail', name: 'a', cut: false },
    });
    const flags = DELETION_PATH_CUT;
    expect(resolveTyped('/tail', 'a', 0, flags)).toMatchObject({ complete: false, place: { cut: true } });
  });

  it.each([
    ['file', '/base/file', { directory: '/base', name: 'file' }],
    ['a/file', '/base/a/file', { directory: '/base/a', name: 'file' }],
    ['a/../../file', '/file', { directory: '', name: 'file' }],
  ])(
    'is told as %j below its base after the call, incomplete, where others may have changed that',
    (typed, path, place) => {
      const flags = DELETION_PATH_IS_BASE | DELETION_BASE_SHARED | DELETION_PATH_COMPLETE;
      const record = viewOf(deletionRecord({ flags }, { path: '/base', typed }));
      const resolved = new PathResolver().resolve(record, undefined);
      expect([pathOf(resolved), resolved.complete]).toEqual([path, false]);
      expect(resolved.place).toMatchObject({ ...place, cut: false });
    },
  );

  it('is incomplete when it is longer than the kernel takes', () => {
    const typed = 'n'.repeat(4095);
    expect(resolveTyped('/srv', typed, -ENAMETOOLONG).complete).toBe(false);
    expect(resolveTyped('/srv', typed.slice(1), -ENAMETOOLONG).complete).toBe(true);
    expect(resolveTyped('/srv', 'n'.repeat(256), -ENAMETOOLONG).complete).toBe(true);
  });

  it('that could not be read tells nothing', () => {
    const resolved = resolveTyped('/srv', undefined, -14);
    expect(resolved).toMatchObject({ place: undefined, complete: false, text: undefined });
  });

  it('can be the root', () => {
    expect(fileOf(resolveTyped('', '/'))).toEqual({ path: '/', name: '', directory: '/' });
  });
});

describe('a file in another mount namespace', () => {
  const MERGED = '/var/lib/docker/overlay2/abc/merged';
  const mounts = new MountTable([
    { id: 1, device: 1, root: '', mountPoint: '' },
    { id: 2, device: 2, root: '', mountPoint: '/srv/volumes' },
    { id: 3, device: 3, root: '', mountPoint: MERGED },
    { id: 5, device: 5, root: '', mountPoint: '/all' },
    { id: 6, device: 5, root: '/a', mountPoint: '/part' },
  ]);
  const FOREIGN = DELETION_HAS_VICTIM | DELETION_PATH_COMPLETE | DELETION_FS_ROOT;

  function onHost(device: number, path: string, below: string, fsRoot: string[] = [], flags = FOREIGN): ResolvedPath {
    const record = deletionRecord({ flags, device }, { path, typed: 'f', fsRoot, belowMount: below.length });
    return new PathResolver().resolve(viewOf(record), mounts);
  }

  it('is found below the root of its container', () => {
    expect(onHost(3, '/tmp/f', '/tmp/f')).toMatchObject({
      place: { directory: '/tmp', name: 'f' },
      onHost: false,
      hostPlaces: [{ directory: `${MERGED}/tmp`, name: 'f', cut: false }],
    });
  });

  it('is found in its volume, which begins below the root of the filesystem', () => {
    // From the mount's root upwards: the nearest name comes first.
    const { hostPlaces } = onHost(2, '/data/x/f', '/x/f', ['_data', 'db']);
    expect(hostPlaces).toEqual([{ directory: '/srv/volumes/db/_data/x', name: 'f', cut: false }]);
  });

  it('is found at every place of the host that shows it', () => {
    const { hostPlaces } = onHost(5, '/v/f', '/f', ['b', 'a']);
    expect(hostPlaces.map(({ directory }) => directory)).toEqual(['/all/a/b', '/part/b']);
  });

  it('has no other place when it has the same path on the host', () => {
    expect(onHost(1, '/tmp/f', '/tmp/f')).toMatchObject({ onHost: true, hostPlaces: [] });
    const { onHost: sees, hostPlaces } = onHost(5, '/part/b/f', '/b/f', ['a']);
    expect([sees, hostPlaces.map(({ directory }) => directory)]).toEqual([true, ['/all/a/b']]);
  });

  it('had another name in the same directories before, but for mounts of the file alone', () => {
    const former = 'auth.log';
    const texts = { path: '/x/f', typed: 'f', belowMount: 4, fsRoot: ['a'], former };
    const alone = new MountTable([
      { id: 1, device: 5, root: '', mountPoint: '/all' },
      { id: 2, device: 5, root: '/a/x/f', mountPoint: '/alone' },
    ]);
    const record = viewOf(deletionRecord({ flags: FOREIGN, device: 5 }, texts));
    const path = new PathResolver().resolve(record, alone);
    expect(path.hostPlaces.map(({ directory, name }) => `${directory}/${name}`)).toEqual(['/all/a/x/f', '/alone']);
    const before = formerPathOf(record, path)!;
    expect(pathOf(before)).toBe('/x/auth.log');
    expect(before.place).toEqual({ directory: '/x', name: former, cut: false });
    expect(before.hostPlaces).toEqual([{ directory: '/all/a/x', name: former, cut: false }]);
  });

  it('had another name before in each of many places', () => {
    const former = 'auth.log';
    const binds = Array.from({ length: 100 }, (_, id) => ({ id, device: 5, root: '/a', mountPoint: `/bind${id}` }));
    const texts = { path: '/x/f', typed: 'f', belowMount: 4, fsRoot: ['a'], former };
    const record = viewOf(deletionRecord({ flags: FOREIGN, device: 5 }, texts));
    const path = new PathResolver().resolve(record, new MountTable(binds));
    expect(path.manyPlaces?.name).toBe('f');
    const before = formerPathOf(record, path)!;
    expect(before.manyPlaces).toEqual({ directories: path.manyPlaces!.directories, name: former });
    expect(before.manyPlaces!.directories[99]).toBe('/bind99/x');
  });

  it('can lie in the root of the host', () => {
    expect(onHost(1, '/a/f', '/f').hostPlaces).toEqual([{ directory: '', name: 'f', cut: false }]);
  });

  it('is known by its last names when more lead to it than the record holds', () => {
    const flags = FOREIGN & ~DELETION_FS_ROOT;
    expect(onHost(2, '/data/f', '/f', ['z', 'y'], flags).hostPlaces).toEqual([
      { directory: '/y/z', name: 'f', cut: true },
    ]);
    expect(onHost(9, '/data/f', '/f', ['z', 'y'], flags).hostPlaces).toEqual([]);
  });

  it('of the host itself has further places where the kernel says so', () => {
    const flags = FOREIGN | DELETION_HOST_NAMESPACE;
    const resolved = onHost(5, '/part/f', '/f', ['a'], flags);
    expect(resolved).toMatchObject({ onHost: true, hostPlaces: [{ directory: '/all/a', name: 'f' }] });
    // On a mount that was taken away, its path is none of this host.
    const detached = onHost(5, '/f', '/f', ['a'], flags & ~DELETION_PATH_COMPLETE);
    expect(detached).toMatchObject({ onHost: false, complete: false });
    expect(detached.hostPlaces.map(({ directory }) => directory)).toEqual(['/all/a', '/part']);
  });

  it.each([
    ['its filesystem is not mounted on the host', 9, '/tmp/f', FOREIGN],
    ['the walk ended before the root of the mount', 3, '', FOREIGN],
    ['nothing is known of the root of the mount', 3, '/tmp/f', FOREIGN & ~DELETION_FS_ROOT],
  ])('has no path on the host when %s', (_what, device, below, flags) => {
    expect(onHost(device, '/tmp/f', below, [], flags).hostPlaces).toEqual([]);
  });
});

it('tells of typed names what joining the texts says', () => {
  const resolver = new PathResolver();
  const letters = ['/', '.', 'a'];
  for (let number = 0; number < 3 ** 7; number++) {
    const typed = [...number.toString(3)].map((digit) => letters[Number(digit)]).join('');
    for (const base of ['', '/b', '/b/a']) {
      const record = deletionRecord({ flags: DELETION_PATH_IS_BASE | DELETION_PATH_COMPLETE }, { path: base, typed });
      const resolved = resolver.resolve(viewOf(record), undefined);
      const joined = joinTyped(base, typed);
      expect([pathOf(resolved), resolved.complete], `${base} and ${typed}`).toEqual([joined.path, !joined.hasParents]);
    }
  }
});
