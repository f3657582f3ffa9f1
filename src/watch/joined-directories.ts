import type { DirectoryMatcher } from './directory-matcher.js';
import { unionOf } from './union.js';

/** What matches a name in any of many directories. */
export interface JoinedMatch {
  /** Indexes of watches, rising. */
  readonly watches: readonly number[];
  /** The first directory in which a watch matches, by its number; undefined: there is none. */
  readonly first: number | undefined;
}

/** Many directories with the same names in them, as bind mounts make them. Patterns are matched with each of them once. */
export class JoinedDirectories {
  /** Watches that match every name in some of the directories. */
  private readonly settled: readonly number[];
  private readonly firstSettled: number = Number.POSITIVE_INFINITY;
  /** Where it depends on the name: the number of the first directory that has the matcher. */
  private readonly dependent = new Map<DirectoryMatcher, number>();

  /** `matcherOf`: the same object for directories that need not be told apart. */
  constructor(directories: readonly string[], matcherOf: (directory: string) => DirectoryMatcher) {
    const settled = new Set<readonly number[]>();
    for (const [at, directory] of directories.entries()) {
      const matcher = matcherOf(directory);
      const { forEveryName } = matcher;
      if (forEveryName === undefined) {
        if (!this.dependent.has(matcher)) this.dependent.set(matcher, at);
      } else if (forEveryName.length > 0) {
        settled.add(forEveryName);
        this.firstSettled = Math.min(this.firstSettled, at);
      }
    }
    this.settled = unionOf(settled);
  }

  match(name: string): JoinedMatch {
    const sets = new Set<readonly number[]>();
    if (this.settled.length > 0) sets.add(this.settled);
    let first = this.firstSettled;
    for (const [matcher, at] of this.dependent) {
      const matched = matcher.match(name);
      if (matched.length === 0) continue;
      sets.add(matched);
      first = Math.min(first, at);
    }
    return { watches: unionOf(sets), first: first === Number.POSITIVE_INFINITY ? undefined : first };
  }
}
