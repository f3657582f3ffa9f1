import type { WatchConfig } from '../model/config.js';
import { foldPath } from '../text/case-fold.js';
import { foldedWatch } from './folded-watches.js';
import { atOnce, type Steps } from './steps.js';
import { type View, WatchSet } from './watch-set.js';

/** Where a name was: see Place of src/deletion. */
interface NamedPlace {
  readonly directory: string;
  readonly name: string;
  /** The names that lead to the first one of `directory` are missing. */
  readonly cut: boolean;
}

/** The watches of one configuration, by how they compare names. Indexes of watches are those of the configuration. */
export class WatchIndex {
  readonly watches: readonly WatchConfig[];
  private readonly exact: WatchSet;
  /** All watches, for directories that ignore case. */
  private readonly folded: WatchSet;
  /** Watches with `case_insensitive: true`, for all other directories; undefined: there are none. */
  private readonly always: WatchSet | undefined;

  private constructor(
    watches: readonly WatchConfig[],
    exact: WatchSet,
    folded: WatchSet,
    always: WatchSet | undefined,
  ) {
    this.watches = watches;
    this.exact = exact;
    this.folded = folded;
    this.always = always;
  }

  /** The patterns must be valid, as parseConfig leaves them. */
  static of(watches: readonly WatchConfig[]): WatchIndex {
    return atOnce(WatchIndex.steps(watches));
  }

  /** As of(), for ten thousand watches beside other work. */
  static *steps(watches: readonly WatchConfig[]): Steps<WatchIndex> {
    const folded: WatchConfig[] = [];
    for (const watch of watches) {
      folded.push(foldedWatch(watch));
      yield;
    }
    const anyAlways = watches.some(({ caseInsensitive }) => caseInsensitive);
    return new WatchIndex(
      watches,
      yield* WatchSet.steps(
        anyAlways ? watches.map((watch) => (watch.caseInsensitive ? silent(watch) : watch)) : watches,
      ),
      yield* WatchSet.steps(folded),
      anyAlways
        ? yield* WatchSet.steps(folded.map((watch) => (watch.caseInsensitive ? watch : silent(watch))))
        : undefined,
    );
  }

  /** Indexes of the watches that match, rising; equal sets are mostly the same array. `ignoresCase`: a directory on the way does. */
  match(place: NamedPlace, view: View, ignoresCase: boolean): readonly number[] {
    if (ignoresCase) return matchFolded(this.folded, place, view);
    const matched = matchIn(this.exact, place, view);
    return this.always === undefined ? matched : union(matched, matchFolded(this.always, place, view));
  }
}

/** A watch that matches nothing, in the place of one that is asked elsewhere. */
function silent(watch: WatchConfig): WatchConfig {
  return { ...watch, include: NO_PATTERNS };
}

const NO_PATTERNS: readonly string[] = [];

function matchFolded(set: WatchSet, { directory, name, cut }: NamedPlace, view: View): readonly number[] {
  return matchIn(set, { directory: foldPath(directory), name: foldPath(name), cut }, view);
}

function matchIn(set: WatchSet, place: NamedPlace, view: View): readonly number[] {
  const { directory, cut } = place;
  const matcher = cut ? set.forTail(directory, view) : set.forDirectory(directory, view);
  return matcher.forEveryName ?? matcher.match(place.name);
}

/** Equal sets stay the same array as long as they can: verdicts are remembered by it. */
export function union(some: readonly number[], others: readonly number[]): readonly number[] {
  if (others.length === 0 || some === others) return some;
  if (some.length === 0) return others;
  return [...new Set([...some, ...others])].sort((a, b) => a - b);
}
