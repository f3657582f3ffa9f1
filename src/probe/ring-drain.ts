import type { NativeProbe } from './native-probe.js';
import { RecordView } from './record-view.js';

/** Records handled before the space is given back and others get their turn. */
const BATCH_RECORDS = 1024;
/** Pause between two looks at a ring that is in use: what comes in between costs nobody a wake-up. */
const PAUSE_MS = 20;
/** With so much of the ring in use after a batch the next one follows without a pause. */
const HURRY_FRACTION = 1 / 16;

export type BatchHandler = (record: RecordView, offsets: Uint32Array, count: number) => void;

/**
 * Empties the ring. While nothing comes it sleeps in the event loop and costs nothing: the kernel wakes it for the
 * first record. From then on it looks every 20 ms by itself, in which time the kernel wakes nobody, until a look finds
 * nothing: measured, a wake-up for each record would cost the deleting process ten times as much as the record.
 */
export class RingDrain {
  private readonly probe: NativeProbe;
  private readonly handle: BatchHandler;
  private readonly mayContinue: () => boolean;
  private readonly record: RecordView;
  private readonly offsets = new Uint32Array(BATCH_RECORDS);
  private readonly ringBytes: number;
  private timer: NodeJS.Timeout | undefined;
  private immediate: NodeJS.Immediate | undefined;
  private stopped = false;
  /** Looks at the ring so far: tells a watchdog that the drain lives. */
  turns = 0;

  /**
   * `ringBytes`: the size of the ring, of which a little is mapped twice. `mayContinue` false leaves records in the ring
   * for now: their output is congested.
   */
  constructor(probe: NativeProbe, ringBytes: number, handle: BatchHandler, mayContinue: () => boolean) {
    this.probe = probe;
    this.handle = handle;
    this.mayContinue = mayContinue;
    this.ringBytes = ringBytes;
    this.record = new RecordView(probe.ring());
    probe.onReadable(() => this.turn());
  }

  start(): void {
    this.rest();
  }

  /** Handles what is in the ring now, however much; for shutdown and before a question about the counters. */
  drainNow(): void {
    while (this.batch() > 0);
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
    clearImmediate(this.immediate);
  }

  private turn(): void {
    this.turns += 1;
    if (this.stopped) return;
    const handled = this.mayContinue() ? this.batch() : -1;
    if (handled === 0) {
      this.rest();
    } else if (handled > 0 && this.probe.usedBytes() > this.ringBytes * HURRY_FRACTION) {
      this.immediate = setImmediate(() => this.turn());
    } else {
      this.timer = setTimeout(() => this.turn(), PAUSE_MS);
    }
  }

  private rest(): void {
    if (!this.probe.arm()) this.timer = setTimeout(() => this.turn(), PAUSE_MS);
  }

  private batch(): number {
    const count = this.probe.collect(this.offsets);
    if (count > 0) this.handle(this.record, this.offsets, count);
    // Also without records: discarded ones were passed.
    this.probe.release();
    return count;
  }
}
