import fs from 'node:fs';
import { AppendedLines } from './appended-lines.js';
import { eventLinesIn, isOfRecord } from './record-marks.js';

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
  // biome-ignore lint/suspicious/noExplicitAny: what the daemon writes is what is tested
  private parsedRecord: any[] = [];
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
      this.parsedRecord = [];
    });
    this.toCount = new AppendedLines(file, () => {
      this.counted = 0;
    });
  }

  /** Finished lines of events so far, parsed. Without a file, those of the last one. */
  // biome-ignore lint/suspicious/noExplicitAny: what the daemon writes is what is tested
  events(): any[] {
    this.parse();
    return [...this.parsed];
  }

  /** As events(), the lines in which the record speaks of itself. */
  // biome-ignore lint/suspicious/noExplicitAny: what the daemon writes is what is tested
  record(): any[] {
    this.parse();
    return [...this.parsedRecord];
  }

  private parse(): void {
    this.toParse.read((lines) => {
      for (const line of this.parser.add(lines)) {
        if (line !== undefined) (isOfRecord(line) ? this.parsedRecord : this.parsed).push(line);
      }
    });
  }

  /** How many finished lines of events there are so far, without the time that it takes to parse them. */
  lines(): number {
    this.toCount.read((lines) => {
      this.counted += eventLinesIn(lines);
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
