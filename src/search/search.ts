import { setImmediate } from 'node:timers/promises';
import type { Conditions } from './conditions.js';
import { type Coverage, coverageOf, type EndOfRun, PieceCoverage } from './coverage.js';
import { type Found, judgeCandidate } from './line-judge.js';
import { type Block, type LineVisitor, scanLines, TIMESTAMP_END, TIMESTAMP_START } from './line-scanner.js';
import { SourceError } from './log-file.js';
import { isTimestamp, type RecordLine, readLoggedLine } from './logged-event.js';
import type { Span } from './spans.js';

export interface SearchOptions {
  /** Oldest first. */
  readonly spans: readonly Span[];
  readonly conditions: Conditions;
  /** The newest matches are all that is wanted. */
  readonly limit: number | undefined;
  /** Newest first. */
  readonly reverse: boolean;
  /** Takes one match after the other; false: enough. What it returns is waited for after every block. */
  readonly take: (found: Found) => boolean | undefined;
  /** Called after each block, to wait for a slow reader. */
  readonly rest?: () => Promise<boolean>;
  /** Takes lines about processes, which the record holds apart from the deletions. */
  readonly onProcess?: (record: RecordLine) => void;
  readonly onProgress?: (readBytes: number) => void;
}

export interface SearchResult {
  readonly matches: number;
  /** Lines that are no whole line of rmwatch. */
  readonly foreignLines: number;
  readonly coverage: Coverage;
  readonly errors: readonly SourceError[];
  /** `take` has wanted no more. */
  readonly stopped: boolean;
}

/** Matches that wait in memory because the newest are wanted first. */
const KEPT_BYTES_MAX = 64 * 2 ** 20;

/** Goes through the record and hands over what matches. Sources that fail are in the result; what they gave counts. */
export async function search(options: SearchOptions): Promise<SearchResult> {
  return new Search(options).run();
}

class Search {
  private readonly pieces: PieceCoverage[] = [];
  private readonly errors: SourceError[] = [];
  private readonly buffer = Buffer.allocUnsafeSlow(2 * 2 ** 20);
  private foreignLines = 0;
  private matches = 0;
  private readBytes = 0;
  private stopped = false;
  /** The newest were enough. */
  private endedEarly = false;

  constructor(private readonly options: SearchOptions) {}

  async run(): Promise<SearchResult> {
    const { spans, limit, reverse, conditions } = this.options;
    if (limit === undefined && !reverse) await this.forwards(spans);
    else if (reverse) await this.backwards(spans, limit ?? Number.POSITIVE_INFINITY);
    else await this.newest(spans, limit!);
    return {
      matches: this.matches,
      foreignLines: this.foreignLines,
      coverage: coverageOf(this.pieces, {
        since: conditions.since,
        until: conditions.until,
        complete: !this.stopped && !this.endedEarly,
      }),
      errors: this.errors,
      stopped: this.stopped,
    };
  }

  private async forwards(spans: readonly Span[]): Promise<void> {
    for (const span of spans) {
      this.pieces.push(await this.scan(span, (found) => this.give(found)));
      if (this.stopped) return;
    }
  }

  /** The newest `limit` matches, oldest first: no older piece is read once there are enough. */
  private async newest(spans: readonly Span[], limit: number): Promise<void> {
    const kept: Found[][] = [];
    let missing = limit;
    for (const span of [...spans].reverse()) {
      const last = new LastMatches(missing, Number.POSITIVE_INFINITY);
      this.pieces.unshift(await this.scan(span, (found) => last.add(found)));
      kept.unshift(last.matches());
      missing -= kept[0]!.length;
      if (missing === 0) {
        this.endedEarly = true;
        break;
      }
    }
    for (const found of kept.flat()) if (!this.give(found)) return;
  }

  /** Newest first. A piece with more matches than memory may hold is read as often as it takes. */
  private async backwards(spans: readonly Span[], limit: number): Promise<void> {
    let missing = limit;
    for (const span of [...spans].reverse()) {
      for (let until = Number.POSITIVE_INFINITY; until > 0 && missing > 0; ) {
        const last = new LastMatches(Math.min(missing, until), KEPT_BYTES_MAX);
        let seen = 0;
        const piece = await this.scan(span, (found) => {
          seen += 1;
          if (seen <= until) last.add(found);
          return true;
        });
        if (until === Number.POSITIVE_INFINITY) this.pieces.unshift(piece);
        const matches = last.matches();
        for (const found of matches.reverse()) if (!this.give(found)) return;
        missing -= matches.length;
        until = Math.min(until, seen) - matches.length;
        if (until > 0 && missing > 0 && !span.repeatable) {
          this.errors.push(new SourceError(span.name, 'cannot be read twice, as --reverse of so many lines needs'));
          return;
        }
      }
      if (missing === 0) {
        this.endedEarly = true;
        return;
      }
    }
  }

  private give(found: Found): boolean {
    this.matches += 1;
    if (this.options.take(found) === false) this.stopped = true;
    return !this.stopped;
  }

  private async scan(span: Span, add: (found: Found) => boolean | undefined): Promise<PieceCoverage> {
    const visitor = new PieceVisitor(this.options, span.mixed, add, (bytes) => {
      this.readBytes += bytes;
      this.options.onProgress?.(this.readBytes);
    });
    visitor.coverage.opening = span.opening;
    const reader = span.open();
    try {
      await scanLines(reader, this.options.conditions.needles[0] ?? [], visitor, this.buffer);
    } catch (error) {
      if (error instanceof SourceError) this.errors.push(error);
      else if (error === ENOUGH) this.stopped = true;
      else if (typeof (error as NodeJS.ErrnoException).syscall === 'string') {
        this.errors.push(new SourceError(span.name, (error as Error).message, (error as NodeJS.ErrnoException).code));
      } else throw error;
    } finally {
      await reader.close?.();
    }
    this.foreignLines += visitor.foreignLines;
    return visitor.coverage;
  }
}

/** Thrown to leave a piece before its end. */
const ENOUGH = Symbol('enough');

/** The newest matches, up to a number and a sum of bytes, but at least one. */
class LastMatches {
  private kept: Found[] = [];
  private bytes = 0;
  private from = 0;

  constructor(
    private readonly limit: number,
    private readonly bytesMax: number,
  ) {}

  add(found: Found): boolean {
    this.kept.push(found);
    this.bytes += found.line.length;
    while (
      this.kept.length - this.from > this.limit ||
      (this.bytes > this.bytesMax && this.kept.length - this.from > 1)
    ) {
      this.bytes -= this.kept[this.from]!.line.length;
      this.from += 1;
    }
    if (this.from > 1024 && this.from > this.kept.length / 2) {
      this.kept = this.kept.slice(this.from);
      this.from = 0;
    }
    return true;
  }

  matches(): Found[] {
    return this.kept.slice(this.from);
  }
}

const SEQUENCE = Buffer.from('"dataset":"rmwatch.deletion","sequence":');
const TRACEPOINT = Buffer.from('"attach":"tracepoint"');
const EVENT_START = '{"@timestamp":"';
const NEWLINE = 0x0a;

class PieceVisitor implements LineVisitor {
  readonly coverage = new PieceCoverage();
  foreignLines = 0;
  private readonly conditions: Conditions;
  private stopped = false;
  private others = 0;

  constructor(
    private readonly options: SearchOptions,
    private readonly mixed: boolean,
    private readonly add: (found: Found) => boolean | undefined,
    private readonly onBytes: (bytes: number) => void,
  ) {
    this.conditions = options.conditions;
  }

  candidate(buffer: Buffer, start: number, end: number): void {
    if (this.stopped) return;
    const judged = judgeCandidate(this.conditions, buffer, start, end);
    if (judged === 'foreign') this.foreignLines += 1;
    else if (judged !== undefined) this.take(judged);
  }

  other(buffer: Buffer, start: number, end: number): void {
    if (this.stopped) return;
    this.others += 1;
    const line = buffer.toString('utf8', start, end);
    const read = readLoggedLine(line);
    if (read === undefined) {
      if (!this.mixed || line.startsWith(EVENT_START)) this.foreignLines += 1;
    } else if (read.kind === 'deletion') {
      if (this.conditions.matches(read.deletion)) this.take({ deletion: read.deletion, line });
    } else if (read.record.event.dataset === 'rmwatch.process') this.options.onProcess?.(read.record);
    else if (read.record.event.dataset === 'rmwatch.burst') this.coverage.folded.add(read.record);
    else this.coverage.record(read.record);
  }

  oversized(): void {
    this.foreignLines += 1;
  }

  async block(block: Block): Promise<void> {
    this.followSequence(block);
    this.others = 0;
    this.onBytes(block.end - block.start);
    // Files are read without the event loop, in which a pager ends.
    await setImmediate();
    if (this.stopped || (await this.options.rest?.()) === false) throw ENOUGH;
  }

  private take(found: Found): void {
    if (this.add(found) === false) this.stopped = true;
  }

  /** Numbers rise by one from line to line: the first and the last of a block tell whether all do, else each is read. */
  private followSequence(block: Block): void {
    const { coverage } = this;
    if (block.deletions > 0) {
      const first = endOfRun(block, block.first);
      const last = endOfRun(block, block.last);
      if (lineAt(block, block.first).includes(TRACEPOINT)) coverage.tracepoint = true;
      const unbroken = first && last && last.sequence - first.sequence === block.deletions - 1;
      if (unbroken && this.others === 0) {
        coverage.deletion(first);
        coverage.skip(last);
        return;
      }
    }
    if (block.deletions + this.others === 0) return;
    for (let start = block.start; start < block.end; ) {
      const next = endOfRun(block, start);
      if (next !== undefined) coverage.deletion(next);
      start = lineEnd(block, start) + 1;
    }
  }
}

function lineEnd({ buffer, end }: Block, start: number): number {
  const newline = buffer.indexOf(NEWLINE, start);
  return newline < 0 ? end : newline;
}

function lineAt(block: Block, start: number): Buffer {
  return block.buffer.subarray(start, lineEnd(block, start));
}

/** Time and number of the deletion that a line tells; undefined: it is another line. */
function endOfRun(block: Block, start: number): EndOfRun | undefined {
  const line = lineAt(block, start);
  const at = line.indexOf(SEQUENCE);
  if (at < 0) return undefined;
  const digits = /^\d{1,15}/.exec(line.toString('latin1', at + SEQUENCE.length, at + SEQUENCE.length + 16));
  const time = line.toString('latin1', TIMESTAMP_START, TIMESTAMP_END);
  if (digits === null || !isTimestamp(time)) return undefined;
  return { time, sequence: Number(digits[0]) };
}
