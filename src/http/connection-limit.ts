import type http from 'node:http';
import type { Duplex } from 'node:stream';

/** So long a connection may take to send its request before one that comes later may take its place. */
const GRACE_MS = 250;
/**
 * How many times the limit there may be for the length of the grace: connections are accepted in bursts, of at most the
 * listen queue's 511, and a request is read only after the burst in which its connection came.
 */
const BURST_FACTOR = 8;

export interface ConnectionBounds {
  readonly maxConnections: number;
  /** Bytes of answers that clients have not taken yet, the answer just being made left out. */
  readonly maxWaitingBytes: number;
}

/**
 * Holds connections and what they take of memory down by closing old ones, where `server.maxConnections` would turn new ones
 * away: otherwise whoever opens a few and sends nothing shuts out the scraper. The oldest goes of those that wait for a
 * request, half-open or kept alive; of those that are being answered only when they alone are too many, or when clients
 * that do not read leave too many bytes of answers waiting.
 */
export class ConnectionLimit {
  /** In the order in which they began to wait, with the time of that in milliseconds. */
  private readonly waiting = new Map<Duplex, number>();
  /** In the order of their requests. */
  private readonly answering = new Map<Duplex, number>();

  constructor(private readonly bounds: ConnectionBounds) {}

  /** To be called with every connection. */
  open(connection: Duplex): void {
    this.waiting.set(connection, performance.now());
    connection.once('close', () => {
      this.waiting.delete(connection);
      this.answering.delete(connection);
    });
    while (this.waiting.size + this.answering.size > this.bounds.maxConnections && this.closeOldest());
  }

  /** To be called when another stream takes the place of a connection: TLS when its handshake is over. */
  replace(connection: Duplex, by: Duplex): void {
    if (!this.waiting.delete(connection)) by.destroy();
    else this.open(by);
  }

  /** To be called with every request whose headers are complete. */
  answer(connection: Duplex, response: http.ServerResponse): void {
    if (!this.waiting.delete(connection)) return;
    this.closeIdleReaders();
    this.answering.set(connection, performance.now());
    response.once('close', () => {
      if (this.answering.delete(connection) && !connection.destroyed) this.waiting.set(connection, performance.now());
    });
  }

  /** Takes a connection out of all limits: whoever answers it bounds it. To be called after answer(). */
  release(connection: Duplex): void {
    this.answering.delete(connection);
  }

  private closeIdleReaders(): void {
    let bytes = 0;
    for (const connection of this.answering.keys()) bytes += connection.writableLength;
    for (const connection of this.answering.keys()) {
      if (bytes <= this.bounds.maxWaitingBytes) return;
      bytes -= connection.writableLength;
      this.answering.delete(connection);
      connection.destroy();
    }
  }

  /** False when the one to close is too young for it. */
  private closeOldest(): boolean {
    const { maxConnections } = this.bounds;
    const connections = this.answering.size > maxConnections ? this.answering : this.waiting;
    const [oldest] = connections;
    if (oldest === undefined) return false;
    const [connection, sinceMs] = oldest;
    const crowded = this.waiting.size + this.answering.size > maxConnections * BURST_FACTOR;
    if (!crowded && performance.now() - sinceMs < GRACE_MS) return false;
    connections.delete(connection);
    connection.destroy();
    return true;
  }
}
