import type { Glob } from './glob.js';
import { PatternTrie, type Rest, type TrieWalk } from './pattern-trie.js';

/** Whether the excludes veto a name in one directory: settled for all of its names, or to be asked name by name. */
export type Veto = boolean | ((name: string) => boolean);

/** Whether a pattern that is left here matches all that lies below, at any depth. */
function holdsAll<T>(rest: Rest<T>): boolean {
  for (const node of rest) if (node.atAnyDepth && node.names?.constant !== undefined) return true;
  return false;
}

/** The exclude patterns of a watch; watches with the same patterns share one set, so each directory is judged once. */
export class ExcludeSet {
  private readonly trie = new PatternTrie<true>();

  constructor(globs: readonly Glob[]) {
    for (const glob of globs) this.trie.getOrAdd(glob, () => true);
  }

  /** Directories with the same candidates on this walk have the same veto(). */
  walk(): TrieWalk<true> {
    return this.trie.walk();
  }

  /** Whether the excludes veto all that lies below a directory, as far as one pattern says so. `headMissing`: as in veto(). */
  vetoesAllBelow(directories: readonly string[], headMissing: boolean): boolean {
    return holdsAll(headMissing ? this.trie.restEverywhere(directories) : this.trie.rest(directories));
  }

  /** `headMissing`: it is not known what leads to the first of `directories`; only what holds wherever that is, counts. */
  veto(directories: readonly string[], headMissing: boolean): Veto {
    const { constant, dependent } = headMissing
      ? this.trie.candidatesEverywhere(directories)
      : this.trie.candidates(directories);
    if (constant.length > 0) return true;
    if (dependent.length === 0) return false;
    return (name) => {
      let vetoed = false;
      for (const index of dependent) {
        index.forEachDependent(name, () => {
          vetoed = true;
        });
      }
      return vetoed;
    };
  }
}
