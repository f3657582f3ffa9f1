import { unionOf } from '../watch/union.js';
import type { WatchIndex } from '../watch/watch-index.js';
import type { View } from '../watch/watch-set.js';
import type { ManyPlaces, Place, ResolvedPath } from './resolved-path.js';

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
export function matchPlaces(watches: WatchIndex, path: ResolvedPath, hasProcessView: boolean): PlaceMatch {
  const { hostPlaces, manyPlaces, ignoresCase } = path;
  const place = path.place ?? UNKNOWN_PLACE;
  // Thousands of bind mounts make as many places: equal sets are the same array, and all of them are joined at once.
  const matching = new Set<readonly number[]>();
  const add = (matched: readonly number[]) => {
    if (matched.length > 0) matching.add(matched);
  };
  if (asksOwn(path)) add(watches.match(place, 'host', ignoresCase));
  let hostPlace = hostPlaceOf(path);
  if (manyPlaces !== undefined) {
    const { watches: matched, first } = watches.matchInAll(manyPlaces, ignoresCase);
    if (first !== undefined && matching.size === 0) hostPlace = placeAt(manyPlaces, first);
    add(matched);
  }
  for (const other of hostPlaces) {
    const matched = watches.match(other, 'host', ignoresCase);
    // The first place that a watch asked for.
    if (matched.length > 0 && matching.size === 0 && !other.cut) hostPlace = other;
    add(matched);
  }
  if (hasProcessView) add(watches.match(place, 'process', ignoresCase));
  return { watches: unionOf(matching), hostPlace };
}

/** The places that watches of the view are asked for, beside those of `manyPlaces` with the view of the host. */
export function placesSeenBy(view: View, path: ResolvedPath): readonly Place[] {
  const place = path.place ?? UNKNOWN_PLACE;
  if (view === 'process') return [place];
  return asksOwn(path) ? [place, ...path.hostPlaces] : path.hostPlaces;
}

/** Each of the places. */
export function apart(many: ManyPlaces): Place[] {
  return many.directories.map((_, at) => placeAt(many, at));
}

/** Where this host sees a path, as PlaceMatch.hostPlace, when no watch has asked for a place. */
export function hostPlaceOf({ onHost, hostPlaces, manyPlaces }: ResolvedPath): Place | undefined {
  if (onHost) return undefined;
  return manyPlaces === undefined ? hostPlaces.find(({ cut }) => !cut) : placeAt(manyPlaces, 0);
}

/** Whether the path of the process is asked for with the view of the host: it is one there, or the only one that is known. */
function asksOwn({ onHost, hostPlaces, manyPlaces }: ResolvedPath): boolean {
  return onHost || (hostPlaces.length === 0 && manyPlaces === undefined);
}

function placeAt({ directories, name }: ManyPlaces, at: number): Place {
  return { directory: directories[at]!, name, cut: false };
}
