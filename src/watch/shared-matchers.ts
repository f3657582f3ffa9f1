import { DirectoryMatcher, type Part } from './directory-matcher.js';
import type { ExcludeSet } from './exclude-set.js';
import { namesOf } from './glob.js';
import type { InternedSets } from './interned-sets.js';
import type { Candidates, PatternTrie, TrieWalk } from './pattern-trie.js';

/** Where more sets of excludes decide, a directory gets a matcher of its own: to compare them would cost more. */
const EXCLUDE_SETS_MAX = 16;

/** The matchers of directories with the same candidates: one, or one for each way in which their excludes decide. */
type Alike =
  | DirectoryMatcher
  | { readonly excludeSets: readonly ExcludeSet[]; readonly byKey: Map<string, DirectoryMatcher> };

/** Matchers of many directories. Those that neither patterns nor excludes tell apart share one. */
export class SharedMatchers {
  private readonly includes: TrieWalk<readonly Part[]>;
  private readonly excludes = new Map<ExcludeSet, TrieWalk<true>>();
  private readonly alike = new Map<Candidates<readonly Part[]>, Alike>();
  /** Numbers of what excludes leave open in a directory. */
  private readonly numbers = new Map<Candidates<true>, number>();

  constructor(
    trie: PatternTrie<readonly Part[]>,
    private readonly sets: InternedSets,
  ) {
    this.includes = trie.walk();
  }

  /** `directory` in latin1 view without a slash at the end, '' for the root. */
  matcherOf(directory: string): DirectoryMatcher {
    const names = namesOf(directory);
    const candidates = this.includes.candidates(names);
    const make = () => new DirectoryMatcher(names, false, candidates, this.sets);
    let alike = this.alike.get(candidates);
    if (alike === undefined) {
      const excludeSets = excludeSetsOf(candidates);
      if (excludeSets === undefined) return make();
      alike = excludeSets.length === 0 ? make() : { excludeSets, byKey: new Map() };
      this.alike.set(candidates, alike);
    }
    if (alike instanceof DirectoryMatcher) return alike;
    const key = alike.excludeSets.map((set) => this.numberOf(set, names)).join();
    let matcher = alike.byKey.get(key);
    if (matcher === undefined) {
      matcher = make();
      alike.byKey.set(key, matcher);
    }
    return matcher;
  }

  private numberOf(set: ExcludeSet, names: readonly string[]): number {
    let walk = this.excludes.get(set);
    if (walk === undefined) {
      walk = set.walk();
      this.excludes.set(set, walk);
    }
    const candidates = walk.candidates(names);
    let number = this.numbers.get(candidates);
    if (number === undefined) {
      number = this.numbers.size;
      this.numbers.set(candidates, number);
    }
    return number;
  }
}

/** undefined: there are too many. */
function excludeSetsOf({ constant, dependent }: Candidates<readonly Part[]>): ExcludeSet[] | undefined {
  const sets = new Set<ExcludeSet>();
  const add = (parts: readonly Part[]) => {
    for (const { excludes } of parts) if (excludes !== undefined) sets.add(excludes);
    return sets.size <= EXCLUDE_SETS_MAX;
  };
  for (const parts of constant) if (!add(parts)) return undefined;
  for (const index of dependent) for (const parts of index.values()) if (!add(parts)) return undefined;
  return [...sets];
}
