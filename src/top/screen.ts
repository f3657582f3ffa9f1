import type { ReadStream, WriteStream } from 'node:tty';

/** Control sequences of ECMA-48 and xterm. */
const OPEN = '\x1b[?1049h\x1b[?25l\x1b[?7l';
const CLOSE = '\x1b[?7h\x1b[?25h\x1b[?1049l';
const HOME = '\x1b[H';
const END_OF_LINE = '\x1b[K';
const BELOW = '\x1b[J';

export interface ScreenOptions {
  readonly input: ReadStream;
  readonly output: WriteStream;
  onKeys(keys: string): void;
  onResize(): void;
}

/** A terminal that shows one view, without lines that wrap, and gives each key at once. What it showed before comes back. */
export class Screen {
  private readonly options: ScreenOptions;
  private readonly restore = (): void => this.close();
  private isOpen = true;

  constructor(options: ScreenOptions) {
    const { input, output } = options;
    this.options = options;
    input.setRawMode(true);
    input.setEncoding('utf8');
    input.on('data', options.onKeys);
    output.on('resize', options.onResize);
    // Also when something unexpected ends the process.
    process.once('exit', this.restore);
    output.write(OPEN);
  }

  get size(): { readonly columns: number; readonly rows: number } {
    const { columns, rows } = this.options.output;
    // A terminal that does not tell, such as a serial line, has 0 of both.
    return { columns: columns || 80, rows: rows || 24 };
  }

  /** Left out while the terminal has not taken the view before. */
  draw(lines: readonly string[]): void {
    const { output } = this.options;
    if (!this.isOpen || output.writableNeedDrain) return;
    output.write(`${HOME}${lines.map((line) => `${line}${END_OF_LINE}`).join('\r\n')}${BELOW}`);
  }

  /** A second call is harmless. */
  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    const { input, output, onKeys, onResize } = this.options;
    process.off('exit', this.restore);
    input.off('data', onKeys);
    output.off('resize', onResize);
    input.setRawMode(false);
    input.pause();
    output.write(CLOSE);
  }
}
