import type { WatchConfig } from '../model/config.js';
import { atOnce, type Steps } from '../model/steps.js';
import { BoundedCache } from './bounded-cache.js';
import { DirectoryMatcher, type Part } from './directory-matcher.js';
import { ExcludeSet } from './exclude-set.js';
import { compileGlob, type Glob, namesOf } from './glob.js';
import { InternedSets } from './interned-sets.js';
import { JoinedDirectories } from './joined-directories.js';
import { type MovedPaths, MoveMatcher } from './move-matcher.js';
import { PatternTrie } from './pattern-trie.js';
import { SharedMatchers } from './shared-matchers.js';

export type View = WatchConfig['view'];

/** Directories remembered per view. */
const DIRECTORIES_MAX = 4096;

type Tries = Readonly<Record<View, PatternTrie<readonly Part[]>>>;

interface CompiledWatch {
  readonly config: WatchConfig;
  readonly include: readonly Glob[];
  readonly exclude: readonly Glob[];
}

/** How one watch judges one path, for people. */
export interface Explanation {
  readonly watch: WatchConfig;
  readonly matched: boolean;
  /** The first include pattern that matches. */
  readonly include: Glob | undefined;
  /** The first exclude pattern that matches; looked for only when an include does. */
  readonly exclude: Glob | undefined;
  /** All include patterns of the watch. */
  readonly includes: readonly Glob[];
}

/** Whose include, by path alone, wants a deletion: the caller still judges operation, outcome, process and user. */
export class WatchSet {
  readonly watches: readonly WatchConfig[];
  private readonly compiled: readonly CompiledWatch[];
  private readonly sets: InternedSets;
  private readonly tries: Tries;
  private readonly directories: Readonly<Record<View, BoundedCache<DirectoryMatcher>>>;
  private readonly joined = new WeakMap<readonly string[], JoinedDirectories>();
  private readonly moves: Readonly<Record<View, MoveMatcher>>;

  private constructor(compiled: readonly CompiledWatch[], tries: Tries, sets: InternedSets) {
    this.watches = compiled.map(({ config }) => config);
    this.compiled = compiled;
    this.tries = tries;
    this.sets = sets;
    this.directories = { host: directoryCache(), process: directoryCache() };
    this.moves = { host: new MoveMatcher(tries.host), process: new MoveMatcher(tries.process) };
  }

  /** The patterns must be valid, as parseConfig leaves them. */
  static of(watches: readonly WatchConfig[]): WatchSet {
    return atOnce(WatchSet.steps(watches));
  }

  /** As of(), for ten thousand watches beside other work. */
  static *steps(watches: readonly WatchConfig[]): Steps<WatchSet> {
    const compiled: CompiledWatch[] = [];
    for (const config of watches) {
      compiled.push({
        config,
        include: config.include.map((pattern) => compileGlob(pattern, 'include')),
        exclude: config.exclude.map((pattern) => compileGlob(pattern, 'exclude')),
      });
      yield;
    }
    const sets = new InternedSets();
    return new WatchSet(compiled, yield* buildTries(compiled, sets), sets);
  }

  /** `directory` in latin1 view without a slash at the end, '' for the root; only watches of the given view are asked. */
  forDirectory(directory: string, view: View): DirectoryMatcher {
    const cache = this.directories[view];
    const known = cache.get(directory);
    if (known !== undefined) return known;
    const matcher = this.matcherOf(directory, view);
    cache.add(directory, matcher);
    return matcher;
  }

  /** Of many directories at once, with the view of the host; remembered by the array. They are asked for as `as` makes them. */
  forAll(directories: readonly string[], as: (directory: string) => string): JoinedDirectories {
    let joined = this.joined.get(directories);
    if (joined === undefined) {
      const matchers = new SharedMatchers(this.tries.host, this.sets);
      joined = new JoinedDirectories(directories, (directory) => matchers.matcherOf(as(directory)));
      this.joined.set(directories, joined);
    }
    return joined;
  }

  private matcherOf(directory: string, view: View): DirectoryMatcher {
    const names = namesOf(directory);
    return new DirectoryMatcher(names, false, this.tries[view].candidates(names), this.sets);
  }

  /**
   * As forDirectory, of a directory whose first names are not known: what any watch could want there is matched, unless
   * its excludes hold whatever those names are.
   */
  forTail(directory: string, view: View): DirectoryMatcher {
    const cache = this.directories[view];
    // No path holds a NUL.
    const key = `\0${directory}`;
    const known = cache.get(key);
    if (known !== undefined) return known;
    const names = namesOf(directory);
    const matcher = new DirectoryMatcher(names, true, this.tries[view].candidatesAnywhere(names), this.sets);
    cache.add(key, matcher);
    return matcher;
  }

  /**
   * As forTail, but only what is matched whatever the first names are: by patterns that begin with `**`, of watches
   * without excludes.
   */
  surelyForTail(directory: string, name: string, view: View): readonly number[] {
    const { constant, dependent } = this.tries[view].candidatesEverywhere(namesOf(directory));
    const parts = constant.flat();
    for (const index of dependent) index.forEachDependent(name, (matching) => parts.push(...matching));
    const sure = parts.filter(({ excludes }) => excludes === undefined);
    return this.sets.intern(
      sure.flatMap(({ watches }) => watches),
      'runtime',
    );
  }

  /** Which watches of the view lose what may lie below a directory that moves, see MoveMatcher. */
  lostBelow(move: MovedPaths, view: View): readonly number[] {
    return this.moves[view].lostBelow(move);
  }

  /** Which watches of the view have patterns that lead through the old place by names without wildcards. */
  namedBelow(move: MovedPaths, view: View): readonly number[] {
    return this.moves[view].namedBelow(move);
  }

  /** Every watch's judgement of an absolute path in latin1 view, pattern by pattern and without any index. */
  explain(path: string): Explanation[] {
    return this.compiled.map(({ config, include: includes, exclude: excludes }) => {
      const include = includes.find((glob) => glob.matches(path));
      const exclude = include && excludes.find((glob) => glob.matches(path));
      return { watch: config, matched: include !== undefined && exclude === undefined, include, exclude, includes };
    });
  }
}

/** A matcher weighs more than 1 only when names have to be judged one by one by many patterns. */
function directoryCache(): BoundedCache<DirectoryMatcher> {
  return new BoundedCache(DIRECTORIES_MAX, (matcher) => Math.max(1, matcher.weight / 256));
}

function* buildTries(watches: readonly CompiledWatch[], sets: InternedSets): Steps<Tries> {
  const tries = { host: new PatternTrie<Part[]>(), process: new PatternTrie<Part[]>() };
  const watchesOfPattern = new Map<Part[], Map<ExcludeSet | undefined, number[]>>();
  const excludeSets = new Map<string, ExcludeSet>();
  for (const [index, { config, include, exclude }] of watches.entries()) {
    const excludes = sharedExcludeSet(exclude, excludeSets);
    for (const glob of include) {
      const parts = tries[config.view].getOrAdd(glob, () => []);
      const group = watchesOfPattern.get(parts) ?? new Map<ExcludeSet | undefined, number[]>();
      watchesOfPattern.set(parts, group);
      const members = group.get(excludes) ?? [];
      group.set(excludes, members);
      members.push(index);
    }
    yield;
  }
  let id = 0;
  for (const [parts, group] of watchesOfPattern) {
    for (const [excludes, members] of group) {
      parts.push({ id, watches: sets.intern(members, 'permanent'), excludes });
      id += 1;
    }
    yield;
  }
  return tries;
}

function sharedExcludeSet(globs: readonly Glob[], known: Map<string, ExcludeSet>): ExcludeSet | undefined {
  if (globs.length === 0) return undefined;
  const key = JSON.stringify([...new Set(globs.map((glob) => glob.source))].sort());
  const shared = known.get(key) ?? new ExcludeSet(globs);
  known.set(key, shared);
  return shared;
}
