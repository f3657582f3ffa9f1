import { LineQueue } from './line-queue.js';
import { OutputHealth, type OutputHealthCallbacks } from './output-health.js';
import type { OutputTarget } from './output-target.js';
import { PENDING, REMOVED, type Sink, type WriteDone } from './sink.js';

export interface EventWriterOptions extends OutputHealthCallbacks {
  readonly target: OutputTarget;
  /** Most bytes that wait for a slow reader; memory is taken only as they do. */
  readonly queueBytes?: number;
  /** After this long without progress the reader is taken for stuck, and waiting for it for pointless. */
  readonly stallMs?: number;
  /** Pause between two attempts after an error. */
  readonly retryMs?: number;
}

const DEFAULT_QUEUE_BYTES = 64 * 1024 * 1024;
/** With more than this waiting, events had better stay records, of which the same memory holds five times as many. */
const CONGESTED_BYTES = 8 * 1024 * 1024;
const DEFAULT_STALL_MS = 5_000;
const DEFAULT_RETRY_MS = 1_000;

/** Bytes written to a reader that is as fast as we are before the rest of the program gets its turn. */
const BYTES_PER_TURN = 1 << 20;
const FLUSH_NOW_MS = 200;
const FLUSH_NOW_PAUSE_MS = 2;

const READER_GONE: ReadonlySet<string> = new Set(['EPIPE', 'ECONNRESET', 'ENXIO']);

/**
 * Writes event lines in order, without ever waiting for the reader, and with bounded memory. Only whole lines are lost,
 * and every line is at every moment in exactly one of `writtenLines`, `queuedLines` and `lostLines`; notices, which are no
 * events, are in none of them.
 */
export class EventWriter {
  private readonly target: OutputTarget;
  private readonly queue: LineQueue;
  private readonly health: OutputHealth;
  private readonly stallMs: number;
  private readonly retryMs: number;
  private sink: Sink;
  /** Opened by `reopen`, waiting for the line that the old one has begun. */
  private nextSink: Sink | undefined;
  /** Bytes of the write that is under way; 0 for none. */
  private pendingBytes = 0;
  private lastProgressMs = 0;
  private stalled = false;
  private failed = false;
  private readerGone = false;
  private closed = false;
  private retryAtMs = 0;
  /** When a removed file was last followed by another one. */
  private renewedAtMs = Number.NEGATIVE_INFINITY;
  private retryTimer: NodeJS.Timeout | undefined;
  private stallTimer: NodeJS.Timeout | undefined;
  private turn: NodeJS.Immediate | undefined;
  private flushWaiters: (() => void)[] = [];

  /** Throws when the target cannot be opened. */
  constructor(options: EventWriterOptions) {
    this.target = options.target;
    this.queue = new LineQueue(options.queueBytes ?? DEFAULT_QUEUE_BYTES);
    this.health = new OutputHealth(options);
    this.stallMs = options.stallMs ?? DEFAULT_STALL_MS;
    this.retryMs = options.retryMs ?? DEFAULT_RETRY_MS;
    this.sink = this.target.open();
  }

  /** Lines that the kernel took. */
  get writtenLines(): number {
    return this.queue.takenLines;
  }

  get queuedLines(): number {
    return this.queue.lines;
  }

  get lostLines(): number {
    return this.health.lostLines;
  }

  get backlogBytes(): number {
    return this.queue.bytes;
  }

  /**
   * Whether the caller had better leave events where they are for a while. Never true of an output that fails or is
   * stuck: a log that nobody reads must not stop the counting.
   */
  get congested(): boolean {
    return !this.failed && !this.stalled && this.queue.bytes > Math.min(CONGESTED_BYTES, this.queue.limitBytes / 2);
  }

  /** As `congested`, with little room left. */
  get nearlyFull(): boolean {
    return !this.failed && !this.stalled && this.queue.bytes > this.queue.limitBytes * 0.75;
  }

  /** A reader takes what is written, and more waits for it: it gets the rest sooner if the caller pauses in between. */
  get awaitsReader(): boolean {
    return this.pendingBytes > 0 && !this.sink.pendingSurvivesExit;
  }

  /**
   * Takes the first `length` bytes of `chunk`: `lines` whole lines, each ended by a newline. The chunk is the caller's
   * again when this returns. Returns how many lines were taken; the others are lost, and counted.
   */
  writeChunk(chunk: Buffer, length: number, lines: number): number {
    if (this.closed || (this.discards && performance.now() < this.retryAtMs)) {
      this.health.lose(lines);
      return 0;
    }
    const wasEmpty = this.queue.bytes === 0;
    const taken = this.queue.append(chunk, length, lines);
    if (taken < lines) this.overflow(lines - taken);
    if (wasEmpty) this.lastProgressMs = performance.now();
    this.pump();
    return taken;
  }

  /** For single lines, without their newline. */
  writeLine(line: string): boolean {
    const chunk = Buffer.from(`${line}\n`);
    return this.writeChunk(chunk, chunk.length, 1) === 1;
  }

  /**
   * Writes a line about the events, without its newline, that counts neither as written nor as lost. False when it cannot
   * be taken now: it had better be said again later, since losing it would tell nobody anything.
   */
  writeNotice(line: string): boolean {
    if (this.closed || this.discards) return false;
    const wasEmpty = this.queue.bytes === 0;
    if (!this.queue.appendNotice(Buffer.from(`${line}\n`))) return false;
    if (wasEmpty) this.lastProgressMs = performance.now();
    this.pump();
    return true;
  }

  /**
   * Goes over to the file that now has the target's name, as logrotate wants. Opens it first and throws when that fails,
   * so that the old one stays in use; a line that the old one has begun is finished there.
   */
  reopen(): void {
    if (!this.target.named || this.closed) return;
    const opened = this.target.open();
    this.nextSink?.close();
    this.nextSink = opened;
    if (this.pendingBytes > 0) return;
    if (this.failed) this.abandonSink();
    this.pump();
  }

  /**
   * To be called about once a second: opens a log file that somebody removed anew also while there is nothing to write.
   * A write finds out by itself.
   */
  lookForTarget(): void {
    if (this.closed || this.failed || this.pendingBytes > 0) return;
    const { sink } = this;
    sink.lookForName((error) => {
      if (error && sink === this.sink && !this.closed && !this.failed && this.pendingBytes === 0) this.fail(error);
    });
  }

  /** Resolves to true as soon as everything is written, to false after `deadlineMs` or when the output fails. */
  flush(deadlineMs: number): Promise<boolean> {
    this.retry();
    if (this.flushEnded) return Promise.resolve(this.queue.bytes === 0);
    return new Promise((resolve) => {
      const finish = () => {
        clearTimeout(deadline);
        resolve(this.queue.bytes === 0);
      };
      const deadline = setTimeout(() => {
        this.flushWaiters = this.flushWaiters.filter((waiter) => waiter !== finish);
        finish();
      }, deadlineMs);
      this.flushWaiters.push(finish);
    });
  }

  /** For a process that is about to die: writes what can be written without the event loop, then closes. */
  flushSync(deadlineMs = FLUSH_NOW_MS): void {
    if (this.closed) return;
    if (this.pendingBytes > 0 && this.sink.pendingSurvivesExit) this.queue.take(this.pendingBytes);
    try {
      this.writeAllNow(performance.now() + deadlineMs);
    } catch {
      // The reason is the same that a report would meet on its way out; what is left counts as lost.
    }
    this.close();
  }

  /** Gives up what is still queued. A second call is harmless. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    clearTimeout(this.retryTimer);
    clearTimeout(this.stallTimer);
    clearImmediate(this.turn);
    this.health.lose(this.queue.clear());
    this.sink.close();
    this.nextSink?.close();
    this.endFlush();
  }

  /** An inherited pipe whose reader is gone hardly gets another one, so nothing is kept for it. */
  get discards(): boolean {
    return this.failed && this.readerGone && !this.target.named;
  }

  private get flushEnded(): boolean {
    return this.queue.bytes === 0 || this.closed || (this.failed && this.pendingBytes === 0);
  }

  private pump(): void {
    if (this.pendingBytes > 0 || this.closed || (this.failed && !this.mayRetry())) return;
    for (let budget = BYTES_PER_TURN; ; ) {
      if (this.nextSink && this.queue.takenPart().length === 0) this.useNextSink();
      const head = this.queue.head();
      if (!head) break;
      if (budget <= 0) {
        this.turn ??= setImmediate(this.nextTurn);
        return;
      }
      let taken: number;
      try {
        taken = this.sink.write(head.buffer, head.start, head.end, this.pendingDone);
      } catch (error) {
        this.fail(error as NodeJS.ErrnoException);
        return;
      }
      if (taken === PENDING) {
        this.pendingBytes = head.end - head.start;
        this.watchProgress();
        return;
      }
      this.progress(taken);
      budget -= taken;
    }
    if (!this.failed) this.health.recovered();
    this.endFlush();
  }

  private readonly nextTurn = (): void => {
    this.turn = undefined;
    this.pump();
  };

  private readonly pendingDone: WriteDone = (error, takenBytes) => {
    this.pendingBytes = 0;
    if (this.closed) return;
    if (error) {
      this.fail(error);
      return;
    }
    this.progress(takenBytes);
    this.pump();
  };

  private progress(takenBytes: number): void {
    if (takenBytes === 0) return;
    this.queue.take(takenBytes);
    this.lastProgressMs = performance.now();
    this.failed = false;
    this.stalled = false;
    clearTimeout(this.retryTimer);
    if (this.health.troubled && this.queue.bytes <= this.queue.limitBytes / 2) this.health.recovered();
  }

  private overflow(lines: number): void {
    this.health.trouble('OVERFLOW', `${this.target.name}: the reader is too slow, ${this.queue.limitBytes} bytes wait`);
    this.health.lose(lines);
  }

  private fail(error: NodeJS.ErrnoException, message = `${this.target.name}: ${error.message}`): void {
    const code = error.code ?? 'EIO';
    this.failed = true;
    this.readerGone = READER_GONE.has(code);
    this.health.trouble(code, message);
    if (this.nextSink) {
      this.abandonSink();
      this.pump();
      return;
    }
    // Closed at once, so that of a FIFO that nobody holds open no torn line is left for the next reader.
    if (this.sink.replaceable) this.sink.close();
    const nowMs = performance.now();
    // Another file can be had at once, but not again and again from somebody who removes each of them.
    if (code === REMOVED && nowMs >= this.renewedAtMs + this.retryMs) {
      this.renewedAtMs = nowMs;
      this.retry();
      return;
    }
    this.retryAtMs = nowMs + this.retryMs;
    clearTimeout(this.retryTimer);
    if (this.discards) this.health.lose(this.queue.clearUnbegun());
    else this.retryTimer = setTimeout(this.retry, this.retryMs).unref();
    this.endFlush();
  }

  private readonly retry = (): void => {
    clearTimeout(this.retryTimer);
    this.retryAtMs = 0;
    this.pump();
  };

  /** After an error: whether it is time, and there is something to write to. */
  private mayRetry(): boolean {
    if (performance.now() < this.retryAtMs) return false;
    if (!this.sink.replaceable) return true;
    try {
      this.nextSink = this.target.open();
    } catch (error) {
      this.fail(error as NodeJS.ErrnoException, (error as Error).message);
      return false;
    }
    this.abandonSink();
    return true;
  }

  /**
   * Leaves a failed sink for the next one. By name that can be another file, which gets the line that was begun from its
   * start; an inherited pipe is still the same, with the beginning of the line in it.
   */
  private abandonSink(): void {
    if (this.target.named) {
      const part = this.queue.takenPart();
      if (part.length > 0) this.sink.cutTail(part);
      this.queue.rewindLine();
    }
    this.failed = false;
    this.useNextSink();
  }

  private useNextSink(): void {
    if (!this.nextSink) return;
    this.sink.close();
    this.sink = this.nextSink;
    this.nextSink = undefined;
  }

  private watchProgress(): void {
    this.stallTimer ??= setTimeout(this.checkProgress, this.stallMs).unref();
  }

  private readonly checkProgress = (): void => {
    this.stallTimer = undefined;
    if (this.queue.bytes === 0 || this.failed) return;
    const restMs = this.lastProgressMs + this.stallMs - performance.now();
    if (restMs > 0) {
      this.stallTimer = setTimeout(this.checkProgress, Math.ceil(restMs)).unref();
      return;
    }
    this.stalled = true;
    this.health.trouble('STALLED', `${this.target.name}: nothing was read for ${this.stallMs / 1000} s`);
  };

  private writeAllNow(untilMs: number): void {
    for (let head = this.queue.head(); head; head = this.queue.head()) {
      const taken = this.sink.writeNow(head.buffer, head.start, head.end);
      if (taken > 0) this.queue.take(taken);
      else if (performance.now() < untilMs) pause(FLUSH_NOW_PAUSE_MS);
      else return;
    }
  }

  private endFlush(): void {
    if (!this.flushEnded) return;
    for (const waiter of this.flushWaiters.splice(0)) waiter();
  }
}

/** Blocks the whole thread. */
function pause(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}
