import type { Found } from '../search/line-judge.js';
import type { RecordLine } from '../search/logged-event.js';
import { type ProcessArgs, withArgs } from '../search/process-args.js';
import type { OpenSpans } from '../search/spans.js';
import type { PagedOutput } from './pager.js';

export interface FoundPrinterOptions {
  readonly show: (found: Found) => string;
  readonly output: PagedOutput;
  /** What is known of the processes; undefined: lines keep the arguments that they have. */
  readonly args: ProcessArgs | undefined;
  readonly openSpans: OpenSpans;
}

/** Deletions whose arguments are looked for at once: all of them fit into memory. */
const JOINED_MAX = 1_000;

/** Prints what was found, with all arguments of the processes where they are wanted. */
export class FoundPrinter {
  private waiting: Found[] = [];

  constructor(private readonly options: FoundPrinterOptions) {}

  print(found: Found): void {
    const { args, output, show } = this.options;
    if (args === undefined) output.write(show(found));
    else this.waiting.push(found);
  }

  /** Takes a line about a process, which comes before its deletions. */
  learn(record: RecordLine): void {
    this.options.args?.add(record);
  }

  /** Prints what waits, and waits for a slow reader; false once that wants no more. */
  async ready(): Promise<boolean> {
    const { args, output, show, openSpans } = this.options;
    const waiting = this.waiting;
    this.waiting = [];
    for (let from = 0; args !== undefined && from < waiting.length; from += JOINED_MAX) {
      const part = waiting.slice(from, from + JOINED_MAX);
      await args.find(
        part.map(({ deletion }) => deletion),
        openSpans,
      );
      for (const found of part) output.write(show(withArgs(found, args.of(found.deletion))));
      if (!(await output.ready())) return false;
    }
    return output.ready();
  }
}
