import type { Found } from '../search/line-judge.js';
import type { SourceError } from '../search/log-file.js';
import type { RecordLine } from '../search/logged-event.js';
import type { ProcessArgs } from '../search/process-args.js';
import type { OpenSpans } from '../search/spans.js';
import type { PagedOutput } from './pager.js';

export interface FoundPrinterOptions {
  readonly show: (found: Found) => string;
  readonly output: PagedOutput;
  /** What is known of the processes; undefined: lines keep the arguments that they have. */
  readonly args: ProcessArgs | undefined;
  readonly openSpans: OpenSpans;
}

/** Deletions whose arguments are looked for at once. They stay in memory meanwhile, and a forged line has up to 1 MiB. */
const JOINED_MAX = 256;

/** Prints what was found, with all arguments of the processes where they are wanted. */
export class FoundPrinter {
  private waiting: Found[] = [];

  constructor(private readonly options: FoundPrinterOptions) {}

  /** What could not be read in a second look. */
  get errors(): readonly SourceError[] {
    return this.options.args?.errors ?? [];
  }

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
    const ready = () => output.ready();
    for (let from = 0; args !== undefined && from < waiting.length; from += JOINED_MAX) {
      if (!(await ready())) return false;
      const joined = await args.join(waiting.slice(from, from + JOINED_MAX), openSpans, ready);
      for (const found of joined) output.write(show(found));
    }
    return ready();
  }
}
