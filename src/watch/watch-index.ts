import type { WatchConfig } from '../model/config.js';
import { atOnce, type Steps } from '../model/steps.js';
import { foldPath } from '../text/case-fold.js';
import { foldedWatch } from './folded-watches.js';
import type { JoinedMatch } from './joined-directories.js';
import type { MovedDirectory, MovedPaths } from './move-matcher.js';
import { union } from './union.js';
import { type View, WatchSet } from './watch-set.js';

/** Where a name was: see Place of src/deletion. */
interface NamedPlace {
  readonly directory: string;
  readonly name: string;
  /** The names that lead to the first one of `directory` are missing. */
  readonly cut: boolean;
}

/** One name in many directories: see ManyPlaces of src/deletion. */
interface ManyPlaces {
  readonly directories: readonly string[];
  readonly name: string;
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

  /**
   * As match() with the view of the host, of one name in each of the directories. Those are known by their array: for the same
   * array, the patterns are matched with them only once.
   */
  matchInAll({ directories, name }: ManyPlaces, ignoresCase: boolean): JoinedMatch {
    if (ignoresCase) return this.folded.forAll(directories, foldPath).match(foldPath(name));
    const exact = this.exact.forAll(directories, asItIs).match(name);
    if (this.always === undefined) return exact;
    const always = this.always.forAll(directories, foldPath).match(foldPath(name));
    return {
      watches: union(exact.watches, always.watches),
      first: always.first === undefined || exact.first! < always.first ? exact.first : always.first,
    };
  }

  /** As match(), but without what a place whose first names are missing may match. */
  matchSurely(place: NamedPlace, view: View, ignoresCase: boolean): readonly number[] {
    if (!place.cut) return this.match(place, view, ignoresCase);
    const { directory, name } = place;
    const inFolded = (set: WatchSet) => set.surelyForTail(foldPath(directory), foldPath(name), view);
    if (ignoresCase) return inFolded(this.folded);
    const matched = this.exact.surelyForTail(directory, name, view);
    return this.always === undefined ? matched : union(matched, inFolded(this.always));
  }

  /** Which watches of the view lose what may lie below a directory that moves, see MoveMatcher. */
  lostBelow(move: MovedPaths, view: View, ignoresCase: boolean): readonly number[] {
    return this.byCase(ignoresCase, move, (set, paths) => set.lostBelow(paths, view));
  }

  /** Which watches of the view have patterns that lead through the old place by names without wildcards. */
  namedBelow(move: MovedPaths, view: View, ignoresCase: boolean): readonly number[] {
    return this.byCase(ignoresCase, move, (set, paths) => set.namedBelow(paths, view));
  }

  private byCase(
    ignoresCase: boolean,
    move: MovedPaths,
    ask: (set: WatchSet, move: MovedPaths) => readonly number[],
  ): readonly number[] {
    if (ignoresCase) return ask(this.folded, foldedPaths(move));
    const asked = ask(this.exact, move);
    return this.always === undefined ? asked : union(asked, ask(this.always, foldedPaths(move)));
  }
}

function asItIs(path: string): string {
  return path;
}

function foldedPaths({ from, to, isBeside }: MovedPaths): MovedPaths {
  const fold = ({ path, cut }: MovedDirectory): MovedDirectory => ({ path: foldPath(path), cut });
  return { from: from.map(fold), to: to.map(fold), isBeside };
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
