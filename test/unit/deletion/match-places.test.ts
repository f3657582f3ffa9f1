import { describe, expect, it } from 'vitest';
import { matchMove } from '../../../src/deletion/match-move.js';
import { matchPlaces } from '../../../src/deletion/match-places.js';
import { PathResolver, type Place, type ResolvedPath } from '../../../src/deletion/resolved-path.js';
import { type Mount, MountTable } from '../../../src/host/mount-table.js';
import {
  DELETION_CASE_INSENSITIVE,
  DELETION_FS_ROOT,
  DELETION_HAS_VICTIM,
  DELETION_PATH_COMPLETE,
} from '../../../src/probe/record-layout.generated.js';
import { WatchIndex } from '../../../src/watch/watch-index.js';
import { deletionRecord, viewOf } from '../../lib/records.js';
import { watchOf } from '../../lib/watch-of.js';
import { randomFrom } from '../watch/plain-glob.js';

const FLAGS = DELETION_HAS_VICTIM | DELETION_PATH_COMPLETE | DELETION_FS_ROOT;
const DEVICE = 1;
const COUNT = 10_000;
/** CPU time that a deletion or a move may take, on a slow machine; what grows with the square took five seconds and more. */
const LIMIT_MS = 1_500;

/** One directory, mounted many times. */
const binds = Array.from({ length: COUNT }, (_, id) => mountOf(id, `/srv/${id}`));

function mountOf(id: number, mountPoint: string): Mount {
  return { id, device: DEVICE, root: '/data', mountPoint };
}

function placeOf(path: string): Place {
  const slash = path.lastIndexOf('/');
  return { directory: path.slice(0, slash), name: path.slice(slash + 1), cut: false };
}

/** A file of the directory, removed by a path that is none of this host. */
function seenBy(table: MountTable, path: string, more: { flags?: number; shown?: string } = {}): ResolvedPath {
  const { flags = 0, shown = `/inside${path}` } = more;
  const whole = `/data${path}`;
  const fsRoot = whole.split('/').reverse().filter(Boolean).slice(1);
  const members = { device: DEVICE, flags: FLAGS | flags };
  const name = whole.slice(whole.lastIndexOf('/'));
  return new PathResolver().resolve(
    viewOf(deletionRecord(members, { path: shown, fsRoot, belowMount: name.length })),
    table,
  );
}

/** The same with each place by itself. */
function apart(table: MountTable, path: string, resolved: ResolvedPath): ResolvedPath {
  const { directory, name } = resolved.place!;
  const places = table.hostPaths(DEVICE, `/data${path}`).map(placeOf);
  const others = places.filter((place) => place.directory !== directory || place.name !== name);
  return { ...resolved, hostPlaces: others, manyPlaces: undefined };
}

function expectInTime<T>(work: () => T): T {
  const began = process.cpuUsage().user;
  const result = work();
  expect((process.cpuUsage().user - began) / 1_000).toBeLessThan(LIMIT_MS);
  return result;
}

describe('a directory with ten thousand mounts', () => {
  const table = new MountTable(binds);
  const all = binds.map(({ id }) => id);
  const from = seenBy(table, '/d/a.db');

  it.each<[string, string, string[]]>([
    ['alone', '**', []],
    ['with the same excludes', '**', ['**/*.tmp']],
    ['by name', '**/*.db', []],
  ])('is judged in time that grows with them where a watch looks at each: %s', (_how, below, exclude) => {
    const index = WatchIndex.of(
      binds.map(({ id, mountPoint }) => watchOf({ name: `w${id}`, include: [`${mountPoint}/${below}`], exclude })),
    );
    expect(expectInTime(() => matchPlaces(index, from, false)).watches).toEqual(all);
    const move = { from, to: undefined, moved: 'directory', isBeside: false } as const;
    expect(expectInTime(() => matchMove(index, move, false)).watches).toEqual(all);
    // Where they are not remembered, each of these takes as long as the first.
    expectInTime(() => {
      for (let at = 0; at < 50; at++) matchPlaces(index, seenBy(table, `/d/${at}.db`), false);
    });
  });

  it('loses in such time what moves to where the excludes hold', () => {
    const index = WatchIndex.of([watchOf({ name: 'w', include: ['/srv/**'], exclude: ['/srv/*/cache/**'] })]);
    const move = { from, to: seenBy(table, '/cache/a.db'), moved: 'directory', isBeside: false } as const;
    expect(expectInTime(() => matchMove(index, move, false))).toMatchObject({ watches: [0] });
  });

  it('agrees with a later table in such time', () => {
    const others = new MountTable(binds.map(({ id, mountPoint }) => mountOf(id + COUNT, mountPoint)));
    expect(expectInTime(() => others.agrees(DEVICE, table))).toBe(false);
    const left = new MountTable([...others.mounts, binds[7]!]);
    expect(expectInTime(() => left.agrees(DEVICE, table))).toBe(true);
    expect(left.agrees(DEVICE + 1, table)).toBe(false);
  });
});

describe('many mounts of a filesystem', () => {
  it('match as each of them does by itself', () => {
    const random = randomFrom(20_261_127);
    const pick = <T>(of: readonly T[]): T => of[random(of.length)]!;
    const patterns = [
      '/**',
      '/m1*/**',
      '/m*/d/*.db',
      '/m7/d/f',
      '/m3/*',
      '/inside/**',
      '/M1*/d/F',
      '/m12/f',
      '/**/d/**',
    ];
    const excludes = ['/m1/**', '**/*.db', '/m*/d/**', '/m2*/d/f'];
    let hits = 0;
    for (let round = 0; round < 300; round++) {
      const mounts = Array.from({ length: 40 + random(20) }, (_, id) => ({
        ...mountOf(id, `/m${random(60)}`),
        root: pick(['', '/data', '/data/d', '/data/d', '/data/d/f']),
      }));
      const table = new MountTable(mounts);
      const index = WatchIndex.of(
        Array.from({ length: 4 }, (_, at) =>
          watchOf({
            name: `w${at}`,
            include: [pick(patterns)],
            exclude: random(2) === 0 ? [pick(excludes)] : [],
            caseInsensitive: random(4) === 0,
            view: random(4) === 0 ? 'process' : 'host',
          }),
        ),
      );
      const paths = (['/d/f', '/d/a.db', '/f', '/d/e/f'] as const).map((path) => {
        const shown = pick([`/inside${path}`, `/m1${path}`, `/m12${path.slice(path.lastIndexOf('/'))}`]);
        const flags = random(4) === 0 ? DELETION_CASE_INSENSITIVE : 0;
        const joined = seenBy(table, path, { shown, flags });
        if (joined.manyPlaces !== undefined) hits += 1;
        return { joined, plain: apart(table, path, joined) };
      });
      const what = JSON.stringify([mounts, index.watches]);
      for (const { joined, plain } of paths) {
        expect(matchPlaces(index, joined, true), what).toEqual(matchPlaces(index, plain, true));
      }
      const [from, to] = [pick(paths), pick(paths)];
      const how = { moved: pick(['directory', 'other', 'unknown'] as const), isBeside: random(2) === 0 };
      expect(matchMove(index, { from: from.joined, to: to.joined, ...how }, true), what).toEqual(
        matchMove(index, { from: from.plain, to: to.plain, ...how }, true),
      );
    }
    expect(hits).toBeGreaterThan(100);
  });

  it('have one array for each directory, and forget it before all of them take much room', () => {
    const table = new MountTable(binds);
    const first = table.manyHostDirectories(DEVICE, '/data/a')!;
    expect(first.slice(0, 2)).toEqual(['/srv/0/a', '/srv/1/a']);
    expect(table.manyHostDirectories(DEVICE, '/data/a')).toBe(first);
    for (let at = 0; at < 6; at++) table.manyHostDirectories(DEVICE, `/data/${at}`);
    expect(table.manyHostDirectories(DEVICE, '/data/a')).not.toBe(first);
    expect(table.manyHostDirectories(DEVICE, '/elsewhere')).toBeUndefined();
    expect(table.manyHostDirectories(DEVICE + 1, '/data')).toBeUndefined();
  });
});
