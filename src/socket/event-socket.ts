import { setMaxListeners } from 'node:events';
import { existsSync } from 'node:fs';
import net from 'node:net';
import { dirname } from 'node:path';
import { listenOnSocket, removeStaleSocket } from '../http/unix-socket.js';
import { CounterLines, type CountersNow } from './socket-counters.js';
import { socketLine } from './socket-lines.js';
import { SocketReader } from './socket-reader.js';

export interface EventSocketOptions {
  /** Something went wrong while it listens. */
  onProblem(error: Error): void;
  readonly limits?: Partial<SocketLimits>;
}

export interface SocketLimits {
  readonly readers: number;
  /** Bytes that wait for one reader. */
  readonly waitingBytes: number;
  /** How long readers may take to read what waits when the socket closes. */
  readonly graceMs: number;
}

/** All readers together can make the daemon hold 64 MiB. */
const DEFAULT_LIMITS: SocketLimits = { readers: 16, waitingBytes: 4 * 2 ** 20, graceMs: 1_000 };

/** Takes the lines of the log beside the log. */
export interface LineTap {
  /** The first `length` bytes of `chunk`: `lines` whole lines about events. They are the caller's again when this returns. */
  offer(chunk: Buffer, length: number, lines: number): void;
  /** One line that is about no event, without its newline. */
  notice(line: string): void;
}

/** A change of the path that has not been made yet: the new socket listens, and the old one is still there. */
export interface PathChange {
  commit(): Promise<void>;
  abandon(): Promise<void>;
}

/** One path, with the readers that came by it. */
interface Place {
  readonly path: string;
  readonly server: net.Server;
  readonly readers: Set<SocketReader>;
}

/**
 * Offers the lines of the log on a unix socket while they are written. Lines are copied once, for all readers; whoever is
 * slower than the daemon loses lines of its own, and nobody else waits for it.
 */
export class EventSocket implements LineTap {
  /** Lines that were not handed to one of the readers. */
  lostLines = 0;
  private readonly options: EventSocketOptions;
  private readonly limits: SocketLimits;
  private readonly readers = new Set<SocketReader>();
  private place: Place | undefined;
  private events = 0;
  private readonly counters = new CounterLines();
  /** A reader does not know every watch. */
  private wantsAllWatches = false;

  private constructor(options: EventSocketOptions) {
    this.options = options;
    this.limits = { ...DEFAULT_LIMITS, ...options.limits };
  }

  /** `path`: undefined for none. Rejects, with a message that names the path, when it cannot be had. */
  static async open(path: string | undefined, options: EventSocketOptions): Promise<EventSocket> {
    const socket = new EventSocket(options);
    await (await socket.prepare(path)).commit();
    return socket;
  }

  get readerCount(): number {
    return this.readers.size;
  }

  offer(chunk: Buffer, length: number, lines: number): void {
    this.events += lines;
    let copy: Buffer | undefined;
    for (const reader of this.readers) {
      if (reader.hasRoom(length)) {
        copy ??= Buffer.from(chunk.subarray(0, length));
        reader.write(copy);
      } else {
        reader.lose(lines);
      }
    }
  }

  notice(line: string): void {
    if (this.readers.size === 0) return;
    const bytes = Buffer.from(`${line}\n`);
    for (const reader of this.readers) {
      if (reader.hasRoom(bytes.length)) reader.write(bytes);
      else reader.lose(1);
    }
  }

  /** Tells the readers what the counters say; to be called about once a second, while there are any. */
  tell(now: CountersNow): void {
    const lines = this.counters.next(now, this.wantsAllWatches);
    this.wantsAllWatches = false;
    const bytes = Buffer.concat(lines.map((counters) => socketLine({ action: 'counters', counters })));
    for (const reader of this.readers) {
      if (reader.hasRoom(bytes.length)) reader.write(bytes);
      // Later counters hold what these would have told.
      else this.wantsAllWatches = true;
    }
  }

  /** Listens on another path, or on none. Rejects as open() does; nothing has changed then. */
  async prepare(path: string | undefined): Promise<PathChange> {
    const { place: before } = this;
    if (path === before?.path) return { commit: async () => {}, abandon: async () => {} };
    const next = path === undefined ? undefined : await this.listen(path);
    return {
      commit: async () => {
        this.place = next;
        await this.leave(before);
      },
      abandon: () => this.leave(next),
    };
  }

  /** Lets the readers read what waits for them, but not for long. A second call is harmless. */
  async close(): Promise<void> {
    const { place } = this;
    this.place = undefined;
    await this.leave(place);
  }

  private async listen(path: string): Promise<Place> {
    const place: Place = { path, server: net.createServer(), readers: new Set() };
    const { server } = place;
    try {
      await removeStaleSocket(path);
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject).once('listening', () => {
          server.off('error', reject);
          resolve();
        });
        listenOnSocket(server, path);
      });
    } catch (error) {
      throw new Error(`cannot offer events on ${path}: ${problemOf(error as NodeJS.ErrnoException, path)}`, {
        cause: error,
      });
    }
    server.on('error', (error) => this.options.onProblem(error));
    server.on('connection', (socket) => this.welcome(socket, place));
    return place;
  }

  private welcome(socket: net.Socket, place: Place): void {
    const { limits } = this;
    if (this.readers.size >= limits.readers) {
      socket.on('error', () => {});
      socket.end(socketLine({ action: 'refused', readers: limits.readers }), () => socket.destroy());
      return;
    }
    const reader = new SocketReader(socket, {
      limitBytes: limits.waitingBytes,
      onLost: (lines) => {
        this.lostLines += lines;
      },
      onGone: () => {
        this.readers.delete(reader);
        place.readers.delete(reader);
      },
    });
    this.readers.add(reader);
    this.wantsAllWatches = true;
    place.readers.add(reader);
    reader.write(socketLine({ action: 'connected', events: this.events }));
  }

  /** Nobody can come by it any more, and who has come by it goes. */
  private async leave(place: Place | undefined): Promise<void> {
    if (place === undefined) return;
    const closed = new Promise((resolve) => place.server.close(resolve));
    for (const reader of place.readers) this.readers.delete(reader);
    const patience = new AbortController();
    // Each reader listens; Node warns of more than ten.
    setMaxListeners(this.limits.readers, patience.signal);
    const timer = setTimeout(() => patience.abort(), this.limits.graceMs);
    await Promise.all([...place.readers].map((reader) => reader.end(patience.signal)));
    clearTimeout(timer);
    await closed;
  }
}

function problemOf(error: NodeJS.ErrnoException, path: string): string {
  switch (error.code) {
    case 'EADDRINUSE':
      return 'another process listens there';
    case 'EACCES':
      // libuv has one code for both.
      return existsSync(dirname(path)) ? 'permission denied' : `there is no directory ${dirname(path)}`;
    default:
      return error.message;
  }
}
