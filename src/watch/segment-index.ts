import type { SegmentPattern } from './segment-pattern.js';

interface Entry<T> {
  readonly pattern: SegmentPattern;
  readonly value: T;
}

/**
 * Many patterns of one name, each with a value: finds the values of all patterns that match a name without trying them all.
 *
 * Literals are looked up, patterns with a fixed beginning or end are looked up by it; only patterns that begin and end with a
 * wildcard (`*a*`, `[ab]*`) have to be tried one by one.
 */
export class SegmentIndex<T> {
  /** The value of `*`: what every name gets. */
  constant: T | undefined;
  // Made when they are needed: ten thousand patterns have tens of thousands of indexes, nearly all of a single literal.
  private literals: Map<string, T> | undefined;
  /** All others but `*`, by their keys. */
  private byKey: Map<string, T> | undefined;
  private prefixes: AffixTable<T> | undefined;
  private suffixes: AffixTable<T> | undefined;
  private others: Entry<T>[] | undefined;

  /** Whether some names get more than `constant`. */
  get dependsOnName(): boolean {
    return this.literals !== undefined || this.byKey !== undefined;
  }

  getOrAdd(pattern: SegmentPattern, make: () => T): T {
    if (pattern.matchesAll) {
      this.constant ??= make();
      return this.constant;
    }
    const known = pattern.literal === undefined ? this.byKey?.get(pattern.key) : this.literals?.get(pattern.literal);
    if (known !== undefined) return known;
    const value = make();
    if (pattern.literal !== undefined) {
      this.literals ??= new Map();
      this.literals.set(pattern.literal, value);
      return value;
    }
    this.byKey ??= new Map();
    this.byKey.set(pattern.key, value);
    if (pattern.prefix !== '') {
      this.prefixes ??= new AffixTable();
      this.prefixes.add(pattern.prefix, { pattern, value });
    } else if (pattern.suffix !== '') {
      this.suffixes ??= new AffixTable();
      this.suffixes.add(pattern.suffix, { pattern, value });
    } else {
      this.others ??= [];
      this.others.push({ pattern, value });
    }
    return value;
  }

  /** The value of the pattern that is this name and has no wildcard. */
  literal(name: string): T | undefined {
    return this.literals?.get(name);
  }

  /** The values of all patterns. */
  *values(): Iterable<T> {
    if (this.constant !== undefined) yield this.constant;
    if (this.literals !== undefined) yield* this.literals.values();
    if (this.byKey !== undefined) yield* this.byKey.values();
  }

  /** Hands out the values of all patterns but `*` that match the name. */
  forEachDependent(name: string, visit: (value: T) => void): void {
    const literal = this.literals?.get(name);
    if (literal !== undefined) visit(literal);
    if (this.byKey === undefined) return;
    for (const length of this.prefixes?.lengths ?? []) {
      if (length > name.length) break;
      visitMatching(this.prefixes!.get(name.slice(0, length)), name, visit);
    }
    for (const length of this.suffixes?.lengths ?? []) {
      if (length > name.length) break;
      visitMatching(this.suffixes!.get(name.slice(name.length - length)), name, visit);
    }
    visitMatching(this.others ?? [], name, visit);
  }
}

function visitMatching<T>(entries: readonly Entry<T>[], name: string, visit: (value: T) => void): void {
  for (const entry of entries) if (entry.pattern.matches(name)) visit(entry.value);
}

class AffixTable<T> {
  /** Distinct lengths of the affixes, rising: how many look-ups a name costs. */
  readonly lengths: number[] = [];
  private readonly entries = new Map<string, Entry<T>[]>();

  add(affix: string, entry: Entry<T>): void {
    const entries = this.entries.get(affix);
    if (entries !== undefined) {
      entries.push(entry);
      return;
    }
    this.entries.set(affix, [entry]);
    if (this.lengths.includes(affix.length)) return;
    this.lengths.push(affix.length);
    this.lengths.sort((a, b) => a - b);
  }

  get(affix: string): readonly Entry<T>[] {
    return this.entries.get(affix) ?? [];
  }
}
