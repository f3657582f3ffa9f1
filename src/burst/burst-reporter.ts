import { type BurstLineParts, burstLine } from '../event/burst-line.js';
import type { BurstAction } from '../event/event-words.js';
import type { BootTime } from '../model/clocks.js';
import type { AttachMode, BurstSettings } from '../model/config.js';
import { Timestamps } from '../text/timestamps.js';
import type { Burst, Tracker } from './tracker.js';

/** Lines that wait for a log without room, some 2 KB each. */
const WAITING_MAX = 2_048;

/** A burst at a moment. */
export interface BurstMoment {
  readonly burst: Burst;
  readonly settings: BurstSettings;
  /** Since boot. */
  readonly nowSeconds: number;
  readonly boot: BootTime;
}

export interface BurstReporterOptions {
  readonly attach: AttachMode;
  /** The host part of lines at this moment, as JSON. */
  hostJson(): string;
  /** Writes a line that is no event; false: there is no room now. */
  notice(line: string): boolean;
  onProblem(message: string): void;
}

/** Makes the lines about bursts, and keeps them until the log has room. */
export class BurstReporter {
  private readonly options: BurstReporterOptions;
  private readonly timestamps = new Timestamps();
  private waiting: string[] = [];
  private isFull = false;

  constructor(options: BurstReporterOptions) {
    this.options = options;
  }

  /** Makes a line, which write() writes. Does nothing for a watch that wants no lines. */
  add(
    action: BurstAction,
    { origin, originId, tally }: Pick<Tracker, 'origin' | 'originId' | 'tally'>,
    { burst, settings, nowSeconds, boot }: BurstMoment,
  ): void {
    const { actor } = burst;
    if (actor === undefined || tally === undefined) return;
    if (this.waiting.length >= WAITING_MAX) {
      if (!this.isFull) this.options.onProblem('the log takes no lines: not all mass deletions are told there');
      this.isFull = true;
      return;
    }
    this.isFull = false;
    const { attach } = this.options;
    const parts: BurstLineParts = {
      ...tally.report(),
      actor,
      attach,
      ...settings,
      at: this.timeOf(nowSeconds, boot),
      start: this.timeOf(burst.startSeconds, boot),
      end: this.timeOf(burst.lastSeconds, boot),
      seconds: burst.lastSeconds - burst.startSeconds,
      host: JSON.parse(this.options.hostJson()) as BurstLineParts['host'],
      watch: burst.watch,
      number: burst.number,
      by: origin,
      origin: originId,
      operations: burst.operations,
      freedBytes: burst.freedBytes,
      folded: burst.folded,
    };
    this.waiting.push(burstLine(action, parts));
  }

  /** Writes what waits, as far as the log has room. */
  write(): void {
    if (this.waiting.length === 0) return;
    const untaken = this.waiting.findIndex((line) => !this.options.notice(line));
    this.waiting = untaken < 0 ? [] : this.waiting.slice(untaken);
  }

  private timeOf(seconds: number, boot: BootTime): string {
    const whole = Math.floor(seconds);
    return this.timestamps.sinceBoot(whole, Math.floor((seconds - whole) * 1e9), boot);
  }
}
