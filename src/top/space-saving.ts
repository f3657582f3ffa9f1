/** One of the most frequent keys. */
export interface FrequentKey {
  readonly key: string;
  /** At least `count - error`, at most `count`. */
  readonly count: number;
  readonly error: number;
  /** Of what was counted since the key came into memory: a lower bound. */
  readonly freedBytes: number;
}

interface Counter {
  count: number;
  readonly error: number;
  freedBytes: number;
}

/**
 * Counts the most frequent of any number of keys in bounded memory: the Space-Saving algorithm (Metwally, Agrawal, El Abbadi,
 * 2005). Up to `capacity` keys are exact; beyond, a new key takes the place of the rarest one, and inherits its count as an
 * error. Each step takes constant time.
 */
export class SpaceSaving {
  private readonly counters = new Map<string, Counter>();
  /** Keys by their count, so that a rarest one is found at once. */
  private readonly byCount = new Map<number, Set<string>>();
  private least = 1;

  constructor(private readonly capacity: number) {}

  add(key: string, freedBytes: number): void {
    const known = this.counters.get(key);
    if (known !== undefined) {
      this.move(key, known.count, known.count + 1);
      known.count += 1;
      known.freedBytes += freedBytes;
      return;
    }
    const error = this.counters.size < this.capacity ? 0 : this.dropRarest();
    this.counters.set(key, { count: error + 1, error, freedBytes });
    this.put(key, error + 1);
    this.least = error === 0 ? 1 : this.leastFrom(error);
  }

  /** In no order. */
  keys(): FrequentKey[] {
    return [...this.counters].map(([key, counter]) => ({ key, ...counter }));
  }

  /** Returns the count that it had. */
  private dropRarest(): number {
    const count = this.least;
    const [rarest] = this.byCount.get(count)!;
    this.take(rarest!, count);
    this.counters.delete(rarest!);
    return count;
  }

  private move(key: string, from: number, to: number): void {
    this.take(key, from);
    this.put(key, to);
    if (from === this.least) this.least = this.leastFrom(from);
  }

  /** Counts rise by one, so that the next one is never far. */
  private leastFrom(count: number): number {
    return this.byCount.has(count) ? count : count + 1;
  }

  private put(key: string, count: number): void {
    const keys = this.byCount.get(count);
    if (keys === undefined) this.byCount.set(count, new Set([key]));
    else keys.add(key);
  }

  private take(key: string, count: number): void {
    const keys = this.byCount.get(count)!;
    keys.delete(key);
    if (keys.size === 0) this.byCount.delete(count);
  }
}
