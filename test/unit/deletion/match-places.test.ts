import { describe, expect, it } from 'vitest';
import { matchMove } from '../../../src/deletion/match-move.js';
import { matchPlaces } from '../../../src/deletion/match-places.js';
import type { Place, ResolvedPath } from '../../../src/deletion/resolved-path.js';
import { type Mount, MountTable } from '../../../src/host/mount-table.js';
import { WatchIndex } from '../../../src/watch/watch-index.js';
import { watchOf } from '../../lib/watch-of.js';

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

/** A file of the directory, as the host sees it. */
function seenBy(table: MountTable, path: string): ResolvedPath {
  return {
    place: placeOf(`/data${path}`),
    complete: true,
    ignoresCase: false,
    onHost: true,
    hostPlaces: table.hostPaths(DEVICE, `/data${path}`).map(placeOf),
    text: undefined,
    directoryJson: new Uint8Array(),
  };
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
