import { ANYTHING, Conditions } from './conditions.js';
import type { Found } from './line-judge.js';
import type { SourceError } from './log-file.js';
import type { LoggedDeletion, RecordLine } from './logged-event.js';
import type { PathCondition } from './path-condition.js';
import { search } from './search.js';
import type { OpenSpans, TimeBounds } from './spans.js';

/** All arguments of a process, as a line about it has them. */
interface WholeArgs {
  /** `@timestamp` of the line. */
  readonly time: string;
  readonly args: readonly string[];
  /** `rmwatch.args_bytes`. */
  readonly bytes: readonly string[] | undefined;
  /** The kernel side took only the first of them. */
  readonly cut: boolean;
}

/** Characters of arguments that are kept of lines that were met; the oldest processes are forgotten. */
const KEPT_CHARACTERS_MAX = 16 * 2 ** 20;
/** Lines about one process that are kept. */
const LINES_MAX = 64;
/** What a text and its place in a list take beside its characters. */
const TEXT_OVERHEAD = 32;
/** Processes without a line that are remembered, so that nothing is looked for twice. */
const ABSENT_MAX = 10_000;

/** Puts all arguments into deletions whose lines have only the first of them. */
export class ProcessArgs {
  /** What could not be read on the way. */
  readonly errors: SourceError[] = [];
  /** By process: a line each time that it was described, the newest last. */
  private readonly met = new Map<string, WholeArgs[]>();
  private readonly absent = new Set<string>();
  private characters = 0;

  /** Takes a line about a process. */
  add(record: RecordLine): void {
    const whole = wholeArgsIn(record);
    if (whole === undefined) return;
    const key = processKey(record);
    const lines = this.met.get(key) ?? [];
    if (lines.some(({ time }) => time === whole.time)) return;
    lines.push(whole);
    this.characters += sizeOf(whole);
    if (lines.length > LINES_MAX) this.characters -= sizeOf(lines.shift()!);
    // The newest stand at the end of the map.
    this.met.delete(key);
    this.met.set(key, lines);
    for (const [oldest, forgotten] of this.met) {
      if (this.characters <= KEPT_CHARACTERS_MAX) break;
      this.met.delete(oldest);
      for (const one of forgotten) this.characters -= sizeOf(one);
    }
  }

  /**
   * The same deletions with all arguments, as far as the record has them. `open` gives the pieces of the record between two
   * times, which are read when lines were not met; `ready` waits for a slow reader, false: it wants no more.
   */
  async join(found: readonly Found[], open: OpenSpans, ready: () => Promise<boolean>): Promise<Found[]> {
    const joined = new Map<LoggedDeletion, WholeArgs>();
    const missing = new Map<string, LoggedDeletion[]>();
    for (const { deletion } of found) {
      if (deletion.rmwatch.args_truncated !== true) continue;
      const key = processKey(deletion);
      for (const whole of this.met.get(key) ?? []) take(joined, deletion, whole);
      if (!joined.has(deletion) && !this.absent.has(key)) missing.set(key, [...(missing.get(key) ?? []), deletion]);
    }
    if (missing.size > 0) await this.look(missing, joined, open, ready);
    return found.map((one) => withArgs(one, joined.get(one.deletion)));
  }

  private async look(
    missing: ReadonlyMap<string, readonly LoggedDeletion[]>,
    joined: Map<LoggedDeletion, WholeArgs>,
    open: OpenSpans,
    ready: () => Promise<boolean>,
  ): Promise<void> {
    const deletions = [...missing.values()].flat();
    await open(timesOf(deletions), async (spans) => {
      const { errors } = await search({
        spans,
        conditions: ABOUT_PROCESSES,
        limit: undefined,
        reverse: false,
        onProcess: (record) => {
          const whole = wholeArgsIn(record);
          if (whole === undefined) return;
          for (const deletion of missing.get(processKey(record)) ?? []) take(joined, deletion, whole);
          this.add(record);
        },
        take: () => true,
        rest: ready,
      });
      this.errors.push(...errors);
    });
    if (this.absent.size + missing.size > ABSENT_MAX) this.absent.clear();
    for (const [key, those] of missing) if (!those.some((deletion) => joined.has(deletion))) this.absent.add(key);
  }
}

/** The newest line from before the deletion is the one that was written for it. */
function take(joined: Map<LoggedDeletion, WholeArgs>, deletion: LoggedDeletion, whole: WholeArgs): void {
  const known = joined.get(deletion);
  if (whole.time > deletion['@timestamp'] || (known !== undefined && known.time >= whole.time)) return;
  if (beginsWith(whole.args, deletion.process.args ?? [])) joined.set(deletion, whole);
}

/** A process can have had other arguments before: it has started another program, or given itself a title. */
function beginsWith(whole: readonly string[], first: readonly string[]): boolean {
  const last = first.length - 1;
  return (
    first.length <= whole.length &&
    first.every((arg, index) => (index < last ? whole[index] === arg : whole[index]!.startsWith(arg)))
  );
}

function withArgs({ deletion, line }: Found, whole: WholeArgs | undefined): Found {
  if (whole === undefined) return { deletion, line };
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
const ABOUT_PROCESSES = new Conditions({ ...ANYTHING, paths: [ABOUT_PROCESS] });

/** A line about a process is written before a deletion of its own: between its start and that. */
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

function wholeArgsIn(record: RecordLine): WholeArgs | undefined {
  const { process } = record as AboutProcess;
  const { args_bytes: bytes, args_truncated: cut } = record.rmwatch;
  if (!areTexts(process?.args)) return undefined;
  const time = record['@timestamp'];
  return { time, args: process.args, bytes: areTexts(bytes) ? bytes : undefined, cut: cut === true };
}

function areTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((text) => typeof text === 'string');
}

function sizeOf({ args, bytes = [] }: WholeArgs): number {
  return [...args, ...bytes].reduce((sum, text) => sum + text.length + TEXT_OVERHEAD, TEXT_OVERHEAD);
}
