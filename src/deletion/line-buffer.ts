/** Where finished lines go: see EventWriter.writeChunk. */
export type TakeLines = (chunk: Buffer, length: number, lines: number) => void;

/** Filled to this before it is handed on; a line that is larger travels alone. */
const CHUNK_BYTES = 256 * 1024;
/**
 * Lines gathered as one string before they become bytes: one conversion for many lines is cheaper, but a string that
 * holds a single character outside latin1 takes twice the memory and converts slower.
 */
const STRING_CHARACTERS = 16 * 1024;

/** Gathers lines and turns them into bytes, many at a time. */
export class LineBuffer {
  private readonly take: TakeLines;
  private readonly form: (line: string) => string;
  private readonly chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  private text = '';
  private textLines = 0;
  private length = 0;
  private lines = 0;

  /** `form` changes a line before it is written; by default it stays as it is. */
  constructor(take: TakeLines, form: (line: string) => string = (line) => line) {
    this.take = take;
    this.form = form;
  }

  /** `line` without its newline. */
  add(line: string): void {
    this.text += `${this.form(line)}\n`;
    this.textLines += 1;
    if (this.text.length >= STRING_CHARACTERS) this.encode();
  }

  /** Hands on all that was added. */
  flush(): void {
    this.encode();
    this.handOn();
  }

  private encode(): void {
    if (this.textLines === 0) return;
    const { text } = this;
    // One UTF-16 unit is at most three bytes of UTF-8.
    if (text.length * 3 > CHUNK_BYTES - this.length) this.handOn();
    if (text.length * 3 > CHUNK_BYTES) {
      const bytes = Buffer.from(text);
      this.take(bytes, bytes.length, this.textLines);
    } else {
      this.length += this.chunk.write(text, this.length, 'utf8');
      this.lines += this.textLines;
    }
    this.text = '';
    this.textLines = 0;
  }

  private handOn(): void {
    if (this.lines > 0) this.take(this.chunk, this.length, this.lines);
    this.length = 0;
    this.lines = 0;
  }
}
