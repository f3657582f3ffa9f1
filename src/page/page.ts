import { randomBytes } from 'node:crypto';
import type { Writable } from 'node:stream';
import { Worker } from 'node:worker_threads';
import type { GivenConditions } from '../search/parse-conditions.js';
import type { LineTap } from '../socket/event-socket.js';
import { CounterLines, type CountersNow } from '../socket/socket-counters.js';
import { type FromThread, type PageThreadData, streamEvent, streamId, type ToThread } from './page-messages.js';
import { PageStream } from './page-stream.js';

export interface PageOptions {
  /** At this moment. */
  readonly hostName: () => string;
  /** Told when the thread has ended by itself; the streams are ended, and the next one starts another. */
  onProblem(error: Error): void;
  readonly limits?: Partial<PageLimits>;
  /** For tests. */
  readonly startThread?: (data: PageThreadData) => PageThread;
}

export interface PageLimits {
  readonly streams: number;
  /** Bytes that wait for one browser. */
  readonly waitingBytes: number;
  /** Bytes of lines that the thread has not gone through. */
  readonly threadBytes: number;
  /** How long what is counted outlives the last stream: a browser closes one before it opens the next. */
  readonly lingerMs: number;
}

/** What is used of a worker thread. */
export type PageThread = Pick<Worker, 'postMessage' | 'on' | 'terminate'>;

/** All streams together can make the daemon hold 20 MiB. */
const DEFAULT_LIMITS: PageLimits = {
  streams: 16,
  waitingBytes: 2 ** 20,
  threadBytes: 4 * 2 ** 20,
  lingerMs: 10_000,
};
/** Lists and rates take a few megabytes; a thread that grows beyond is ended, and not the daemon. */
const THREAD_HEAP_MIB = 128;
/** After so long a browser comes back by itself. */
const RETRY_MS = 1_000;

/**
 * The streams of the page. Lines are copied once for a thread that judges them for all streams, and only while there is one.
 * Whoever is slower than the daemon, thread or browser, loses lines of its own; they are counted.
 */
export class Page implements LineTap {
  private readonly options: PageOptions;
  private readonly limits: PageLimits;
  private readonly run = randomBytes(6).toString('hex');
  private readonly streams = new Map<number, PageStream>();
  private lastStream = 0;
  private thread: PageThread | undefined;
  private lingering: NodeJS.Timeout | undefined;
  private waitingBytes = 0;
  /** The thread has not answered the last counters. */
  private countersWait = false;
  private counters = new CounterLines();
  private wantsAllWatches = true;
  private lostLines = 0;
  private events = 0;

  constructor(options: PageOptions) {
    this.options = options;
    this.limits = { ...DEFAULT_LIMITS, ...options.limits };
  }

  get streamCount(): number {
    return this.streams.size;
  }

  /** Whether tell() is of use. */
  get counts(): boolean {
    return this.thread !== undefined;
  }

  offer(chunk: Buffer, length: number, lines: number): void {
    this.events += lines;
    if (this.thread === undefined) return;
    if (this.waitingBytes + length > this.limits.threadBytes) {
      this.lostLines += lines;
      for (const stream of this.streams.values()) stream.miss(lines);
      return;
    }
    const bytes = Uint8Array.prototype.slice.call(chunk, 0, length);
    this.waitingBytes += length;
    this.thread.postMessage({ kind: 'lines', bytes, events: this.events } satisfies ToThread, [bytes.buffer]);
  }

  notice(line: string): void {
    this.post({ kind: 'notice', line });
  }

  /** Tells what the counters say; to be called about once a second, while it counts. */
  tell(now: CountersNow): void {
    if (this.thread === undefined || this.countersWait) return;
    this.countersWait = true;
    const counters = this.counters.next(now, this.wantsAllWatches);
    this.wantsAllWatches = false;
    this.post({ kind: 'counters', counters, atMs: Date.now(), lostLines: this.lostLines });
  }

  /** Takes the place of one more stream; undefined: there is none. The caller has to call its open(). */
  reserve(given: GivenConditions, lastId: string | undefined): { open(out: Writable): void } | undefined {
    if (this.streams.size >= this.limits.streams) return undefined;
    const stream = new PageStream(++this.lastStream, this.limits.waitingBytes);
    this.streams.set(stream.id, stream);
    return { open: (out) => this.open(stream, out, { given, lastId }) };
  }

  /** Ends all streams: browsers come back, and are asked again who they are. */
  endStreams(): void {
    for (const stream of this.streams.values()) stream.end();
  }

  async close(): Promise<void> {
    this.endStreams();
    await this.endThread();
  }

  private open(
    stream: PageStream,
    out: Writable,
    { given, lastId }: { readonly given: GivenConditions; readonly lastId: string | undefined },
  ): void {
    stream.open(out, () => this.leave(stream));
    if (!this.streams.has(stream.id)) return;
    clearTimeout(this.lingering);
    this.thread ??= this.start();
    this.post({ kind: 'open', stream: stream.id, given });
    const hello = { host: this.options.hostName(), streams: this.limits.streams, ...this.sinceThen(lastId) };
    stream.state(`retry: ${RETRY_MS}\n${streamEvent('hello', hello, streamId(this.run, this.events))}`);
  }

  /** What a stream that was there before has missed: events of this run, or an unknown number over a restart. */
  private sinceThen(lastId = ''): { readonly before?: number | 'restart' } {
    const [, run, events] = /^([0-9a-f]{12})\.(\d{1,15})$/.exec(lastId) ?? [];
    if (run === undefined) return {};
    return { before: run === this.run ? Math.max(0, this.events - Number(events)) : 'restart' };
  }

  private leave({ id }: PageStream): void {
    if (!this.streams.delete(id)) return;
    this.post({ kind: 'close', stream: id });
    if (this.streams.size === 0) this.linger();
  }

  /** Nothing is counted for long while no page is open. */
  private linger(): void {
    clearTimeout(this.lingering);
    this.lingering = setTimeout(() => {
      if (this.streams.size === 0) void this.endThread();
    }, this.limits.lingerMs);
    this.lingering.unref();
  }

  private start(): PageThread {
    const thread = (this.options.startThread ?? startThread)({ run: this.run });
    thread.on('message', (message: FromThread) => {
      if (thread === this.thread) this.hear(message);
    });
    thread.on('error', (error: Error) => {
      if (thread === this.thread) {
        this.forgetThread();
        this.options.onProblem(error);
        this.endStreams();
      }
    });
    return thread;
  }

  private hear(message: FromThread): void {
    switch (message.kind) {
      case 'done':
        this.waitingBytes -= message.bytes;
        if (message.bytes === 0) this.countersWait = false;
        break;
      case 'state':
        for (const stream of this.streams.values()) stream.state(message.text);
        break;
      case 'rows': {
        const stream = this.streams.get(message.stream);
        stream?.miss(message.leftOut);
        if (message.rows > 0) stream?.rows(message.text, message.rows);
        break;
      }
      default:
        message satisfies never;
    }
  }

  private post(message: ToThread): void {
    this.thread?.postMessage(message);
  }

  private async endThread(): Promise<void> {
    const { thread } = this;
    clearTimeout(this.lingering);
    this.forgetThread();
    await thread?.terminate();
  }

  private forgetThread(): void {
    this.thread = undefined;
    this.waitingBytes = 0;
    this.countersWait = false;
    this.counters = new CounterLines();
    this.wantsAllWatches = true;
    this.lostLines = 0;
  }
}

function startThread(data: PageThreadData): Worker {
  const thread = new Worker(new URL('./page-thread.js', import.meta.url), {
    workerData: data,
    env: {},
    argv: [],
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: THREAD_HEAP_MIB },
  });
  // A daemon that is about to end does not wait for a browser.
  thread.unref();
  return thread;
}
