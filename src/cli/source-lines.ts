import type { Problem } from '../config/problem.js';
import { readText } from '../config/read-text.js';
import { escapeControl } from '../text/escape.js';

/** Characters shown on either side of the place, so that an excerpt stays in one line of a terminal. */
const BEFORE_MAX = 40;
const AFTER_MAX = 60;

/** The lines of configuration files, to show the place of a problem. Each file is read once. */
export class SourceLines {
  private readonly known: Map<string, readonly string[] | undefined>;

  /** `texts`: those that are in no file, by the name that problems give them. */
  constructor(texts: ReadonlyMap<string, string>) {
    this.known = new Map([...texts].map(([name, text]) => [name, text.split('\n')]));
  }

  /**
   * The line of the problem and a caret below its place, each with its newline; '' when the problem is about the file as a
   * whole, or the file cannot be read.
   */
  async excerpt({ file, line, column, path }: Problem): Promise<string> {
    if (path === '' && line === 1 && column === 1) return '';
    const text = (await this.linesOf(file))?.[line - 1];
    if (text === undefined) return '';
    const at = Math.min(column - 1, text.length);
    const start = Math.max(0, at - BEFORE_MAX);
    const before = `${start > 0 ? '…' : ''}${escapeControl(text.slice(start, at))}`;
    const after = `${escapeControl(text.slice(at, at + AFTER_MAX))}${at + AFTER_MAX < text.length ? '…' : ''}`;
    return `  ${before}${after}\n  ${' '.repeat([...before].length)}^\n`;
  }

  private async linesOf(file: string): Promise<readonly string[] | undefined> {
    if (!this.known.has(file)) {
      const text = await readText(file);
      this.known.set(file, typeof text === 'string' ? text.split('\n') : undefined);
    }
    return this.known.get(file);
  }
}
