import net from 'node:net';
import type { ByteReader } from '../search/line-scanner.js';

/** The connection of a program to the event socket of the daemon. */
export class EventConnection implements ByteReader {
  private readonly socket: net.Socket;
  private readonly chunks: AsyncIterator<Buffer>;
  private rest: Buffer = Buffer.alloc(0);

  private constructor(socket: net.Socket) {
    this.socket = socket;
    this.chunks = socket[Symbol.asyncIterator]();
  }

  /** Rejects with the error of connect(2), or with the signal's reason. */
  static open(path: string, signal: AbortSignal): Promise<EventConnection> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const socket = net.connect(path);
      // The signal lives as long as the program, which may try again and again.
      const abort = (): void => void socket.destroy(signal.reason as Error);
      signal.addEventListener('abort', abort);
      const settle = (): void => signal.removeEventListener('abort', abort);
      const fail = (error: Error): void => {
        settle();
        reject(error);
      };
      socket.once('error', fail);
      socket.once('connect', () => {
        settle();
        socket.off('error', fail);
        socket.on('error', () => {});
        resolve(new EventConnection(socket));
      });
    });
  }

  /** What nobody reads waits in the daemon, which gives up the newest of it: nothing is gathered here. */
  async read(buffer: Buffer, offset: number, length: number): Promise<number> {
    while (this.rest.length === 0) {
      const next = await this.chunks.next().catch(() => ({ done: true as const, value: undefined }));
      if (next.done === true) return 0;
      this.rest = next.value;
    }
    const bytes = this.rest.copy(buffer, offset, 0, length);
    this.rest = this.rest.subarray(bytes);
    return bytes;
  }

  async close(): Promise<void> {
    this.socket.destroy();
  }
}
