import { describe, expect, it } from 'vitest';
import type { WatchConfig } from '../../../src/model/config.js';
import { WatchSet } from '../../../src/watch/watch-set.js';
import { plainMatch, randomFrom, randomPath, randomPattern } from './plain-glob.js';

function watch(include: string[], exclude: string[] = [], rest: Partial<WatchConfig> = {}): WatchConfig {
  return {
    name: 'w',
    include,
    exclude,
    view: 'host',
    operations: ['unlink', 'rmdir', 'replace'],
    caseInsensitive: false,
    fold: false,
    failures: false,
    ignore: { processes: [], ownedByRoot: false, users: [], effectiveUsers: [] },
    log: true,
    ...rest,
  };
}

function matched(set: WatchSet, path: string, view: 'host' | 'process' = 'host'): readonly number[] {
  const slash = path.lastIndexOf('/');
  return set.forDirectory(path.slice(0, slash), view).match(path.slice(slash + 1));
}

function matchedTail(set: WatchSet, tail: string): readonly number[] {
  const slash = tail.lastIndexOf('/');
  return set.forTail(tail.slice(0, slash), 'host').match(tail.slice(slash + 1));
}

describe('WatchSet', () => {
  it('gives the watches whose include matches and whose exclude does not', () => {
    const set = WatchSet.of([
      watch(['/var/lib/app/**'], ['*.tmp', '/var/lib/app/cache/**']),
      watch(['/var/**/*.db', '/var/lib/**']),
      watch(['/home/*/x']),
      watch(['/**']),
    ]);
    expect(matched(set, '/var/lib/app/a.db')).toEqual([0, 1, 3]);
    expect(matched(set, '/var/lib/app/a.tmp')).toEqual([1, 3]);
    expect(matched(set, '/var/lib/app/cache/a')).toEqual([1, 3]);
    expect(matched(set, '/var/lib/app')).toEqual([1, 3]);
    expect(matched(set, '/var/a.db')).toEqual([1, 3]);
    expect(matched(set, '/home/u/x')).toEqual([2, 3]);
    expect(matched(set, '/x')).toEqual([3]);
  });

  it('keeps the views apart', () => {
    const set = WatchSet.of([watch(['/a/**']), watch(['/a/**'], [], { view: 'process' })]);
    expect(matched(set, '/a/x', 'host')).toEqual([0]);
    expect(matched(set, '/a/x', 'process')).toEqual([1]);
  });

  it('gives equal sets the same array', () => {
    const set = WatchSet.of([watch(['/a/**', '/b/*.x']), watch(['/b/y.*'])]);
    const [one] = [matched(set, '/a/1')];
    expect(matched(set, '/a/2/3')).toBe(one);
    expect(matched(set, '/b/1.x')).toBe(one);
    const both = matched(set, '/b/y.x');
    expect(both).toEqual([0, 1]);
    expect(matched(set, '/b/y.x')).toBe(both);
    expect(matched(set, '/c')).toBe(matched(set, '/b/z'));
    expect(Object.isFrozen(matched(set, '/c'))).toBe(true);
  });

  it('remembers the directory', () => {
    const set = WatchSet.of([watch(['/a/**'])]);
    expect(set.forDirectory('/a', 'host')).toBe(set.forDirectory('/a', 'host'));
    expect(set.forDirectory('/a', 'host')).not.toBe(set.forDirectory('/a', 'process'));
  });

  it('matches names that are no UTF-8', () => {
    const set = WatchSet.of([watch(['/é/?'])]);
    expect(matched(set, '/\xc3\xa9/\xff')).toEqual([0]);
    expect(matched(set, '/\xe9/\xff')).toEqual([]);
  });

  it('sees a path without a known head with patterns for any depth', () => {
    const set = WatchSet.of([watch(['/**/*.db']), watch(['/var/**'])]);
    expect(set.forDirectory('lib/app', 'host').match('x.db')).toEqual([0]);
  });

  it('explains every watch', () => {
    const set = WatchSet.of([watch(['/a/*', '/a/**'], ['*.x', 'b*']), watch(['/c/**'], ['*'])]);
    const explained = (path: string) =>
      set.explain(path).map(({ matched, include, exclude }) => [matched, include?.source, exclude?.source]);
    expect(explained('/a/y')).toEqual([
      [true, '/a/*', undefined],
      [false, undefined, undefined],
    ]);
    expect(explained('/a/d/b.x')[0]).toEqual([false, '/a/**', '*.x']);
    expect(explained('/c/y')[1]).toEqual([false, '/c/**', '*']);
  });

  it('agrees with a plain matcher on random watches and paths', () => {
    const random = randomFrom(1);
    for (let round = 0; round < 150; round++) {
      const patterns = (count: number, relative: boolean) =>
        Array.from({ length: count }, () => randomPattern(random, relative));
      const watches = Array.from({ length: 1 + random(8) }, () =>
        watch(patterns(1 + random(3), false), patterns(random(3), true), { view: random(4) ? 'host' : 'process' }),
      );
      const set = WatchSet.of(watches);
      for (let index = 0; index < 60; index++) {
        const path = randomPath(random);
        const judged = watches.map(
          ({ include, exclude }) =>
            include.some((p) => plainMatch(p, path)) && !exclude.some((p) => plainMatch(p, path)),
        );
        const wanted = (view: string) => watches.flatMap((w, i) => (w.view === view && judged[i] ? [i] : []));
        const context = `${path} ${JSON.stringify(watches.map((w) => [w.include, w.exclude]))}`;
        expect(matched(set, path, 'host'), context).toEqual(wanted('host'));
        expect(matched(set, path, 'process'), context).toEqual(wanted('process'));
        expect(
          set.explain(path).map((e) => e.matched),
          context,
        ).toEqual(judged);
      }
    }
  });

  it.each([
    ['/srv/data/**', [], '/x/f', true],
    ['/srv/data/**', [], '/f', true],
    ['/srv/*.db', [], '/a/x.db', false],
    ['/srv/*.db', [], '/srv/x.db', true],
    ['/srv/*.db', [], '/x.db', true],
    ['/srv/*.db', [], '/x.dx', false],
    ['/srv/a/b', [], '/a/b', true],
    ['/srv/a/b', [], '/c/b', false],
    ['/srv/**/cache/*', [], '/x/y', false],
    ['/srv/**/cache/*', [], '/y', true],
    ['/srv/**/cache/*', [], '/x/cache/y', true],
    ['/srv/**', ['*.tmp'], '/x/f.tmp', false],
    ['/srv/**', ['cache/**'], '/x/cache/f', false],
    ['/srv/**', ['/srv/x/**'], '/x/f', true],
    ['/srv/**', ['/srv/**/f'], '/x/f', true],
    ['/srv/**', ['/**/x/f'], '/x/f', false],
  ])('%s without %j may want what ends with %s: %s', (include, exclude, tail, wanted) => {
    expect(matchedTail(WatchSet.of([watch([include], exclude)]), tail)).toEqual(wanted ? [0] : []);
  });

  it('wants every tail of what it wants', () => {
    const random = randomFrom(2);
    let compared = 0;
    for (let round = 0; round < 200; round++) {
      const patterns = (count: number, relative: boolean) =>
        Array.from({ length: count }, () => randomPattern(random, relative));
      const watches = Array.from({ length: 1 + random(6) }, () =>
        watch(patterns(1 + random(3), false), patterns(random(3), true)),
      );
      const set = WatchSet.of(watches);
      for (let index = 0; index < 60; index++) {
        const path = randomPath(random);
        const wanted = matched(set, path);
        for (let slash = path.indexOf('/', 1); slash > 0; slash = path.indexOf('/', slash + 1)) {
          const context = `${path.slice(slash)} of ${path} ${JSON.stringify(watches.map((w) => [w.include, w.exclude]))}`;
          expect(matchedTail(set, path.slice(slash)), context).toEqual(expect.arrayContaining([...wanted]));
          compared += wanted.length;
        }
      }
    }
    expect(compared).toBeGreaterThan(1000);
  });

  it('does not take a tail for the path that reads the same', () => {
    const set = WatchSet.of([watch(['/srv/a/**'])]);
    expect([matchedTail(set, '/x/f'), matched(set, '/x/f'), matchedTail(set, '/x/f')]).toEqual([[0], [], [0]]);
  });

  it('copes with ten thousand watches of the awkward kinds', () => {
    const many = (make: (i: number) => WatchConfig) => WatchSet.of(Array.from({ length: 10_000 }, (_, i) => make(i)));
    const all = Array.from({ length: 10_000 }, (_, i) => i);
    expect(
      matched(
        many(() => watch(['/**'])),
        '/a/b',
      ),
    ).toEqual(all);
    expect(
      matched(
        many((i) => watch(['/**'], [`*.${i}`])),
        '/a/b.7',
      ),
    ).toEqual(all.filter((i) => i !== 7));
    expect(
      matched(
        many((i) => watch([`/**/x${i}*`])),
        '/a/x12',
      ),
    ).toEqual([1, 12]);
    expect(
      matched(
        many((i) => watch([`/**/*x${i}`])),
        '/a/x12',
      ),
    ).toEqual([12]);
    expect(
      matched(
        many((i) => watch([`/**/*x${i}*`])),
        '/a/x12',
      ),
    ).toEqual([1, 12]);
    expect(
      matched(
        many((i) => watch([`/srv/app-${i}/**`])),
        '/srv/app-77/x',
      ),
    ).toEqual([77]);
    expect(
      matched(
        many((i) => watch([`/home/*/app-${i}/**`])),
        '/home/u/app-77/x',
      ),
    ).toEqual([77]);
  });
});
