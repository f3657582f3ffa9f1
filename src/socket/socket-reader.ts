import type { Socket } from 'node:net';
import { socketLine } from './socket-lines.js';

export interface SocketReaderOptions {
  /** Bytes that may wait for it. */
  readonly limitBytes: number;
  /** Called for lines that it does not get. */
  onLost(lines: number): void;
  /** Called once, when the connection is over. */
  onGone(): void;
}

/** One program that follows the events: what waits for it, and what it has lost. */
export class SocketReader {
  private readonly socket: Socket;
  private readonly options: SocketReaderOptions;
  /** Lines that it has lost and was not told about. */
  private untold = 0;

  constructor(socket: Socket, options: SocketReaderOptions) {
    this.socket = socket;
    this.options = options;
    // There is nothing to ask for: whoever sends something takes this for another socket. The end of its side is its end.
    socket.on('data', () => socket.destroy());
    socket.on('end', () => socket.destroy());
    socket.on('error', () => {});
    socket.on('drain', () => this.tellLoss());
    socket.once('close', () => options.onGone());
  }

  /**
   * Whether `bytes` more may wait. After a loss only when half of what waited is read, so that a slow reader gets long
   * pieces of the record with few gaps instead of short ones with many.
   */
  hasRoom(bytes: number): boolean {
    const { limitBytes } = this.options;
    const waiting = this.socket.writableLength;
    return this.untold > 0 ? waiting <= limitBytes / 2 : waiting + bytes <= limitBytes;
  }

  /** `lines` of whole lines, of which the reader keeps the bytes until it has taken them; for hasRoom() only. */
  write(lines: Buffer): void {
    this.tellLoss();
    this.socket.write(lines);
  }

  lose(lines: number): void {
    this.untold += lines;
    this.options.onLost(lines);
  }

  /** Ends it when all that waits is read, and in any case when `patience` is aborted. Resolves when it has ended. */
  async end(patience: AbortSignal): Promise<void> {
    const { socket } = this;
    if (socket.closed) return;
    const closed = new Promise((resolve) => socket.once('close', resolve));
    this.tellLoss();
    socket.end(() => socket.destroy());
    patience.addEventListener('abort', () => socket.destroy(), { once: true });
    await closed;
  }

  private tellLoss(): void {
    if (this.untold === 0) return;
    this.socket.write(socketLine({ action: 'reader-lost', lines: this.untold }));
    this.untold = 0;
  }
}
