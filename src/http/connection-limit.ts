import type http from 'node:http';
import type { Socket } from 'node:net';

/** So long a connection may take to send its request before one that comes later may take its place. */
const GRACE_MS = 250;
/**
 * How many times the limit there may be for the length of the grace: connections are accepted in bursts, of at most the
 * listen queue's 511, and a request is read only after the burst in which its connection came.
 */
const BURST_FACTOR = 8;

/**
 * Holds the number of connections down by closing old ones, where `server.maxConnections` would turn new ones away:
 * otherwise whoever opens a few and sends nothing shuts out the scraper. The oldest goes of those that wait for a request,
 * half-open or kept alive; of those that are being answered only when they alone are too many.
 */
export class ConnectionLimit {
  /** In the order in which they began to wait, with the time of that in milliseconds. */
  private readonly waiting = new Map<Socket, number>();
  /** In the order of their requests. */
  private readonly answering = new Map<Socket, number>();

  constructor(
    server: http.Server,
    private readonly limit: number,
  ) {
    server.on('connection', (socket) => this.open(socket));
  }

  /** To be called with every request whose headers are complete. */
  answer(socket: Socket, response: http.ServerResponse): void {
    if (!this.waiting.delete(socket)) return;
    this.answering.set(socket, performance.now());
    response.once('close', () => {
      if (this.answering.delete(socket) && !socket.destroyed) this.waiting.set(socket, performance.now());
    });
  }

  private open(socket: Socket): void {
    this.waiting.set(socket, performance.now());
    socket.once('close', () => {
      this.waiting.delete(socket);
      this.answering.delete(socket);
    });
    while (this.waiting.size + this.answering.size > this.limit && this.closeOldest());
  }

  /** False when the one to close is too young for it. */
  private closeOldest(): boolean {
    const connections = this.answering.size > this.limit ? this.answering : this.waiting;
    const [oldest] = connections;
    if (oldest === undefined) return false;
    const [socket, sinceMs] = oldest;
    const crowded = this.waiting.size + this.answering.size > this.limit * BURST_FACTOR;
    if (!crowded && performance.now() - sinceMs < GRACE_MS) return false;
    connections.delete(socket);
    socket.destroy();
    return true;
  }
}
