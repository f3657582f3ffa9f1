import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { NativeProbe } from '../probe/native-probe.js';
import { RecordView } from '../probe/record-view.js';

/**
 * Records handled before the space is given back and others get their turn. They take 3 ms. After a reload the engine throws
 * compiled code away, and until it has been compiled again they take ten times as long (140 ms for 1,024 records).
 */
const BATCH_RECORDS = 256;
/**
 * The same while the reader of the log is to be served in between: about as many lines as a pipe holds (64 KiB). By whole
 * batches such a reader would get a pipe's worth for each of them and no more, however fast it is.
 */
const SMALL_BATCH_RECORDS = 64;
/** Pause between two looks at a ring that is in use: what comes in between costs no wake-up. */
const PAUSE_MS = 20;
/** With so much of the ring in use after a batch that was not full, the next one follows at once, as after a full one. */
const HURRY_FRACTION = 1 / 16;

/** Room for a backlog, in rings: for 16 MiB 192 MiB, where some 700,000 deletions wait. */
const BACKLOG_RINGS = 12;
const BACKLOG_BYTES_MAX = 2 ** 30;
/** Pause before a backlog is asked for again that could not be had. */
const BACKLOG_RETRY_MS = 10_000;

/** How the output holds the drain back: not at all, to small batches, or until it has room again. */
export type Backpressure = 'none' | 'small' | 'wait';

export interface RingDrainOptions {
  readonly probe: NativeProbe;
  /** The size of the ring, of which a little is mapped twice. */
  readonly ringBytes: number;
  readonly handle: BatchHandler;
  /** Asked before every batch. */
  readonly backpressure: () => Backpressure;
  /** Something is wrong, and the drain goes on without it; each problem is reported once. */
  readonly onProblem: (message: string) => void;
}

/** Handles records at the first `count` offsets, and returns how many: at least one, when there is one. */
export type BatchHandler = (record: RecordView, offsets: Uint32Array, count: number) => number;

/**
 * Empties the ring. While nothing comes it sleeps in the event loop and costs nothing: the kernel wakes it for the
 * first record. From then on it looks every 20 ms by itself, in which time the kernel wakes no process, until a look finds
 * nothing: measured, a wake-up for each record would cost the deleting process ten times as much as the record.
 *
 * A flood is faster than the event loop, and other work can hold the loop up: a thread takes the records out of a ring
 * that fills up (see native/backlog.h), and they are handled from there until none is left.
 */
export class RingDrain {
  private readonly options: RingDrainOptions;
  private readonly probe: NativeProbe;
  private readonly record: RecordView;
  private readonly offsets = new Uint32Array(BATCH_RECORDS);
  private readonly smallOffsets = new Uint32Array(SMALL_BATCH_RECORDS);
  private readonly backlogBytes: number;
  /** Collected, and not handled in the turn that they were collected in. */
  private unhandled = new Uint32Array(0);
  /** There were as many to collect as fit. */
  private wasFull = false;
  private hasBacklog = false;
  private backlogRecord: RecordView | undefined;
  private backlogRetryAtMs = 0;
  private problem = '';
  private timer: NodeJS.Timeout | undefined;
  private immediate: NodeJS.Immediate | undefined;
  private stopped = false;
  /** Looks at the ring so far: tells a watchdog that the drain lives. */
  turns = 0;

  constructor(options: RingDrainOptions) {
    this.options = options;
    this.probe = options.probe;
    this.backlogBytes = Math.min(options.ringBytes * BACKLOG_RINGS, BACKLOG_BYTES_MAX);
    this.record = new RecordView(this.probe.ring());
    this.probe.onReadable(() => this.turn());
    this.startBacklog();
  }

  /** Records that can wait until some are lost, in bytes. */
  get capacityBytes(): number {
    const { ringBytes, backlogBytes } = this.capacities;
    return ringBytes + backlogBytes;
  }

  /** Sizes of the ring and of the backlog; 0: there is none. */
  get capacities(): { readonly ringBytes: number; readonly backlogBytes: number } {
    return { ringBytes: this.options.ringBytes, backlogBytes: this.hasBacklog ? this.backlogBytes : 0 };
  }

  start(): void {
    this.rest();
  }

  /**
   * Handles all that waits, for the last time: no more may come. Pauses while `mayGoOn` says that the output has no room,
   * and no longer than `deadlineMs` in all.
   */
  async finish(mayGoOn: () => boolean, deadlineMs: number): Promise<void> {
    this.stop();
    const untilMs = performance.now() + deadlineMs;
    for (;;) {
      this.turns += 1;
      if (mayGoOn() || performance.now() >= untilMs) {
        if (this.batch(this.offsets) === 0) return;
        // The output goes on in between.
        await nextTurn();
      } else {
        await sleep(PAUSE_MS);
      }
    }
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
    clearImmediate(this.immediate);
  }

  private turn(): void {
    this.turns += 1;
    if (this.stopped) return;
    const backpressure = this.options.backpressure();
    // Its thread takes records out of the ring: none may be half handled there.
    if (!this.hasBacklog && this.unhandled.length === 0 && performance.now() >= this.backlogRetryAtMs)
      this.startBacklog();
    const offsets = backpressure === 'small' ? this.smallOffsets : this.offsets;
    const handled = backpressure === 'wait' ? -1 : this.batch(offsets);
    if (handled === 0) {
      this.rest();
    } else if (handled > 0 && (this.mayHaveMore || this.isFilling(HURRY_FRACTION))) {
      this.immediate = setImmediate(() => this.turn());
    } else {
      this.timer = setTimeout(() => this.turn(), PAUSE_MS);
    }
  }

  private rest(): void {
    if (!this.probe.arm()) this.timer = setTimeout(() => this.turn(), PAUSE_MS);
  }

  private get mayHaveMore(): boolean {
    return this.unhandled.length > 0 || this.wasFull;
  }

  private isFilling(fraction: number): boolean {
    return this.probe.usedBytes() > this.options.ringBytes * fraction;
  }

  private startBacklog(): void {
    try {
      this.probe.startBacklog(this.backlogBytes);
      this.hasBacklog = true;
    } catch (error) {
      this.backlogRetryAtMs = performance.now() + BACKLOG_RETRY_MS;
      const problem = `a flood finds no room in memory: ${(error as Error).message}`;
      if (problem !== this.problem) this.options.onProblem(problem);
      this.problem = problem;
    }
  }

  /** The memory that holds what was collected. */
  private source(): RecordView {
    if (!this.probe.collectedInBacklog()) return this.record;
    this.backlogRecord ??= new RecordView(this.probe.backlog());
    return this.backlogRecord;
  }

  private batch(offsets: Uint32Array<ArrayBuffer>): number {
    if (this.unhandled.length === 0) {
      const count = this.probe.collect(offsets);
      this.wasFull = count === offsets.length;
      this.unhandled = offsets.subarray(0, count);
    }
    const { unhandled } = this;
    const handled = unhandled.length === 0 ? 0 : this.options.handle(this.source(), unhandled, unhandled.length);
    this.unhandled = unhandled.subarray(handled);
    // Also without records: discarded ones were passed.
    if (this.unhandled.length === 0) this.probe.release();
    return handled;
  }
}
