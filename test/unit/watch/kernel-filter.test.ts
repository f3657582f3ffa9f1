import { describe, expect, it } from 'vitest';
import { OPERATIONS, type Operation, type WatchConfig } from '../../../src/model/config.js';
import { decidingStage } from '../../../src/watch/deciding-stage.js';
import { type KernelFilterEntry, kernelEntryFor, kernelFilter } from '../../../src/watch/kernel-filter.js';
import { WatchSet } from '../../../src/watch/watch-set.js';
import { plainMatch, randomFrom, randomPath, randomPattern } from './plain-glob.js';

const BITS = { unlink: 1, rmdir: 2, replace: 4, move: 8 };

function watch(include: string[], operations: Operation[], failures = false, exclude: string[] = []): WatchConfig {
  const ignore = { processes: [], ownedByRoot: false, users: [], effectiveUsers: [] };
  return {
    name: 'w',
    include,
    exclude,
    view: 'host',
    caseInsensitive: false,
    operations,
    failures,
    ignore,
    log: true,
    fold: false,
  };
}

function table(...watches: WatchConfig[]): (string | number)[][] {
  return kernelFilter(watches).map(({ prefix, successMask, failureMask }) => [prefix, successMask, failureMask]);
}

/** What the kernel does: the longest entry that is a beginning of the path, and nothing else. */
function longest(entries: readonly KernelFilterEntry[], path: string): KernelFilterEntry | undefined {
  return entries.filter(({ prefix }) => path.startsWith(prefix)).sort((a, b) => b.prefix.length - a.prefix.length)[0];
}

describe('kernelFilter', () => {
  it('cuts patterns to their fixed beginning', () => {
    expect(table(watch(['/var/lib/app/*.db'], ['unlink']))).toEqual([['/var/lib/app/', 1, 0]]);
  });

  it('wants failures only for watches that do', () => {
    expect(table(watch(['/a/**'], ['unlink', 'rmdir'], true), watch(['/a/**'], ['replace']))).toEqual([['/a/', 7, 3]]);
  });

  it('carries the masks of shorter beginnings to the longer ones', () => {
    expect(table(watch(['/a/b/**'], ['rmdir']), watch(['/a/**'], ['unlink']), watch(['/ab'], ['replace']))).toEqual([
      ['/a/', 1, 0],
      ['/a/b/', 3, 0],
      ['/ab', 4, 0],
    ]);
  });

  it('leaves out entries that say nothing new', () => {
    expect(table(watch(['/**'], ['unlink']), watch(['/a/**', '/b/c'], ['unlink']))).toEqual([['/', 1, 0]]);
  });

  it('keeps an entry that differs in failures only', () => {
    expect(table(watch(['/**'], ['unlink']), watch(['/a/**'], ['unlink'], true))).toEqual([
      ['/', 1, 0],
      ['/a/', 1, 1],
    ]);
  });

  it('cuts beginnings at 256 bytes', () => {
    const [entry] = kernelFilter([watch([`/${'é'.repeat(200)}/**`], ['unlink'])]);
    expect(entry?.prefix).toHaveLength(256);
    expect(entry?.prefix.startsWith('/\xc3\xa9')).toBe(true);
  });

  it('is sorted out quickly for ten thousand watches', () => {
    const watches = Array.from({ length: 10_000 }, (_, i) => watch([`/srv/app-${i}/**`], ['unlink']));
    expect(kernelFilter(watches)).toHaveLength(10_000);
  });

  it('is never narrower than the watches, and carries nothing twice, on random watches and paths', () => {
    const random = randomFrom(2);
    for (let round = 0; round < 150; round++) {
      const watches = Array.from({ length: 1 + random(6) }, () =>
        watch(
          Array.from({ length: 1 + random(2) }, () => randomPattern(random)),
          OPERATIONS.filter((_, index) => index === 0 || random(2) === 0),
          random(2) === 0,
        ),
      );
      const entries = kernelFilter(watches);
      for (let index = 0; index < 50; index++) {
        const path = randomPath(random);
        const entry = longest(entries, path);
        expect(kernelEntryFor(entries, path)).toEqual(entry);
        for (const { include, operations, failures } of watches) {
          if (!include.some((pattern) => plainMatch(pattern, path))) continue;
          for (const operation of operations) {
            const context = `${path} ${operation} ${JSON.stringify({ watches, entries })}`;
            expect((entry?.successMask ?? 0) & BITS[operation], context).toBeTruthy();
            if (failures) expect((entry?.failureMask ?? 0) & BITS[operation], context).toBeTruthy();
          }
        }
      }
      for (const entry of entries) {
        const next = longest(
          entries.filter((other) => other.prefix.length < entry.prefix.length),
          entry.prefix,
        );
        const { successMask, failureMask, whole } = entry;
        expect([successMask, failureMask, whole]).not.toEqual([next?.successMask, next?.failureMask, next?.whole]);
      }
    }
  });
});

describe('what the kernel knows of moves', () => {
  const wholes = (...watches: WatchConfig[]) =>
    Object.fromEntries(kernelFilter(watches).map(({ prefix, whole }) => [prefix, whole]));

  it('names every directory that leads to what a watch wants, by its end', () => {
    expect(table(watch(['/srv/app/*.db'], ['unlink', 'move']))).toEqual([
      ['/srv\0', 8, 0],
      ['/srv/app\0', 8, 0],
      ['/srv/app/', 9, 0],
    ]);
    expect(table(watch(['/srv/app/x.db'], ['move'], true)).map(([prefix]) => prefix)).toEqual([
      '/srv\0',
      '/srv/app\0',
      '/srv/app/x.db',
    ]);
  });

  it('names no directory for a watch that does not want moves', () => {
    expect(table(watch(['/srv/app/**'], ['unlink', 'rmdir', 'replace']))).toEqual([['/srv/app/', 7, 0]]);
  });

  it('numbers directories of which all watches want all', () => {
    expect(wholes(watch(['/**'], ['move']))).toEqual({ '/': 1 });
    expect(wholes(watch(['/a/**'], ['move']), watch(['/b/**'], ['move']))).toMatchObject({ '/a/': 1, '/b/': 2 });
    // Moving a directory that leads to one takes what it holds along.
    expect(wholes(watch(['/a/b/**'], ['move']))).toMatchObject({ '/a\0': 0, '/a/b\0': 0, '/a/b/': 1 });
    // What moves from one directory to the other leaves the inner watch.
    expect(wholes(watch(['/**'], ['move']), watch(['/a/**'], ['move']))).toMatchObject({ '/': 1, '/a/': 2 });
  });

  it('numbers none where a watch wants a part only', () => {
    expect(wholes(watch(['/a/**'], ['move'], false, ['*.tmp']))).toMatchObject({ '/a/': 0 });
    expect(wholes(watch(['/a/*'], ['move']))).toMatchObject({ '/a/': 0 });
    expect(wholes(watch(['/a/**'], ['move']), watch(['/a/*.db'], ['move']))).toMatchObject({ '/a/': 0 });
    expect(Object.values(wholes(watch(['/a/*'], ['move']), watch(['/a/b/**'], ['move'])))).toEqual([0, 0]);
    // One that does not want moves says nothing.
    expect(wholes(watch(['/a/**'], ['move']), watch(['/a/b/*'], ['unlink']))).toEqual({
      '/a\0': 0,
      '/a/': 1,
      '/a/b/': 1,
    });
  });

  it('lets no move pass unseen that a watch could want, on random watches and paths', () => {
    const random = randomFrom(3);
    for (let round = 0; round < 150; round++) {
      const watches = Array.from({ length: 1 + random(4) }, () =>
        watch(
          Array.from({ length: 1 + random(2) }, () =>
            random(3) === 0 ? `${randomPath(random)}/**` : randomPattern(random),
          ),
          random(4) === 0 ? ['unlink'] : ['move'],
        ),
      );
      const entries = kernelFilter(watches);
      const set = WatchSet.of(watches);
      const matches = (path: string) => set.explain(path).map(({ matched }) => matched);
      for (let index = 0; index < 50; index++) {
        const [from, to] = [randomPath(random), randomPath(random)];
        const below = `${from}/${'abc'[random(3)]}`;
        const entry = longest(entries, `${from}\0`);
        const target = longest(entries, to);
        const passes = ((entry?.successMask ?? 0) & 8) !== 0 && (entry!.whole === 0 || entry!.whole !== target?.whole);
        if (passes) continue;
        const context = `${from} ${to} ${JSON.stringify({ watches, entries })}`;
        for (const [path, target] of [
          [from, to],
          [below, below.replace(from, () => to)],
        ]) {
          const now = matches(target!);
          matches(path!).forEach((wanted, at) => {
            const lost = wanted && !now[at] && watches[at]!.operations.includes('move');
            expect(lost, `${path} ${context}`).toBe(false);
          });
        }
      }
    }
  });
});

describe('decidingStage', () => {
  it.each([
    ['/a/**', [], '/b/x', 'kernel'],
    ['/a/**', [], '/a/x', 'kernel'],
    ['/a/**', ['*.tmp'], '/a/x', 'daemon'],
    ['/a/**', ['*.tmp'], '/a/x.tmp', 'daemon'],
    ['/a/**', ['*.tmp'], '/b/x.tmp', 'kernel'],
    ['/a/*.db', [], '/a/x.db', 'daemon'],
    ['/a/*.db', [], '/a/x', 'daemon'],
    ['/a/*.db', [], '/c', 'kernel'],
    ['/a/b', [], '/a/bc', 'daemon'],
    [`/${'x'.repeat(256)}/**`, [], `/${'x'.repeat(256)}/y`, 'daemon'],
  ])('%s without %j on %s: %s', (include, exclude, path, stage) => {
    const [explanation] = WatchSet.of([watch([include], ['unlink'], false, exclude)]).explain(path);
    expect(explanation && decidingStage(explanation, path)).toBe(stage);
  });
});
