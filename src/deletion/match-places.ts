import type { WatchSet } from '../watch/watch-set.js';
import type { Place, ResolvedPath } from './resolved-path.js';

/** Only a watch on everything can know that it wants an unknown path. */
const UNKNOWN_PLACE: Place = { directory: '', name: '', cut: false };

/** Which watches match a removed name, and by what. */
export interface PlaceMatch {
  /** Indexes of watches, rising. */
  readonly watches: readonly number[];
  /** The path on this host to tell beside that of the process; undefined: that one says it all. */
  readonly hostPlace: Place | undefined;
}

/**
 * Asks the watches for every place of this host that leads to the file, so that a bind mount or a container is no way
 * around them. Watches with `view: process` see the path of the process only. Where names are missing at the beginning,
 * every watch matches that may want it.
 */
export function matchPlaces(watchSet: WatchSet, path: ResolvedPath, hasProcessView: boolean): PlaceMatch {
  const { hostPlaces } = path;
  const place = path.place ?? UNKNOWN_PLACE;
  const own = path.onHost || hostPlaces.length === 0 ? matchPlace(watchSet, place, 'host') : undefined;
  let watches = own ?? [];
  let hostPlace = path.onHost ? undefined : hostPlaces.find(({ cut }) => !cut);
  for (const other of hostPlaces) {
    const matched = matchPlace(watchSet, other, 'host');
    if (matched.length === 0) continue;
    // The first place that a watch asked for.
    if (watches.length === 0 && !other.cut) hostPlace = other;
    watches = union(watches, matched);
  }
  if (hasProcessView) watches = union(watches, matchPlace(watchSet, place, 'process'));
  return { watches, hostPlace };
}

function matchPlace(watchSet: WatchSet, place: Place, view: 'host' | 'process'): readonly number[] {
  const { directory, cut } = place;
  const matcher = cut ? watchSet.forTail(directory, view) : watchSet.forDirectory(directory, view);
  return matcher.forEveryName ?? matcher.match(place.name);
}

/** Equal sets stay the same array as long as they can: verdicts are remembered by it. */
function union(some: readonly number[], others: readonly number[]): readonly number[] {
  if (others.length === 0 || some === others) return some;
  if (some.length === 0) return others;
  return [...new Set([...some, ...others])].sort((a, b) => a - b);
}
