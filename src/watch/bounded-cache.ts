/** Keeps the most recently used values, as many as `weightMax` allows; every value weighs at least 1. */
export class BoundedCache<V> {
  private readonly weightMax: number;
  private readonly weigh: (value: V) => number;
  /** A Map iterates in order of insertion: the first key is the one not used for longest. */
  private readonly entries = new Map<string, V>();
  private weight = 0;
  /** The one asked for last, which most often is the next one, too. */
  private newestKey: string | undefined;
  private newest: V | undefined;

  constructor(weightMax: number, weigh: (value: V) => number) {
    this.weightMax = weightMax;
    this.weigh = weigh;
  }

  get size(): number {
    return this.entries.size;
  }

  get(key: string): V | undefined {
    if (key === this.newestKey) return this.newest;
    const value = this.entries.get(key);
    if (value === undefined) return undefined;
    this.entries.delete(key);
    this.entries.set(key, value);
    this.newestKey = key;
    this.newest = value;
    return value;
  }

  /** `key` must not be present. A value heavier than the whole cache is kept alone. */
  add(key: string, value: V): void {
    this.weight += this.weigh(value);
    for (const [oldKey, oldValue] of this.entries) {
      if (this.weight <= this.weightMax) break;
      this.entries.delete(oldKey);
      this.weight -= this.weigh(oldValue);
    }
    this.entries.set(key, value);
    this.newestKey = key;
    this.newest = value;
  }
}
