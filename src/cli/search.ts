import { formatProblem } from '../config/problem.js';
import type { Parsed } from '../config/units.js';
import { Conditions } from '../search/conditions.js';
import { groupTable } from '../search/group-table.js';
import { type Grouping, Groups } from '../search/groups.js';
import type { SourceError } from '../search/log-file.js';
import { notesOf } from '../search/notes.js';
import { type GivenConditions, parseConditions } from '../search/parse-conditions.js';
import { ProcessArgs } from '../search/process-args.js';
import { Progress, type ProgressStream } from '../search/progress.js';
import { type SearchResult, search as searchSpans } from '../search/search.js';
import { openSources, type Sources, withSpans } from '../search/sources.js';
import type { OpenSpans } from '../search/spans.js';
import { escapeControl } from '../text/escape.js';
import { EXIT } from './exit-codes.js';
import { FoundPrinter } from './found-printer.js';
import { foundText } from './found-text.js';
import type { CommandIo } from './io.js';
import { type PagedOutput, pagedOutput } from './pager.js';

/** More of the newest lines than these would not fit into memory. */
const LIMIT_MAX = 100_000;

const EXCLUSIVE = [
  ['count', 'by'],
  ['args', 'count'],
  ['args', 'by'],
] as const;

/** Finds deletions in the record of this host, or in files. */
export async function search(given: GivenConditions, io: CommandIo): Promise<number> {
  const { values, lists } = given;
  const inputs = lists.get('input') ?? [];
  const usage = (message: string): number => {
    io.stderr.write(`rmwatch: ${escapeControl(message)}\nTry: rmwatch search --help\n`);
    return EXIT.usage;
  };
  const limit = parseLimit(values.get('limit'));
  if ('error' in limit) return usage(limit.error);
  for (const [one, other] of EXCLUSIVE) {
    if (values.has(one) && values.has(other)) return usage(`--${one} and --${other} exclude each other`);
  }
  const context = { nowMs: Date.now(), workingDirectory: process.cwd(), ownHost: inputs.length === 0 };
  const parsed = parseConditions(given, context);
  if ('error' in parsed) return usage(parsed.error);

  const output = inputs.length > 0 ? '' : await configuredOutput(values.get('config'), io);
  if (output === undefined) return EXIT.configuration;
  const options = { inputs, output, stdin: () => process.stdin };
  const sources = await openSources({ ...options, bounds: parsed.value });
  const conditions = new Conditions(parsed.value);
  try {
    return await answer({ conditions, sources, limit: limit.value, values, openSpans: withSpans(options) }, io);
  } finally {
    await sources.close();
  }
}

interface Question {
  readonly conditions: Conditions;
  readonly sources: Sources;
  readonly limit: number | undefined;
  readonly values: ReadonlyMap<string, string>;
  /** Looks into the record once more. */
  readonly openSpans: OpenSpans;
}

async function answer({ conditions, sources, limit, values, openSpans }: Question, io: CommandIo): Promise<number> {
  const json = values.has('json');
  const output = pagedOutput(io.stdout);
  const total = sources.spans.reduce((sum, { bytes }) => sum + bytes, 0);
  const progress = new Progress(io.stderr as ProgressStream, total);
  const grouping = values.get('by') as Grouping | undefined;
  const groups = grouping === undefined ? undefined : new Groups(grouping);
  const counting = values.has('count') || groups !== undefined;
  const printer = new FoundPrinter({
    show: foundText({ json, terminal: output.terminal, date: true, args: values.has('args') }),
    output,
    args: values.has('args') ? new ProcessArgs() : undefined,
    openSpans,
  });
  const result = await searchSpans({
    spans: sources.spans,
    conditions,
    // With --by the rows are limited, not the lines.
    limit: groups === undefined ? limit : undefined,
    reverse: values.has('reverse') && !counting,
    take: ({ deletion, line }) => {
      groups?.add(deletion);
      if (!counting) {
        progress.end();
        printer.print({ deletion, line });
      }
      return true;
    },
    onProcess: (record) => printer.learn(record),
    rest: () => printer.ready(),
    onProgress: (bytes) => progress.update(bytes),
  });
  progress.end();
  await printer.ready();
  if (groups !== undefined) {
    const rows = groups.groups();
    const first = values.has('reverse') ? rows.reverse() : rows;
    const shown = first.slice(0, limit);
    output.write(json ? shown.map(groupJson).join('') : groupTable(shown));
    if (groups.incomplete) io.stderr.write('rmwatch: more than 100,000 groups: counts with "≥" may be too low\n');
  } else if (counting) {
    output.write(json ? `${JSON.stringify({ count: result.matches })}\n` : `${result.matches}\n`);
  }
  tellNotes(result, sources.description, json ? undefined : output, io);
  await output.end();
  return exitCode(result, [...sources.errors, ...result.errors, ...printer.errors], io);

  function groupJson({ key, count, freedBytes, atLeast }: ReturnType<Groups['groups']>[number]): string {
    const bound = atLeast ? { at_least: true } : {};
    return `${JSON.stringify({ [grouping!]: key, count, freed_bytes: freedBytes, ...bound })}\n`;
  }
}

/** With the result where a person reads it, else on standard error: what is piped on are lines only. */
function tellNotes(result: SearchResult, description: string, output: PagedOutput | undefined, io: CommandIo): void {
  if (result.stopped) return;
  const notes = notesOf(result, description);
  if (result.matches === 0) notes.unshift('no deletion found');
  const toOutput = output?.terminal === true;
  for (const note of notes) {
    if (toOutput) output.write(`# ${note}\n`);
    else io.stderr.write(`rmwatch: ${note}\n`);
  }
}

function exitCode({ matches, stopped }: SearchResult, errors: readonly SourceError[], io: CommandIo): number {
  for (const message of new Set(errors.map((error) => error.message))) {
    io.stderr.write(`rmwatch: ${escapeControl(message)}\n`);
  }
  if (stopped) return EXIT.ok;
  if (errors.length > 0) {
    return errors.some(({ code }) => code === 'EACCES' || code === 'EPERM') ? EXIT.notPrivileged : EXIT.failure;
  }
  return matches > 0 ? EXIT.ok : EXIT.nothingFound;
}

/** `--limit`; undefined: as many as there are. */
export function parseLimit(text: string | undefined): Parsed<number | undefined> {
  if (text === undefined) return { value: undefined };
  const limit = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= LIMIT_MAX) return { value: limit };
  return { error: `--limit must be a number from 1 to ${LIMIT_MAX}, got "${text}"` };
}

/** `log.output` of the configuration; undefined when that is bad, which has been said then. */
export async function configuredOutput(file: string | undefined, io: CommandIo): Promise<string | undefined> {
  // What reads it is half of the program: files that are named do not wait for it.
  const { loadConfig } = await import('../config/load.js');
  const loaded = await loadConfig(file);
  if ('config' in loaded) return loaded.config.log.output;
  for (const problem of loaded.problems) io.stderr.write(`${formatProblem(problem)}\n`);
  io.stderr.write('rmwatch: without a configuration the log is not known; name it by --input FILE\n');
  return undefined;
}
