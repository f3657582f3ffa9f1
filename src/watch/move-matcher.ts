import type { Part } from './directory-matcher.js';
import type { ExcludeSet } from './exclude-set.js';
import { namesOf } from './glob.js';
import type { Node, PatternTrie, Rest, TrieWalk } from './pattern-trie.js';

/** A directory in latin1 view, '' for the root; `cut`: the names that lead to its first one are missing. */
export interface MovedDirectory {
  readonly path: string;
  readonly cut: boolean;
}

/** A directory by every path that leads to it, where it was and where it is now. */
export interface MovedPaths {
  readonly from: readonly MovedDirectory[];
  readonly to: readonly MovedDirectory[];
  /** Both lie in one directory, so that names which are missing are the same. */
  readonly isBeside: boolean;
}

interface Names {
  readonly names: readonly string[];
  readonly cut: boolean;
}

const NO_PARTS: readonly Part[] = [];

/** Asks of a directory that moves which watches lose what may lie below it. */
export class MoveMatcher {
  /** By node, the parts that have excludes; most have none. */
  private readonly excluding = new WeakMap<Node<readonly Part[]>, readonly Part[]>();

  constructor(private readonly trie: PatternTrie<readonly Part[]>) {}

  /**
   * Indexes of the watches, rising, that could want something below one of the old places and not at any of the new: a
   * pattern that goes on below the old one does not below the new, or the excludes hold for all of the new. A wildcard
   * goes on at both places alike; a pattern that names the directory does not.
   */
  lostBelow({ from, to, isBeside }: MovedPaths): readonly number[] {
    const places = to.map(withNames);
    const walk = this.trie.walk();
    const kept = new Set<Node<readonly Part[]>>();
    for (const place of places) {
      for (const node of this.restFor(walk, place, isBeside ? 'perhaps' : 'surely')) kept.add(node);
    }
    const lost = new Set<number>();
    const shutOut = new Map<ExcludeSet, boolean>();
    /** By node, its parts of which no old place has been found yet that their excludes leave. */
    const open = new Map<Node<readonly Part[]>, readonly Part[]>();
    for (const place of from.map(withNames)) {
      for (const node of this.restFor(walk, place, 'perhaps')) {
        let parts = open.get(node);
        if (parts === undefined) parts = kept.has(node) ? this.shutOutParts(node, places, shutOut) : node.values.flat();
        open.set(node, parts.length === 0 ? NO_PARTS : addLost(parts, place, lost));
      }
    }
    return [...lost].sort((a, b) => a - b);
  }

  /** Indexes of the watches, rising, whose patterns lead through one of the directories by names without wildcards. */
  namedBelow({ from }: MovedPaths): readonly number[] {
    const named = new Set<number>();
    for (const { names, cut } of from.map(withNames)) {
      const parts = cut ? [] : (this.trie.restByName(names)?.values.flat() ?? []);
      for (const part of parts) {
        if (part.excludes?.vetoesAllBelow(names, cut) === true) continue;
        for (const watch of part.watches) named.add(watch);
      }
    }
    return [...named].sort((a, b) => a - b);
  }

  private restFor(
    walk: TrieWalk<readonly Part[]>,
    { names, cut }: Names,
    how: 'surely' | 'perhaps',
  ): Rest<readonly Part[]> {
    if (!cut) return walk.rest(names);
    return how === 'surely' ? this.trie.restEverywhere(names) : this.trie.restAnywhere(names);
  }

  /** Parts that go on below the node, but whose excludes hold at all of the places. `known`: of sets that were asked. */
  private shutOutParts(
    node: Node<readonly Part[]>,
    places: readonly Names[],
    known: Map<ExcludeSet, boolean>,
  ): readonly Part[] {
    return this.partsWithExcludes(node).filter(({ excludes }) => {
      let isShutOut = known.get(excludes!);
      if (isShutOut === undefined) {
        isShutOut = places.every(({ names, cut }) => excludes!.vetoesAllBelow(names, cut));
        known.set(excludes!, isShutOut);
      }
      return isShutOut;
    });
  }

  private partsWithExcludes(node: Node<readonly Part[]>): readonly Part[] {
    let parts = this.excluding.get(node);
    if (parts === undefined) {
      parts = node.values.flat().filter(({ excludes }) => excludes !== undefined);
      this.excluding.set(node, parts);
    }
    return parts;
  }
}

function withNames({ path, cut }: MovedDirectory): Names {
  return { names: namesOf(path), cut };
}

/** Adds the watches of the parts that are not excluded below the place. Returns the other parts. */
function addLost(parts: readonly Part[], { names, cut }: Names, lost: Set<number>): readonly Part[] {
  const vetoes = new Map<ExcludeSet, boolean>();
  return parts.filter(({ excludes, watches }) => {
    if (excludes !== undefined) {
      let isVetoed = vetoes.get(excludes);
      if (isVetoed === undefined) {
        isVetoed = excludes.vetoesAllBelow(names, cut);
        vetoes.set(excludes, isVetoed);
      }
      if (isVetoed) return true;
    }
    for (const watch of watches) lost.add(watch);
    return false;
  });
}
