/** Ids held by sets that came up while running; the sets found when the configuration was loaded are not counted. */
const RUNTIME_IDS_MAX = 1_000_000;

/**
 * Gives equal sets of watches the same array, so that callers can keep what they derive from a set in a WeakMap.
 *
 * Names chosen by an attacker can produce many sets, so sets seen only while running are forgotten when they become too many.
 * An equal set may then come as a new array: identity is good as a cache key, not as a test for equality.
 */
export class InternedSets {
  readonly empty: readonly number[] = Object.freeze([]);
  private readonly permanent = new Map<string, readonly number[]>();
  private readonly runtime = new Map<string, readonly number[]>();
  private runtimeIds = 0;

  /** `ids` in any order, repetitions allowed. */
  intern(ids: readonly number[], lifetime: 'permanent' | 'runtime'): readonly number[] {
    if (ids.length === 0) return this.empty;
    const sorted = [...new Set(ids)].sort((a, b) => a - b);
    const key = sorted.join();
    const known = this.permanent.get(key) ?? this.runtime.get(key);
    if (known !== undefined) return known;
    Object.freeze(sorted);
    if (lifetime === 'permanent') {
      this.permanent.set(key, sorted);
      return sorted;
    }
    if (this.runtimeIds + sorted.length > RUNTIME_IDS_MAX) {
      this.runtime.clear();
      this.runtimeIds = 0;
    }
    this.runtime.set(key, sorted);
    this.runtimeIds += sorted.length;
    return sorted;
  }
}
