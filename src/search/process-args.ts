import { Conditions } from './conditions.js';
import type { Found } from './line-judge.js';
import type { LoggedDeletion, RecordLine } from './logged-event.js';
import type { PathCondition } from './path-condition.js';
import { search } from './search.js';
import type { OpenSpans, TimeBounds } from './spans.js';

/** All arguments of a process, as the line about it has them. */
export interface WholeArgs {
  readonly args: readonly string[];
  /** `rmwatch.args_bytes`. */
  readonly bytes: readonly string[] | undefined;
  /** The kernel side took only the first of them. */
  readonly cut: boolean;
}

/** Characters of arguments in memory: those of 4,000 processes or more. The oldest are forgotten. */
const KEPT_CHARACTERS_MAX = 16 * 2 ** 20;

/** The arguments of processes whose deletions have only the first of them, by process. */
export class ProcessArgs {
  /** undefined: the record has no line about the process. */
  private readonly known = new Map<string, WholeArgs | undefined>();
  private characters = 0;

  /** Takes a line about a process; with `wanted`, one about these processes only. */
  add(record: RecordLine, wanted?: ReadonlySet<string>): void {
    const key = processKey(record);
    const args = argsIn(record);
    if (args !== undefined && wanted?.has(key) !== false) this.set(key, args);
  }

  of(deletion: LoggedDeletion): WholeArgs | undefined {
    return this.known.get(processKey(deletion));
  }

  /** Looks for the arguments that the deletions lack. `open` gives the pieces of the record between two times. */
  async find(deletions: readonly LoggedDeletion[], open: OpenSpans): Promise<void> {
    const lacking = deletions.filter(({ rmwatch }) => rmwatch.args_truncated === true);
    const missing = lacking.filter((deletion) => !this.known.has(processKey(deletion)));
    if (missing.length === 0) return;
    const wanted = new Set(missing.map(processKey));
    await open(timesOf(missing), (spans) =>
      search({
        spans,
        conditions: ABOUT_PROCESSES,
        limit: undefined,
        reverse: false,
        onProcess: (record) => this.add(record, wanted),
        take: () => true,
      }),
    );
    for (const key of wanted) if (!this.known.has(key)) this.set(key, undefined);
  }

  private set(key: string, args: WholeArgs | undefined): void {
    this.forget(key);
    this.known.set(key, args);
    this.characters += sizeOf(key, args);
    for (const oldest of this.known.keys()) {
      if (this.characters <= KEPT_CHARACTERS_MAX || oldest === key) break;
      this.forget(oldest);
    }
  }

  private forget(key: string): void {
    if (!this.known.has(key)) return;
    this.characters -= sizeOf(key, this.known.get(key));
    this.known.delete(key);
  }
}

/** What was found, with all arguments in place of the first ones. */
export function withArgs({ deletion, line }: Found, whole: WholeArgs | undefined): Found {
  if (whole === undefined || deletion.rmwatch.args_truncated !== true) return { deletion, line };
  const { args_truncated: _cut, args_bytes: _bytes, ...rmwatch } = deletion.rmwatch;
  const joined: LoggedDeletion = {
    ...deletion,
    process: { ...deletion.process, args: whole.args },
    rmwatch: {
      ...rmwatch,
      ...(whole.cut && { args_truncated: true as const }),
      ...(whole.bytes !== undefined && { args_bytes: whole.bytes }),
    },
  };
  return { deletion: joined, line: JSON.stringify(joined) };
}

/** What every line about a process holds, and no deletion. */
const ABOUT_PROCESS: PathCondition = {
  source: '',
  literals: [],
  needles: ['"dataset":"rmwatch.process"'],
  matches: () => false,
};
const ABOUT_PROCESSES = new Conditions({
  sinceMs: undefined,
  untilMs: undefined,
  paths: [ABOUT_PROCESS],
  operations: [],
  outcomes: [],
  watches: [],
  processes: [],
  pids: [],
  users: [],
  loginUids: [],
  containers: [],
  largerThan: undefined,
});

/** A line about a process is written with its first deletion: between its start and the last of the deletions. */
function timesOf(deletions: readonly LoggedDeletion[]): TimeBounds {
  const starts = deletions.map(({ process: { start } }) => (start === undefined ? Number.NaN : Date.parse(start)));
  const sinceMs = starts.reduce((a, b) => Math.min(a, b));
  const untilMs = deletions.map((deletion) => Date.parse(deletion['@timestamp'])).reduce((a, b) => Math.max(a, b));
  return { sinceMs: Number.isNaN(sinceMs) ? undefined : sinceMs, untilMs };
}

interface AboutProcess {
  readonly host?: { readonly boot?: { readonly id?: unknown } };
  readonly process?: { readonly pid?: unknown; readonly start?: unknown; readonly args?: unknown };
}

function processKey(line: object): string {
  const { host, process } = line as AboutProcess;
  return JSON.stringify([host?.boot?.id ?? null, process?.pid ?? null, process?.start ?? null]);
}

function argsIn(record: RecordLine): WholeArgs | undefined {
  const { process } = record as AboutProcess;
  const { args_bytes: bytes, args_truncated: cut } = record.rmwatch;
  if (!areTexts(process?.args)) return undefined;
  return { args: process.args, bytes: areTexts(bytes) ? bytes : undefined, cut: cut === true };
}

function areTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((text) => typeof text === 'string');
}

function sizeOf(key: string, args: WholeArgs | undefined): number {
  const texts = args === undefined ? [] : [...args.args, ...(args.bytes ?? [])];
  return texts.reduce((sum, text) => sum + text.length + 8, key.length + 64);
}
