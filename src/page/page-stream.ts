import type { Writable } from 'node:stream';
import { streamEvent } from './page-messages.js';

/** What waits for one browser, and what it did not get. */
export class PageStream {
  readonly id: number;
  private readonly limitBytes: number;
  private out: Writable | undefined;
  private missed = 0;
  private told = 0;

  constructor(id: number, limitBytes: number) {
    this.id = id;
    this.limitBytes = limitBytes;
  }

  /** `onGone` is called once: when the connection is over, or at once when it is over already. */
  open(out: Writable, onGone: () => void): void {
    this.out = out;
    if (out.destroyed) {
      onGone();
      return;
    }
    out.on('error', () => {});
    out.once('close', onGone);
  }

  /** Rows, or nothing when more waits than may: then they are counted as missed. */
  rows(text: string, rows: number): void {
    if (!this.write(text)) this.miss(rows);
  }

  /** Something that a later one makes up for. */
  state(text: string): void {
    // What was missed is part of the state, and told as soon as there is room.
    const news = this.told === this.missed ? '' : streamEvent('missed', { lines: this.missed });
    const { missed } = this;
    if (this.write(news + text)) this.told = missed;
  }

  miss(lines: number): void {
    this.missed += lines;
  }

  /** Lets it read what waits, and ends it. */
  end(): void {
    this.out?.end();
  }

  private write(text: string): boolean {
    const { out } = this;
    if (out === undefined || out.writableEnded) return false;
    // A character may take three bytes; that is near enough for a bound.
    if (out.writableLength + text.length > this.limitBytes) return false;
    if (text !== '') out.write(text);
    return true;
  }
}
