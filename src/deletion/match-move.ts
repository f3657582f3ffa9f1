import type { MovedDirectory } from '../watch/move-matcher.js';
import { unionOf } from '../watch/union.js';
import type { WatchIndex } from '../watch/watch-index.js';
import type { View } from '../watch/watch-set.js';
import { apart, matchPlaces, type PlaceMatch, placesSeenBy } from './match-places.js';
import type { Place, ResolvedPath } from './resolved-path.js';

/** Which watches lose what a rename has moved, and how. */
export interface MoveMatch extends PlaceMatch {
  /** The part of `watches` that does not match the old path itself, but what may lie below it. */
  readonly losingBelow: readonly number[];
}

/** What has moved, as far as it is known. */
export type Moved = 'directory' | 'other' | 'unknown';

/** A rename, by what it has taken away. */
export interface Move {
  readonly from: ResolvedPath;
  /** undefined when it is not known. */
  readonly to: ResolvedPath | undefined;
  readonly moved: Moved;
  /** Both names are known to lie in one directory. */
  readonly isBeside: boolean;
}

/**
 * A move is told for a watch that matches the old path and not the new one. Of a directory also for one that matches
 * neither, but could match something below the old path that it could not below the new one. Where the kernel does not
 * tell what has moved, only for one whose patterns lead through the old path by fixed names: nothing but a directory can
 * be there. Where the first names of the new path are missing, a watch counts as not matching it unless it surely does;
 * within one directory they are those of the old path.
 */
export function matchMove(index: WatchIndex, { from, to, moved, isBeside }: Move, hasProcessView: boolean): MoveMatch {
  const { watches: before, hostPlace } = matchPlaces(index, from, hasProcessView);
  const views = hasProcessView ? (['host', 'process'] as const) : (['host'] as const);
  // Equal sets are mostly the same array, also where thousands of mounts show the new path.
  const matched = new Set<readonly number[]>();
  const below = new Set<number>();
  for (const view of views) {
    const next = to === undefined ? [] : placesSeenBy(view, to);
    for (const place of next) {
      const ignoresCase = to!.ignoresCase;
      matched.add(isBeside ? index.match(place, view, ignoresCase) : index.matchSurely(place, view, ignoresCase));
    }
    // None of these is cut.
    const many = view === 'host' ? to?.manyPlaces : undefined;
    if (many !== undefined) matched.add(index.matchInAll(many, to!.ignoresCase).watches);
    if (moved === 'other') continue;
    const move = { from: directoriesOf(view, from), to: to === undefined ? [] : directoriesOf(view, to), isBeside };
    const { ignoresCase } = from;
    const lost =
      moved === 'directory' ? index.lostBelow(move, view, ignoresCase) : index.namedBelow(move, view, ignoresCase);
    for (const watch of lost) below.add(watch);
  }
  const now = new Set(unionOf(matched));
  // Verdicts are remembered by the array.
  const left = now.size === 0 ? before : before.filter((watch) => !now.has(watch));
  const wanting = new Set(before);
  const losingBelow = [...below].filter((watch) => !now.has(watch) && !wanting.has(watch)).sort((a, b) => a - b);
  const watches = losingBelow.length === 0 ? left : [...left, ...losingBelow].sort((a, b) => a - b);
  return { watches, hostPlace, losingBelow };
}

/** The directory that moves, by each of the places that watches of the view are asked for. */
function directoriesOf(view: View, path: ResolvedPath): MovedDirectory[] {
  const many = view === 'host' ? path.manyPlaces : undefined;
  const few = placesSeenBy(view, path).map(directoryOf);
  return many === undefined ? few : [...apart(many).map(directoryOf), ...few];
}

function directoryOf({ directory, name, cut }: Place): MovedDirectory {
  return { path: `${directory}/${name}`, cut };
}
