export interface TopCount {
  readonly key: string;
  readonly count: number;
}

interface Counter {
  readonly key: string;
  count: number;
}

/** Counts by key, in bounded memory: beyond `max` keys the smaller half is dropped, and counts may be too low from then on. */
export class TopCounts {
  private readonly counters = new Map<string, Counter>();
  private last: Counter = { key: '', count: 0 };
  /** Keys were dropped: counts are lower bounds. */
  dropped = false;

  constructor(private readonly max: number) {}

  add(key: string): void {
    // Most deletions in a row are alike.
    if (key !== this.last.key || this.last.count === 0) this.last = this.counter(key);
    this.last.count += 1;
  }

  /** The greatest first; equal ones by their keys. */
  top(count: number): TopCount[] {
    return [...this.counters.values()]
      .sort((a, b) => b.count - a.count || (a.key < b.key ? -1 : 1))
      .slice(0, count)
      .map(({ key, count: value }) => ({ key, count: value }));
  }

  private counter(key: string): Counter {
    let counter = this.counters.get(key);
    if (counter === undefined) {
      if (this.counters.size >= this.max) this.drop();
      counter = { key, count: 0 };
      this.counters.set(key, counter);
    }
    return counter;
  }

  private drop(): void {
    this.dropped = true;
    const counters = [...this.counters.values()].sort((a, b) => a.count - b.count);
    for (const { key } of counters.slice(0, Math.ceil(this.max / 2))) this.counters.delete(key);
  }
}
