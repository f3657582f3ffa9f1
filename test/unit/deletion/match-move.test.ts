import { describe, expect, it } from 'vitest';
import { type Moved, matchMove } from '../../../src/deletion/match-move.js';
import type { Place, ResolvedPath } from '../../../src/deletion/resolved-path.js';
import type { WatchConfig } from '../../../src/model/config.js';
import { WatchIndex } from '../../../src/watch/watch-index.js';

function watch(include: string[], changes: Partial<WatchConfig> = {}): WatchConfig {
  const ignore = { processes: [], ownedByRoot: false, users: [], effectiveUsers: [] };
  const base = {
    name: 'w',
    exclude: [],
    view: 'host',
    operations: ['move'],
    failures: false,
    caseInsensitive: false,
    fold: false,
    log: true,
  } as const;
  return { ...base, include, ignore, ...changes } as WatchConfig;
}

function placeOf(path: string, cut = false): Place {
  const slash = path.lastIndexOf('/');
  return { directory: path.slice(0, slash), name: path.slice(slash + 1), cut };
}

function at(path: string, changes: Partial<ResolvedPath> = {}, cut = false): ResolvedPath {
  const place = placeOf(path, cut);
  const text = undefined;
  return {
    place,
    complete: !cut,
    ignoresCase: false,
    onHost: !cut,
    hostPlaces: [],
    manyPlaces: undefined,
    text,
    directoryJson: new Uint8Array(),
    ...changes,
  };
}

interface Options {
  readonly moved?: Moved;
  readonly isBeside?: boolean;
  readonly processView?: boolean;
}

/** Indexes of the watches that are told, and of those that lose what lies below. */
function told(watches: WatchConfig[], from: ResolvedPath, to: ResolvedPath | undefined, options: Options = {}) {
  const { moved = 'other', isBeside = false, processView = false } = options;
  const result = matchMove(WatchIndex.of(watches), { from, to, moved, isBeside }, processView);
  return [[...result.watches], [...result.losingBelow]];
}

const directory = { moved: 'directory' } as const;

describe('matchMove', () => {
  const uploads = [watch(['/srv/app/uploads/**'])];

  it('tells a file that leaves the watch, and none that stays, comes or goes by', () => {
    expect(told(uploads, at('/srv/app/uploads/x'), at('/srv/x'))).toEqual([[0], []]);
    expect(told(uploads, at('/srv/app/uploads/x'), at('/srv/app/uploads/y'))).toEqual([[], []]);
    expect(told(uploads, at('/srv/x'), at('/srv/app/uploads/x'))).toEqual([[], []]);
    expect(told(uploads, at('/srv/x'), at('/srv/y'))).toEqual([[], []]);
  });

  it('judges for each watch', () => {
    const watches = [watch(['/a/**']), watch(['/**']), watch(['/a/*.db']), watch(['/b/**'])];
    expect(told(watches, at('/a/x.db'), at('/b/x.db'))).toEqual([[0, 2], []]);
    expect(told(watches, at('/a/x.db'), at('/a/x.db.1'))).toEqual([[2], []]);
  });

  it('tells what moves to where the watch excludes it, and not what it excluded before', () => {
    const watches = [watch(['/srv/**'], { exclude: ['/srv/trash/**', '*.tmp'] })];
    expect(told(watches, at('/srv/x'), at('/srv/trash/x'))).toEqual([[0], []]);
    expect(told(watches, at('/srv/x.tmp'), at('/srv/x'))).toEqual([[], []]);
    expect(told(watches, at('/srv/x.tmp'), at('/elsewhere/x'))).toEqual([[], []]);
  });

  it('tells of a Maildir what the manual says', () => {
    const [made, come, read] = ['tmp', 'new', 'cur'].map((name) => at(`/var/mail/ann/${name}/1`)) as [
      ResolvedPath,
      ResolvedPath,
      ResolvedPath,
    ];
    const alone = [watch(['/var/mail/*/new/**'])];
    expect(told(alone, made, come)).toEqual([[], []]);
    expect(told(alone, come, read)).toEqual([[0], []]);
    const together = [watch(['/var/mail/**']), watch(['/var/mail/**'], { exclude: ['**/tmp/**'] })];
    expect(told(together, made, come)).toEqual([[], []]);
    expect(told(together, come, read)).toEqual([[], []]);
  });

  it('tells once of a directory that is matched, and of one above what is', () => {
    expect(told(uploads, at('/srv/app/uploads/dir'), at('/srv/dir'), directory)).toEqual([[0], []]);
    expect(told(uploads, at('/srv/app'), at('/srv/app.bak'), directory)).toEqual([[0], [0]]);
    expect(told(uploads, at('/srv'), at('/old'), directory)).toEqual([[0], [0]]);
    expect(told(uploads, at('/srv/app/uploads'), at('/srv/app/uploads.old'), directory)).toEqual([[0], [0]]);
    expect(told(uploads, at('/srv/other'), at('/srv/app.bak'), directory)).toEqual([[], []]);
    // What is not a directory has nothing below.
    expect(told(uploads, at('/srv/app'), at('/srv/app.bak'))).toEqual([[], []]);
  });

  it('tells of a directory that can hold what a wildcard leads to, unless it can where it is now', () => {
    const caches = [watch(['/srv/*/cache/*.db'])];
    expect(told(caches, at('/srv/a'), at('/old/a'), directory)).toEqual([[0], [0]]);
    expect(told(caches, at('/srv/a/cache'), at('/srv/a/store'), directory)).toEqual([[0], [0]]);
    expect(told(caches, at('/srv/a'), at('/srv/b'), directory)).toEqual([[], []]);
    expect(told(caches, at('/srv/a/cache'), at('/srv/b/cache'), directory)).toEqual([[], []]);
    expect(told(caches, at('/srv/a/log'), at('/old/log'), directory)).toEqual([[], []]);
    const anywhere = [watch(['/srv/**/*.db'])];
    expect(told(anywhere, at('/srv/a/b'), at('/srv/c'), directory)).toEqual([[], []]);
    expect(told(anywhere, at('/srv/a/b'), at('/old'), directory)).toEqual([[0], [0]]);
  });

  it('knows what excludes shut out below a directory', () => {
    const watches = [watch(['/srv/**/*.db'], { exclude: ['**/trash/**', '/srv/quiet/**'] })];
    expect(told(watches, at('/srv/a'), at('/srv/trash/a'), directory)).toEqual([[0], [0]]);
    expect(told(watches, at('/srv/quiet/a'), at('/old/a'), directory)).toEqual([[], []]);
    expect(told(watches, at('/srv/quiet'), at('/old'), directory)).toEqual([[], []]);
    expect(told(watches, at('/srv/trash/a'), at('/srv/a'), directory)).toEqual([[], []]);
  });

  it('is told where it is not known where to, and where that is known in part only', () => {
    expect(told(uploads, at('/srv/app/uploads/x'), undefined)).toEqual([[0], []]);
    expect(told(uploads, at('/srv/app/uploads/x'), at('/uploads/x', {}, true))).toEqual([[0], []]);
    const everything = [watch(['/**']), watch(['/**'], { exclude: ['*.tmp'] })];
    expect(told(everything, at('/d/x', {}, true), at('/d/y', {}, true))).toEqual([[1], []]);
    expect(told(everything, at('/d/x', {}, true), at('/d/y', {}, true), { isBeside: true })).toEqual([[], []]);
  });

  it('asks for every place of the host, old and new', () => {
    const inContainer = { onHost: false, hostPlaces: [placeOf('/volumes/app/uploads/x')] };
    const out = { onHost: false, hostPlaces: [placeOf('/volumes/x')] };
    const inside = { onHost: false, hostPlaces: [placeOf('/volumes/app/uploads/y')] };
    const watches = [watch(['/volumes/app/uploads/**']), watch(['/data/**'], { view: 'process' })];
    const views = { processView: true };
    expect(told(watches, at('/data/x', inContainer), at('/data/y', inside), views)).toEqual([[], []]);
    expect(told(watches, at('/data/x', inContainer), at('/tmp/x', out), views)).toEqual([[0, 1], []]);
    expect(told(watches, at('/data/x', inContainer), at('/data/z', out), views)).toEqual([[0], []]);
  });

  it('compares without case where a directory on the way does', () => {
    const folds = { ignoresCase: true };
    expect(told(uploads, at('/SRV/app/Uploads/x', folds), at('/srv/x', folds))).toEqual([[0], []]);
    expect(told(uploads, at('/srv/app/uploads/x', folds), at('/srv/APP/uploads/y', folds))).toEqual([[], []]);
    expect(told(uploads, at('/SRV/App', folds), at('/srv/old', folds), directory)).toEqual([[0], [0]]);
    expect(told(uploads, at('/SRV/App'), at('/srv/old'), directory)).toEqual([[], []]);
    const always = [watch(['/srv/app/uploads/**'], { caseInsensitive: true })];
    expect(told(always, at('/SRV/App'), at('/srv/old'), directory)).toEqual([[0], [0]]);
    expect(told(always, at('/SRV/App/uploads/x'), at('/srv/app/UPLOADS/y'))).toEqual([[], []]);
  });

  it('goes by names without wildcards where it is not known what has moved', () => {
    const unknown = { moved: 'unknown' } as const;
    expect(told(uploads, at('/srv/app'), at('/srv/app.bak'), unknown)).toEqual([[0], [0]]);
    expect(told([watch(['/srv/*/cache/*.db'])], at('/srv/a'), at('/old/a'), unknown)).toEqual([[], []]);
    expect(told([watch(['/srv/**'])], at('/srv'), at('/old'), unknown)).toEqual([[0], [0]]);
  });
});
