import { LineQueue } from './line-queue.js';
import { OutputHealth, type OutputHealthCallbacks } from './output-health.js';
import type { OutputTarget } from './output-target.js';
import { PENDING, REMOVED, type Sink, type WriteDone } from './sink.js';
import { failureOf, INITIAL_STATE, nextState, type WriterInput, type WriterState } from './writer-state.js';

/** A log that takes nothing. */
export interface StuckOutput {
  /** Since the last write that it took, or since something waits. */
  readonly seconds: number;
  /** An errno name, `REMOVED`, or "no reader". */
  readonly reason: string;
}

export interface EventWriterOptions extends OutputHealthCallbacks {
  readonly target: OutputTarget;
  /** Most bytes that wait for a slow reader; memory is taken only as they do. */
  readonly queueBytes?: number;
  /** After this long without progress the reader is taken for stuck, and waiting for it for pointless. */
  readonly stallMs?: number;
  /** Called with the number of bytes after each write that the output took. */
  onWritten?(bytes: number): void;
  /** Pause between two attempts after an error. */
  readonly retryMs?: number;
}

const DEFAULT_QUEUE_BYTES = 64 * 1024 * 1024;
/** With more than this waiting, events stay records, of which the same memory holds five times as many. */
const CONGESTED_BYTES = 8 * 1024 * 1024;
const DEFAULT_STALL_MS = 5_000;
const DEFAULT_RETRY_MS = 1_000;

/** Bytes written to a reader that is as fast as we are before the rest of the program gets its turn. */
const BYTES_PER_TURN = 1 << 20;
const FLUSH_NOW_MS = 200;
const FLUSH_NOW_PAUSE_MS = 2;

const NOTHING = Buffer.alloc(0);
const NO_WAIT = () => {};

/** So long without a successful write, while something waits, is worth telling. */
const STUCK_MS = 2_000;

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
  private state: WriterState = INITIAL_STATE;
  private sink: Sink;
  /** Opened by `reopen`, waiting for the line that the old one has begun. */
  private nextSink: Sink | undefined;
  private lastProgressMs = 0;
  /** Since when something waits without a successful write (performance.now()); undefined: nothing does. */
  private waitingSinceMs: number | undefined;
  private lastWriteAtMs = Date.now();
  /** When a removed file was last followed by another one. */
  private renewedAtMs = Number.NEGATIVE_INFINITY;
  /** Ends what waits for the time to leave the state: a timer or a turn of the event loop. */
  private cancelWait = () => {};
  private flushWaiters: (() => void)[] = [];
  private readonly onWritten: ((bytes: number) => void) | undefined;
  private firstLine: () => string | undefined = () => undefined;

  /** Throws when the target cannot be opened. */
  constructor(options: EventWriterOptions) {
    this.target = options.target;
    this.queue = new LineQueue(options.queueBytes ?? DEFAULT_QUEUE_BYTES);
    this.health = new OutputHealth(options);
    this.onWritten = options.onWritten?.bind(options);
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

  /** Unix time in seconds of the last write that the output took; before the first one, that of its opening. */
  get lastWriteSeconds(): number {
    return this.lastWriteAtMs / 1000;
  }

  /** What keeps the output from taking anything for two seconds or more while something waits; undefined: nothing does. */
  get stuck(): StuckOutput | undefined {
    const { waitingSinceMs } = this;
    if (waitingSinceMs === undefined || this.state.name === 'closed') return undefined;
    const waitedMs = performance.now() - waitingSinceMs;
    if (waitedMs < STUCK_MS) return undefined;
    return { seconds: Math.floor(waitedMs / 1000), reason: failureOf(this.state)?.code ?? 'no reader' };
  }

  /**
   * Whether the caller should leave events where they are for a while. Never true of an output that fails or is stuck: a
   * log without a reader must not stop the counting.
   */
  get congested(): boolean {
    return this.state.trouble === 'none' && this.queue.bytes > Math.min(CONGESTED_BYTES, this.queue.limitBytes / 2);
  }

  /** As `congested`, with little room left. */
  get nearlyFull(): boolean {
    return this.state.trouble === 'none' && this.queue.bytes > this.queue.limitBytes * 0.75;
  }

  /** A reader takes what is written, and more waits for it: it gets the rest sooner if the caller pauses in between. */
  get awaitsReader(): boolean {
    return this.state.name === 'writing' && !this.sink.pendingSurvivesExit;
  }

  /** An inherited pipe whose reader is gone hardly gets another one, so nothing is kept for it. */
  get discards(): boolean {
    return failureOf(this.state)?.readerGone === true && !this.target.named;
  }

  /**
   * Takes the first `length` bytes of `chunk`: `lines` whole lines, each ended by a newline. The chunk is the caller's
   * again when this returns. Returns how many lines were taken; the others are lost, and counted.
   */
  writeChunk(chunk: Buffer, length: number, lines: number): number {
    if (this.refuses) {
      this.health.lose(lines);
      return 0;
    }
    const wasEmpty = this.queue.bytes === 0;
    const taken = this.queue.append(chunk, length, lines);
    if (taken < lines) this.overflow(lines - taken);
    this.appended(wasEmpty);
    return taken;
  }

  /** For single lines, without their newline. */
  writeLine(line: string): boolean {
    const chunk = Buffer.from(`${line}\n`);
    return this.writeChunk(chunk, chunk.length, 1) === 1;
  }

  /**
   * Writes a line about the events, without its newline, that counts neither as written nor as lost. False when the
   * writer cannot take it now: the caller repeats it later, since its loss would be counted nowhere.
   */
  writeNotice(line: string): boolean {
    if (this.state.name === 'closed' || this.discards) return false;
    const wasEmpty = this.queue.bytes === 0;
    if (!this.queue.appendNotice(Buffer.from(`${line}\n`))) return false;
    this.appended(wasEmpty);
    return true;
  }

  /** A log file that is new begins with this line, which is no event and has no newline; undefined: with none. */
  beginFilesWith(line: () => string | undefined): void {
    this.firstLine = line;
  }

  /**
   * Goes over to the file that now has the target's name, as logrotate wants. Opens it first and throws when that fails,
   * so that the old one stays in use; a line that the old one has begun is finished there.
   */
  reopen(): void {
    if (!this.target.named || this.state.name === 'closed') return;
    const opened = this.target.open();
    this.nextSink?.close();
    this.nextSink = opened;
    if (this.state.name === 'writing') return;
    if (failureOf(this.state)) this.abandonSink();
    this.pump();
  }

  /**
   * Opens the log file again when it was removed, also while there is nothing to write or the last write failed: a
   * removed file that stays open keeps its disk full. To be called about once a second; a write finds out by itself.
   */
  lookForTarget(): void {
    if (this.state.name === 'closed' || this.state.name === 'writing') return;
    const { sink } = this;
    sink.lookForName((error) => {
      const { name } = this.state;
      if (error && sink === this.sink && name !== 'closed' && name !== 'writing') this.fail(error);
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
    const { state } = this;
    if (state.name === 'closed') return;
    if (state.name === 'writing' && this.sink.pendingSurvivesExit) this.queue.take(state.bytes);
    try {
      this.writeAllNow(performance.now() + deadlineMs);
    } catch {
      // A report would fail for the same reason. What is left counts as lost.
    }
    this.close();
  }

  /**
   * Gives up what is still queued. The beginning of a line whose rest does not fit any more is taken back from a log
   * file, so that the file ends with a whole line. A second call is harmless.
   */
  close(): void {
    if (this.state.name === 'closed') return;
    // Bytes that are still on their way decide how the file ends: nothing can be taken back then.
    const begun = this.state.name === 'writing' ? NOTHING : this.queue.takenPart();
    this.enter({ name: 'close' });
    if (begun.length > 0) this.sink.cutTail(begun);
    this.health.lose(this.queue.clear());
    this.sink.close();
    this.nextSink?.close();
    this.endFlush();
  }

  /** Moves on by the one transition function, and waits for what ends the new state. */
  private enter(input: WriterInput): void {
    const { state } = this;
    const next = nextState(state, input);
    if (next === state) return;
    this.state = next;
    this.cancelWait();
    this.cancelWait = this.waitIn(next);
  }

  private waitIn(state: WriterState): () => void {
    switch (state.name) {
      case 'waiting': {
        // What is discarded needs no retry: the next line is the next attempt.
        if (this.discards) return NO_WAIT;
        const timer = setTimeout(this.retry, state.retryAtMs - performance.now()).unref();
        return () => clearTimeout(timer);
      }
      case 'yielding': {
        const immediate = setImmediate(this.turn);
        return () => clearImmediate(immediate);
      }
      case 'writing': {
        if (state.trouble !== 'none') return NO_WAIT;
        const untilMs = this.lastProgressMs + this.stallMs;
        const timer = setTimeout(this.stall, Math.max(0, Math.ceil(untilMs - performance.now()))).unref();
        return () => clearTimeout(timer);
      }
      case 'ready':
      case 'closed':
        return NO_WAIT;
      default:
        return state satisfies never;
    }
  }

  private get flushEnded(): boolean {
    return this.queue.bytes === 0 || this.state.name === 'closed' || this.state.name === 'waiting';
  }

  /** Nothing is kept for a reader that is gone, except for one attempt every `retryMs`. */
  private get refuses(): boolean {
    const { state } = this;
    return (
      state.name === 'closed' || (state.name === 'waiting' && this.discards && performance.now() < state.retryAtMs)
    );
  }

  private appended(wasEmpty: boolean): void {
    if (wasEmpty) this.lastProgressMs = performance.now();
    this.waitingSinceMs ??= performance.now();
    if (this.state.name === 'waiting' && performance.now() >= this.state.retryAtMs) this.retry();
    else this.turn();
  }

  private pump(): void {
    if (this.state.name !== 'ready') return;
    for (let budget = BYTES_PER_TURN; ; ) {
      const begun = this.queue.takenPart();
      if (begun.length === 0) this.useNextSink();
      else if (!this.sink.continues(begun)) this.queue.rewindLine();
      const head = this.queue.head();
      if (!head) break;
      if (budget <= 0) {
        this.enter({ name: 'yielded' });
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
        this.enter({ name: 'begun', bytes: head.end - head.start });
        return;
      }
      this.progress(taken);
      budget -= taken;
    }
    if (!failureOf(this.state)) this.health.recovered();
    this.endFlush();
  }

  private readonly turn = (): void => {
    this.enter({ name: 'turn' });
    this.pump();
  };

  private readonly retry = (): void => {
    if (this.state.name !== 'waiting') return;
    this.enter({ name: 'retry' });
    if (this.sink.replaceable && !this.replaceSink()) return;
    this.pump();
  };

  private readonly stall = (): void => {
    this.enter({ name: 'stalled' });
    this.health.trouble('STALLED', `${this.target.name}: nothing was read for ${this.stallMs / 1000} s`);
  };

  private readonly pendingDone: WriteDone = (error, takenBytes) => {
    if (this.state.name === 'closed') return;
    if (error) {
      this.fail(error);
      return;
    }
    this.progress(takenBytes);
    this.pump();
  };

  private progress(bytes: number): void {
    if (bytes > 0) {
      this.queue.take(bytes);
      this.lastProgressMs = performance.now();
      this.lastWriteAtMs = Date.now();
      this.onWritten?.(bytes);
      this.waitingSinceMs = this.queue.bytes > 0 ? this.lastProgressMs : undefined;
    }
    this.enter({ name: 'taken', bytes });
    if (bytes > 0 && this.health.troubled && this.queue.bytes <= this.queue.limitBytes / 2) this.health.recovered();
  }

  private overflow(lines: number): void {
    this.health.trouble('OVERFLOW', `${this.target.name}: the reader is too slow, ${this.queue.limitBytes} bytes wait`);
    this.health.lose(lines);
  }

  private fail(error: NodeJS.ErrnoException, message = `${this.target.name}: ${error.message}`): void {
    const code = error.code ?? 'EIO';
    const failure = { code, readerGone: READER_GONE.has(code) };
    const nowMs = performance.now();
    // Another file can be had at once, but not again and again from a program that removes each of them.
    const renews = code === REMOVED && nowMs >= this.renewedAtMs + this.retryMs;
    if (renews) this.renewedAtMs = nowMs;
    this.enter({ name: 'failed', failure, retryAtMs: nowMs + this.retryMs });
    this.health.trouble(code, message);
    if (this.nextSink) {
      this.abandonSink();
      this.pump();
      return;
    }
    // Closed at once: a FIFO without a reader then keeps no torn line for the next one, and a removed file no disk space.
    if (this.sink.replaceable) this.sink.close();
    if (renews) {
      this.retry();
      return;
    }
    if (this.discards) this.health.lose(this.queue.clearUnbegun());
    this.endFlush();
  }

  /** Opens the target by its name again. False: that failed, too. */
  private replaceSink(): boolean {
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
      const begun = this.queue.takenPart();
      if (begun.length > 0) this.sink.cutTail(begun);
      this.queue.rewindLine();
    }
    this.useNextSink();
    this.enter({ name: 'replaced' });
  }

  private useNextSink(): void {
    if (!this.nextSink) return;
    this.sink.close();
    this.sink = this.nextSink;
    this.nextSink = undefined;
    const line = this.sink.isEmptyFile ? this.firstLine() : undefined;
    if (line === undefined) return;
    this.queue.prependNotice(Buffer.from(`${line}\n`));
    this.waitingSinceMs ??= performance.now();
  }

  private writeAllNow(untilMs: number): void {
    const begun = this.queue.takenPart();
    if (begun.length > 0 && !this.sink.continues(begun)) this.queue.rewindLine();
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
