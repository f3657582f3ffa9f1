import type { ExcludeSet, Veto } from './exclude-set.js';
import type { InternedSets } from './interned-sets.js';
import type { Candidates } from './pattern-trie.js';
import type { SegmentIndex } from './segment-index.js';

/** Watches that share an include pattern and their excludes: they always match together. */
export interface Part {
  readonly id: number;
  readonly watches: readonly number[];
  readonly excludes: ExcludeSet | undefined;
}

/** Combinations of parts remembered per directory; names in one directory rarely produce more. */
const COMBINATIONS_MAX = 32;
/** A longer key would cost more memory than the repeated union costs time. */
const COMBINATION_KEY_LENGTH_MAX = 256;
/** Exclude sets remembered per directory, for parts that match only some names. */
const VETOES_MAX = 256;

/** Everything about one directory that does not depend on the name is worked out in the constructor. */
export class DirectoryMatcher {
  /** How much the matcher holds, for the bounds of the cache. */
  readonly weight: number;
  private readonly sets: InternedSets;
  private readonly directories: readonly string[];
  private readonly headMissing: boolean;
  /** Watches that match every name here. */
  private readonly settled: readonly number[];
  /** Parts that match every name here but those that their excludes veto. */
  private readonly vetoable: readonly { readonly part: Part; readonly veto: (name: string) => boolean }[];
  private readonly dependent: readonly SegmentIndex<readonly Part[]>[];
  private readonly vetoes = new Map<ExcludeSet, Veto>();
  private readonly combinations = new Map<string, readonly number[]>();

  /** `candidates`: of the include patterns. `headMissing`: as in ExcludeSet.veto. */
  constructor(
    directories: readonly string[],
    headMissing: boolean,
    candidates: Candidates<readonly Part[]>,
    sets: InternedSets,
  ) {
    this.sets = sets;
    this.directories = directories;
    this.headMissing = headMissing;
    this.dependent = candidates.dependent;
    const settled: Part[] = [];
    const vetoable: { part: Part; veto: (name: string) => boolean }[] = [];
    for (const part of candidates.constant.flat()) {
      const veto = this.vetoOf(part);
      if (veto === false) settled.push(part);
      else if (veto !== true) vetoable.push({ part, veto });
    }
    const only = settled.length === 1 ? settled[0] : undefined;
    this.settled =
      only?.watches ??
      sets.intern(
        settled.flatMap((part) => part.watches),
        'runtime',
      );
    this.vetoable = vetoable;
    this.weight = 1 + vetoable.length + this.dependent.length;
  }

  /** What match() returns for every name; undefined: it depends. */
  get forEveryName(): readonly number[] | undefined {
    return this.vetoable.length === 0 && this.dependent.length === 0 ? this.settled : undefined;
  }

  /** Indexes of the watches that match this name, rising; equal sets are the same array (see InternedSets). */
  match(name: string): readonly number[] {
    const { forEveryName } = this;
    if (forEveryName !== undefined) return forEveryName;
    const parts: Part[] = [];
    for (const { part, veto } of this.vetoable) if (!veto(name)) parts.push(part);
    for (const index of this.dependent) {
      index.forEachDependent(name, (matching) => {
        for (const part of matching) if (!this.isVetoed(part, name)) parts.push(part);
      });
    }
    return this.union(parts);
  }

  private vetoOf(part: Part): Veto {
    if (part.excludes === undefined) return false;
    const known = this.vetoes.get(part.excludes);
    if (known !== undefined) return known;
    const veto = part.excludes.veto(this.directories, this.headMissing);
    if (this.vetoes.size >= VETOES_MAX) this.vetoes.clear();
    this.vetoes.set(part.excludes, veto);
    return veto;
  }

  private isVetoed(part: Part, name: string): boolean {
    const veto = this.vetoOf(part);
    return typeof veto === 'boolean' ? veto : veto(name);
  }

  private union(parts: readonly Part[]): readonly number[] {
    const first = parts[0];
    if (first === undefined) return this.settled;
    if (parts.length === 1 && this.settled.length === 0) return first.watches;
    const key = parts.map((part) => part.id).join();
    const known = this.combinations.get(key);
    if (known !== undefined) return known;
    const union = this.sets.intern([...this.settled, ...parts.flatMap((part) => part.watches)], 'runtime');
    if (key.length <= COMBINATION_KEY_LENGTH_MAX) {
      if (this.combinations.size >= COMBINATIONS_MAX) this.combinations.clear();
      this.combinations.set(key, union);
    }
    return union;
  }
}
