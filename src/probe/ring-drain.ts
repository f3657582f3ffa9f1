import type { NativeProbe } from './native-probe.js';
import { RecordView } from './record-view.js';

/** Records handled before the space is given back and others get their turn. */
const BATCH_RECORDS = 1024;
/**
 * The same while the reader of the log is to be served in between: about as many lines as a pipe holds (64 KiB). By whole
 * batches such a reader would get a pipe's worth for each of them and no more, however fast it is.
 */
const SMALL_BATCH_RECORDS = 64;
/** Pause between two looks at a ring that is in use: what comes in between costs nobody a wake-up. */
const PAUSE_MS = 20;
/** With so much of the ring in use after a batch, or after a small one that was full, the next one follows at once. */
const HURRY_FRACTION = 1 / 16;

/** How the drain may go on: by whole batches, by small ones, or not for now: the output is congested. */
export type Pace = 'full' | 'small' | 'wait';

export type BatchHandler = (record: RecordView, offsets: Uint32Array, count: number) => void;

/**
 * Empties the ring. While nothing comes it sleeps in the event loop and costs nothing: the kernel wakes it for the
 * first record. From then on it looks every 20 ms by itself, in which time the kernel wakes nobody, until a look finds
 * nothing: measured, a wake-up for each record would cost the deleting process ten times as much as the record.
 */
export class RingDrain {
  private readonly probe: NativeProbe;
  private readonly handle: BatchHandler;
  private readonly pace: () => Pace;
  private readonly record: RecordView;
  private readonly offsets = new Uint32Array(BATCH_RECORDS);
  private readonly smallOffsets = new Uint32Array(SMALL_BATCH_RECORDS);
  private readonly ringBytes: number;
  private timer: NodeJS.Timeout | undefined;
  private immediate: NodeJS.Immediate | undefined;
  private stopped = false;
  /** Looks at the ring so far: tells a watchdog that the drain lives. */
  turns = 0;

  /**
   * `ringBytes`: the size of the ring, of which a little is mapped twice. `pace` is asked before every batch.
   */
  constructor(probe: NativeProbe, ringBytes: number, handle: BatchHandler, pace: () => Pace) {
    this.probe = probe;
    this.handle = handle;
    this.pace = pace;
    this.ringBytes = ringBytes;
    this.record = new RecordView(probe.ring());
    probe.onReadable(() => this.turn());
  }

  start(): void {
    this.rest();
  }

  /** Handles what is in the ring now, however much; for shutdown and before a question about the counters. */
  drainNow(): void {
    while (this.batch(this.offsets) > 0);
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
    clearImmediate(this.immediate);
  }

  private turn(): void {
    this.turns += 1;
    if (this.stopped) return;
    const pace = this.pace();
    const offsets = pace === 'small' ? this.smallOffsets : this.offsets;
    const handled = pace === 'wait' ? -1 : this.batch(offsets);
    if (handled === 0) {
      this.rest();
    } else if ((pace === 'small' && handled === offsets.length) || (handled > 0 && this.isFilling())) {
      this.immediate = setImmediate(() => this.turn());
    } else {
      this.timer = setTimeout(() => this.turn(), PAUSE_MS);
    }
  }

  private rest(): void {
    if (!this.probe.arm()) this.timer = setTimeout(() => this.turn(), PAUSE_MS);
  }

  private isFilling(): boolean {
    return this.probe.usedBytes() > this.ringBytes * HURRY_FRACTION;
  }

  private batch(offsets: Uint32Array): number {
    const count = this.probe.collect(offsets);
    if (count > 0) this.handle(this.record, offsets, count);
    // Also without records: discarded ones were passed.
    this.probe.release();
    return count;
  }
}
