import { setTimeout as sleep } from 'node:timers/promises';

/** Least time between two makings: a scraper waits at most so much longer when another one was just served. */
const INTERVAL_MS = 250;

/**
 * A text that is dear to make, for many who ask at once: it is made at most once in 250 ms, from a state that is not older
 * than any of the requests that share it, and its bytes are in memory once however many clients read them slowly.
 */
export class SharedText {
  private next: Promise<Buffer> | undefined;
  private madeAtMs = Number.NEGATIVE_INFINITY;
  private making: Promise<unknown> = Promise.resolve();

  constructor(private readonly make: () => Promise<string>) {}

  /** Rejects when the text cannot be made; the next call tries again. */
  bytes(): Promise<Buffer> {
    this.next ??= this.makeWhenDue();
    return this.next;
  }

  private async makeWhenDue(): Promise<Buffer> {
    await this.making.catch(() => {});
    const waitMs = this.madeAtMs + INTERVAL_MS - performance.now();
    if (waitMs > 0) await sleep(waitMs);
    // Whoever asks from here on has to see what happens from here on.
    this.next = undefined;
    const making = this.make();
    this.making = making;
    try {
      return Buffer.from(await making);
    } finally {
      this.madeAtMs = performance.now();
    }
  }
}
