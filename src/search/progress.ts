import { byteText } from '../text/byte-count.js';

const SILENT_MS = 1000;
const EVERY_MS = 200;
const WIDTH = 30;

export interface ProgressStream {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** A bar on a terminal for what takes longer than a second; it takes itself away at the end. */
export class Progress {
  private readonly startedMs = performance.now();
  private drawnMs = 0;

  constructor(
    private readonly stream: ProgressStream,
    /** 0: not known. */
    private readonly totalBytes: number,
  ) {}

  update(bytes: number): void {
    const nowMs = performance.now();
    if (this.stream.isTTY !== true || nowMs < this.startedMs + SILENT_MS || nowMs < this.drawnMs + EVERY_MS) return;
    this.drawnMs = nowMs;
    // Compressed files give more bytes than they have.
    const share = Math.min(1, this.totalBytes === 0 ? 0 : bytes / this.totalBytes);
    const filled = Math.round(share * WIDTH);
    const bar = this.totalBytes === 0 ? '' : ` [${'#'.repeat(filled).padEnd(WIDTH)}]`;
    this.stream.write(`\r\x1b[Ksearching${bar} ${byteText(bytes)}`);
  }

  end(): void {
    if (this.drawnMs > 0) this.stream.write('\r\x1b[K');
    this.drawnMs = 0;
  }
}
