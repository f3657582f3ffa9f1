import { setTimeout as sleep } from 'node:timers/promises';
import { type LineVisitor, scanLines } from '../search/line-scanner.js';
import { type LoggedDeletion, type RecordLine, readLoggedLine } from '../search/logged-event.js';
import { EventConnection } from './event-connection.js';
import { type SocketNews, socketNewsOf } from './socket-lines.js';

/** Between two attempts to reach a daemon that has gone away. */
const RETRY_MS = 250;

export interface FollowerOptions {
  readonly path: string;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** Texts of which each wanted line holds one; none: every line is wanted. */
  readonly needles: readonly Buffer[];
  /** A line that begins as deletions do and holds one of the needles; the bytes are the caller's when this returns. */
  onCandidate(buffer: Buffer, start: number, end: number): void;
  /** A deletion whose line has an uncommon form. */
  onDeletion(deletion: LoggedDeletion, line: string): void;
  /** A line in which the record speaks of itself. */
  onRecord(record: RecordLine, line: string): void;
  onNews(news: SocketNews): void;
  /** A line of more than 1 MiB was left out. */
  onOversized(): void;
  /** The daemon has gone away, and is waited for. */
  onGone(): void;
  /** It is there again after onGone() at `goneAtMs`; it has had `events` before. */
  onBack(goneAtMs: number, events: number): void;
  /** Called after each piece, and waited for. */
  rest?(): Promise<void>;
}

/** Why it has ended: by the signal, because the daemon could not be reached at first, or because it serves no more readers. */
export type FollowEnd =
  | { readonly kind: 'ended' }
  | { readonly kind: 'unreachable'; readonly error: NodeJS.ErrnoException }
  | { readonly kind: 'refused'; readonly readers: number };

/** Reads the lines that the daemon offers, also over its restarts, until the signal ends it. */
export async function followEvents(options: FollowerOptions): Promise<FollowEnd> {
  return new Follower(options).follow();
}

class Follower implements LineVisitor {
  private readonly options: FollowerOptions;
  private goneAtMs: number | undefined;
  private refused: number | undefined;

  constructor(options: FollowerOptions) {
    this.options = options;
  }

  async follow(): Promise<FollowEnd> {
    const { path, signal } = this.options;
    for (; !signal.aborted; await this.pause()) {
      let connection: EventConnection;
      try {
        connection = await EventConnection.open(path, signal);
      } catch (error) {
        // A daemon that restarts comes back; one that was not there may never come.
        if (this.goneAtMs !== undefined || signal.aborted) continue;
        return { kind: 'unreachable', error: error as NodeJS.ErrnoException };
      }
      await this.read(connection);
      if (signal.aborted) break;
      if (this.goneAtMs === undefined) {
        if (this.refused !== undefined) return { kind: 'refused', readers: this.refused };
        this.goneAtMs = Date.now();
        this.options.onGone();
      }
    }
    return { kind: 'ended' };
  }

  candidate(buffer: Buffer, start: number, end: number): void {
    if (!this.options.signal.aborted) this.options.onCandidate(buffer, start, end);
  }

  other(buffer: Buffer, start: number, end: number): void {
    if (this.options.signal.aborted) return;
    const line = buffer.toString('utf8', start, end);
    const read = readLoggedLine(line);
    if (read?.kind === 'deletion') this.options.onDeletion(read.deletion, line);
    if (read?.kind !== 'record') return;
    const news = socketNewsOf(read.record);
    if (news === undefined) this.options.onRecord(read.record, line);
    else this.hear(news);
  }

  oversized(): void {
    this.options.onOversized();
  }

  async block(): Promise<void> {
    const { signal, rest } = this.options;
    if (rest !== undefined) await unlessAborted(rest.call(this.options), signal);
    if (signal.aborted) throw OVER;
  }

  private hear(news: SocketNews): void {
    if (news.action === 'refused') this.refused = news.readers;
    if (news.action === 'connected' && this.goneAtMs !== undefined) {
      this.options.onBack(this.goneAtMs, news.events);
      this.goneAtMs = undefined;
    }
    this.options.onNews(news);
  }

  private async read(connection: EventConnection): Promise<void> {
    const leave = (): void => void connection.close();
    const { signal, needles } = this.options;
    this.refused = undefined;
    signal.addEventListener('abort', leave);
    try {
      await scanLines(connection, needles, this);
    } catch (error) {
      if (error !== OVER) throw error;
    } finally {
      signal.removeEventListener('abort', leave);
      await connection.close();
    }
  }

  private pause(): Promise<void> {
    return sleep(RETRY_MS, undefined, { signal: this.options.signal }).catch(() => {});
  }
}

/** Waits for the promise, or for the signal: an output that takes nothing must not hold up the end. Leaves nothing at the signal. */
function unlessAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (): void => {
      signal.removeEventListener('abort', end);
      resolve();
    };
    signal.addEventListener('abort', end);
    promise.catch(reject).finally(end);
  });
}

/** Thrown to leave the stream. */
const OVER = Symbol('over');
