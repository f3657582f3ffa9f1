/** Holds every line of an event log against the schema, and counts. Runs on this machine and in guests. */
import { isUtf8 } from 'node:buffer';

/** More would drown the first. */
const SHOWN = 5;
const SHOWN_CHARACTERS = 2_000;
const NEWLINE = 0x0a;

/** What a check of lines found, here or in another process. */
export interface LineAccount {
  readonly lines: number;
  readonly invalid: number;
  /** What is wrong with the first invalid lines. */
  readonly problems: readonly string[];
}

/** Of ajv, or of what it compiled. */
export interface LineValidator {
  (event: unknown): boolean;
  errors?: null | readonly { readonly instancePath: string; readonly message?: string; readonly params?: unknown }[];
}

export class LineCheck implements LineAccount {
  lines = 0;
  invalid = 0;
  readonly problems: string[] = [];

  constructor(private readonly validate: LineValidator) {}

  /** Takes whole lines, each with its end, and returns them parsed; one that is no JSON is undefined. */
  // biome-ignore lint/suspicious/noExplicitAny: what the daemon writes is what is tested
  add(bytes: Buffer): any[] {
    // Decoding would put U+FFFD in the place of what no JSON reader takes.
    if (!isUtf8(bytes)) this.#fault('bytes that are not UTF-8', bytes.toString('latin1'), 0);
    const lines = bytes.toString('utf8').split('\n');
    const last = lines.pop()!;
    if (last !== '') this.#fault('a line without its end', last);
    return lines.map((line) => this.#line(line));
  }

  /** How far a reader may take `bytes` for whole lines. */
  static wholeLines(bytes: Buffer): number {
    return bytes.lastIndexOf(NEWLINE) + 1;
  }

  /** Counts what another one found. */
  merge({ lines, invalid, problems }: LineAccount): void {
    this.lines += lines;
    this.invalid += invalid;
    this.problems.push(...problems.slice(0, Math.max(0, SHOWN - this.problems.length)));
  }

  /** As it is reported from one process to another. */
  toJSON(): LineAccount {
    const { lines, invalid, problems } = this;
    return { lines, invalid, problems };
  }

  #line(line: string): unknown {
    let event: unknown;
    try {
      event = JSON.parse(line);
    } catch (error) {
      this.#fault(String(error), line);
      return undefined;
    }
    this.lines += 1;
    if (!this.validate(event)) {
      const errors = this.validate.errors ?? [];
      this.#fault(errors.map(({ instancePath, message }) => `${instancePath || '/'} ${message}`).join(', '), line, 0);
    } else if (JSON.stringify(event) !== line) {
      // Of two fields with one name a reader keeps the last, and of a long number the first digits.
      this.#fault('does not come back from a JSON reader as it was written', line, 0);
    }
    return event;
  }

  /** `lines`: how many of them are counted nowhere else. */
  #fault(problem: string, line: string, lines = 1): void {
    this.lines += lines;
    this.invalid += 1;
    if (this.problems.length < SHOWN) this.problems.push(`${problem}: ${line.slice(0, SHOWN_CHARACTERS)}`);
  }
}
