import fs from 'node:fs';
import { AppendedLines } from './appended-lines.js';

const NEWLINE = 0x0a;

/** Takes whole lines, and returns them parsed; one that is no JSON is undefined. */
export interface LineParser {
  // biome-ignore lint/suspicious/noExplicitAny: what the daemon writes is what is tested
  add(wholeLines: Buffer): any[];
}

const plainParser: LineParser = {
  add: (wholeLines) =>
    wholeLines
      .toString('utf8')
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line)),
};

/** The daemon's log of events: the file that is at its place now. What was read before is not read again. */
export class EventLog {
  // biome-ignore lint/suspicious/noExplicitAny: what the daemon writes is what is tested
  private parsed: any[] = [];
  private counted = 0;
  private readonly toParse: AppendedLines;
  private readonly toCount: AppendedLines;

  /** `parser`: a check against the schema, for one; by default JSON alone. */
  constructor(
    readonly file: string,
    private readonly parser: LineParser = plainParser,
  ) {
    this.toParse = new AppendedLines(file, () => {
      this.parsed = [];
    });
    this.toCount = new AppendedLines(file, () => {
      this.counted = 0;
    });
  }

  /** Finished lines so far, parsed. Without a file, those of the last one. */
  // biome-ignore lint/suspicious/noExplicitAny: what the daemon writes is what is tested
  events(): any[] {
    this.toParse.read((lines) => {
      for (const event of this.parser.add(lines)) if (event !== undefined) this.parsed.push(event);
    });
    return [...this.parsed];
  }

  /** How many finished lines there are so far, without the time that it takes to parse them. */
  lines(): number {
    this.toCount.read((lines) => {
      for (let at = lines.indexOf(NEWLINE); at !== -1; at = lines.indexOf(NEWLINE, at + 1)) this.counted += 1;
    });
    return this.counted;
  }

  bytes(): number {
    return fs.statSync(this.file, { throwIfNoEntry: false })?.size ?? 0;
  }

  close(): void {
    this.toParse.close();
    this.toCount.close();
  }
}
