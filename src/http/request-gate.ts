import { Duplex } from 'node:stream';

/** What a gate needs of a TCP, unix or TLS connection. */
export interface GatedSocket extends Duplex {
  setTimeout(milliseconds: number): unknown;
}

const LF = 0x0a;
const CR = 0x0d;

/**
 * Lets one request at a time through from a connection to the HTTP server. Node.js parses whatever has arrived as a whole:
 * two thousand pipelined requests in 64 KiB would become two thousand requests and answers in memory, before the first
 * answer is sent. What follows a request stays here, at most as much as one read of the socket brings, and then in the
 * kernel, whose window stops the client.
 *
 * A request ends with its headers: those with a body are answered with "Connection: close" (see http-server.ts).
 */
export class RequestGate extends Duplex {
  /** What has arrived behind the request that is let through. */
  private held: Buffer | undefined;
  private busy = false;
  /** Requests that were let through. */
  requests = 0;
  /** Empty lines before a request do not belong to it. */
  private begun = false;
  /** Bytes seen of an end of headers: 1 for a line feed, 2 for a line feed and a carriage return. */
  private ending = 0;

  constructor(readonly socket: GatedSocket) {
    super({ allowHalfOpen: false });
    socket.on('data', (chunk: Buffer) => this.arrived(chunk));
    socket.on('end', () => this.push(null));
    socket.on('timeout', () => this.emit('timeout'));
    socket.on('error', (error) => this.destroy(error));
    socket.on('close', () => this.destroy());
    socket.pause();
  }

  /** The answer is sent: the next request may come. */
  next(): void {
    if (this.writableEnded) return;
    this.busy = false;
    this.begun = false;
    this.ending = 0;
    const { held } = this;
    this.held = undefined;
    if (held !== undefined) this.arrived(held);
    if (!this.busy) this.socket.resume();
  }

  /** As of net.Socket: the HTTP server asks for it. */
  setTimeout(milliseconds: number): this {
    this.socket.setTimeout(milliseconds);
    return this;
  }

  /** As of net.Socket: ends the connection when all is written. */
  destroySoon(): void {
    this.end(() => this.destroy());
  }

  override _read(): void {
    if (!this.busy) this.socket.resume();
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.socket.write(chunk, encoding, done);
  }

  override _writev(
    chunks: { chunk: Buffer | string; encoding: BufferEncoding }[],
    done: (error?: Error | null) => void,
  ): void {
    this.socket.cork();
    chunks.forEach(({ chunk, encoding }, index) => {
      if (index < chunks.length - 1) this.socket.write(chunk, encoding);
      else this.socket.write(chunk, encoding, done);
    });
    this.socket.uncork();
  }

  override _final(done: (error?: Error | null) => void): void {
    this.socket.end(() => done());
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.held = undefined;
    this.socket.destroy();
    done(error);
  }

  private arrived(chunk: Buffer): void {
    if (this.destroyed) return;
    const end = this.busy ? 0 : this.endOfRequest(chunk);
    if (end < chunk.length) {
      const rest = chunk.subarray(end);
      this.held = this.held === undefined ? rest : Buffer.concat([this.held, rest]);
    }
    if (this.busy) this.socket.pause();
    if (end > 0 && !this.push(chunk.subarray(0, end))) this.socket.pause();
  }

  /** Where the request ends in `chunk`; its length when it goes on behind it. */
  private endOfRequest(chunk: Buffer): number {
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at]!;
      if (byte === LF) {
        if (this.ending > 0 && this.begun) {
          this.busy = true;
          this.requests += 1;
          return at + 1;
        }
        this.ending = 1;
      } else if (byte === CR && this.ending === 1) {
        this.ending = 2;
      } else if (byte !== CR) {
        this.ending = 0;
        this.begun = true;
      }
    }
    return chunk.length;
  }
}
