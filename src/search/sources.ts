import type { Readable } from 'node:stream';
import { journalSpan } from './journal.js';
import { type LogFile, openLogFile, type SourceError } from './log-file.js';
import { findLogFiles } from './log-files.js';
import { type OpenSpans, type Span, spansOf, streamSpan, type TimeBounds } from './spans.js';

export interface SourceOptions {
  /** Files that were named, "-" for standard input; none: the record of this host. */
  readonly inputs: readonly string[];
  /** `log.output` of the configuration. */
  readonly output: string;
  readonly bounds: TimeBounds;
  stdin(): Readable;
}

export interface Sources {
  /** Oldest first. */
  readonly spans: readonly Span[];
  /** What cannot be read. */
  readonly errors: readonly SourceError[];
  /** Where was looked, in words. */
  readonly description: string;
  close(): Promise<void>;
}

/** Finds and opens what a search goes through. */
export async function openSources({ inputs, output, bounds, stdin }: SourceOptions): Promise<Sources> {
  if (inputs.length > 0) return openInputs(inputs, bounds, stdin);
  if (output === 'stdout') {
    return { spans: [journalSpan(bounds)], errors: [], description: 'the journal', close: async () => {} };
  }
  const { files, errors } = await findLogFiles(output);
  const description = files.length > 1 ? `${output} and ${files.length - 1} rotated files` : output;
  return { spans: await spansOf(files, bounds), errors, description, close: () => closeAll(files) };
}

/** Opens what lies between two times once more, for a second look. Standard input is gone by then. */
export function withSpans({ inputs, ...options }: Omit<SourceOptions, 'bounds'>): OpenSpans {
  const files = inputs.filter((input) => input !== '-');
  return async (bounds, use) => {
    if (inputs.length > 0 && files.length === 0) return;
    const sources = await openSources({ ...options, inputs: files, bounds });
    try {
      await use(sources.spans);
    } finally {
      await sources.close();
    }
  };
}

/** Files in the order in which they are given. */
async function openInputs(inputs: readonly string[], bounds: TimeBounds, stdin: () => Readable): Promise<Sources> {
  const files: LogFile[] = [];
  const errors: SourceError[] = [];
  const spans: Span[] = [];
  let pending: LogFile[] = [];
  for (const input of inputs) {
    if (input === '-') {
      spans.push(...(await spansOf(pending, bounds)));
      pending = [];
      spans.push(streamSpan('standard input', false, () => stdin() as AsyncIterable<Buffer>));
      continue;
    }
    try {
      const file = await openLogFile(input);
      files.push(file);
      pending.push(file);
    } catch (error) {
      errors.push(error as SourceError);
    }
  }
  spans.push(...(await spansOf(pending, bounds)));
  return { spans, errors, description: inputs.join(', '), close: () => closeAll(files) };
}

async function closeAll(files: readonly LogFile[]): Promise<void> {
  await Promise.all(files.map(({ handle }) => handle.close()));
}
