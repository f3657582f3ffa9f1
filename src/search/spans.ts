import type { FileHandle } from 'node:fs/promises';
import { decompressed } from './decompression.js';
import type { ByteReader } from './line-scanner.js';
import { type LogFile, RangeReader, SourceError, StreamReader } from './log-file.js';
import { type RecordLine, readLoggedLine } from './logged-event.js';

/** A piece of the record that is read from its start to its end. */
export interface Span {
  /** For messages. */
  readonly name: string;
  /** Bytes on disk, for the progress. */
  readonly bytes: number;
  /** Whether it can be opened more than once. */
  readonly repeatable: boolean;
  /** Messages of the daemon stand between the lines, which is no fault. */
  readonly mixed: boolean;
  /** The first line of the file, when that is about the record itself and not in this piece. */
  readonly opening?: RecordLine;
  open(): ByteReader & { close?(): Promise<void> };
}

export interface TimeBounds {
  /** Milliseconds since the epoch. */
  readonly sinceMs: number | undefined;
  readonly untilMs: number | undefined;
}

/** Opens the pieces that can hold lines between two times, for as long as they are used. */
export type OpenSpans = (bounds: TimeBounds, use: (spans: readonly Span[]) => Promise<unknown>) => Promise<void>;

/** Lines are written in the order in which the kernel told of them, which differs by less than this from that of their times. */
const SLACK_MS = 120_000;
/** A plain file is searched in such pieces, the newest first where only the newest lines are wanted. */
const PIECE_BYTES = 64 * 2 ** 20;
/** A smaller file is read whole: that takes less than finding out where to begin. */
const INDEXED_BYTES_MIN = 8 * 2 ** 20;
const SAMPLE_BYTES = 2 ** 20;
const SAMPLES_MAX = 4096;
/** Where a line begins is looked for this far; the daemon's lines are shorter. */
const SAMPLE_REACH = 64 * 1024;

const TIMESTAMP = /^\{"@timestamp":"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{9}Z)"/;

/** A place in a file where a line begins, with its time; undefined where that is not to be read. */
interface Sample {
  readonly offset: number;
  readonly timeMs: number | undefined;
}

/**
 * The pieces of the files, oldest first, that can hold lines within the bounds. Of plain files samples of the times tell
 * which: where they do not rise, because the clock was set back, the piece between them is read. Of compressed ones the first
 * lines of the file and of its successor do.
 */
export async function spansOf(files: readonly LogFile[], bounds: TimeBounds): Promise<Span[]> {
  const first = await Promise.all(files.map((file) => (isBounded(bounds) ? firstTime(file) : undefined)));
  const spans: Span[] = [];
  for (const [index, file] of files.entries()) {
    if (file.size === 0 || !overlaps(first[index], first[index + 1], bounds)) continue;
    if (file.compression === 'none') spans.push(...(await plainSpans(file, bounds)));
    else spans.push(compressedSpan(file));
  }
  return spans;
}

/** A stream that can be read once. */
export function streamSpan(name: string, mixed: boolean, open: () => AsyncIterable<Buffer>): Span {
  return { name, bytes: 0, repeatable: false, mixed, open: () => new StreamReader(open()) };
}

function compressedSpan(file: LogFile): Span {
  const { name, size } = file;
  return { name, bytes: size, repeatable: true, mixed: false, open: () => new StreamReader(decompressed(file)) };
}

async function plainSpans(file: LogFile, bounds: TimeBounds): Promise<Span[]> {
  const { name, handle, size } = file;
  const ranges = size < INDEXED_BYTES_MIN || !isBounded(bounds) ? [[0, size] as const] : await ranged(file, bounds);
  const spans: Span[] = [];
  const opening =
    ranges.length === 1 && ranges[0]![1] - ranges[0]![0] === size && size <= PIECE_BYTES
      ? undefined
      : await openingOf(file);
  for (const [start, end] of ranges) {
    for (let at = start; at < end; ) {
      const stop = end - at <= PIECE_BYTES ? end : Math.min(end, await lineStart(handle, at + PIECE_BYTES, end));
      const from = at;
      spans.push({
        name,
        bytes: stop - at,
        repeatable: true,
        mixed: false,
        ...(opening !== undefined && from > 0 && { opening }),
        open: () => new RangeReader(handle, from, stop),
      });
      at = stop;
    }
  }
  return spans;
}

async function openingOf({ handle }: LogFile): Promise<RecordLine | undefined> {
  const buffer = Buffer.allocUnsafe(SAMPLE_REACH);
  const { bytesRead } = await handle.read(buffer, 0, SAMPLE_REACH, 0);
  const newline = buffer.subarray(0, bytesRead).indexOf(0x0a);
  const line = newline < 0 ? undefined : readLoggedLine(buffer.toString('utf8', 0, newline));
  return line?.kind === 'record' ? line.record : undefined;
}

/** The ranges of a plain file between samples that can hold lines within the bounds. */
async function ranged({ handle, size }: LogFile, bounds: TimeBounds): Promise<[number, number][]> {
  const step = Math.max(SAMPLE_BYTES, Math.ceil(size / SAMPLES_MAX));
  const samples: Sample[] = [await sampleAt(handle, 0, size)];
  for (let at = step; at < size; at += step) {
    const sample = await sampleAt(handle, at, size);
    if (sample.offset < size && sample.offset > samples.at(-1)!.offset) samples.push(sample);
  }
  const ranges: [number, number][] = [];
  samples.forEach((sample, index) => {
    const next = samples[index + 1];
    if (!overlaps(sample.timeMs, next?.timeMs, bounds)) return;
    const end = next?.offset ?? size;
    const last = ranges.at(-1);
    if (last?.[1] === sample.offset) last[1] = end;
    else ranges.push([sample.offset, end]);
  });
  return ranges;
}

/** Whether lines between two times can be within the bounds; times that fall, or are not known, tell nothing. */
function overlaps(fromMs: number | undefined, toMs: number | undefined, { sinceMs, untilMs }: TimeBounds): boolean {
  if (fromMs === undefined) return true;
  if (toMs !== undefined && toMs < fromMs) return true;
  if (sinceMs !== undefined && toMs !== undefined && toMs < sinceMs - SLACK_MS) return false;
  return untilMs === undefined || fromMs <= untilMs + SLACK_MS;
}

function isBounded({ sinceMs, untilMs }: TimeBounds): boolean {
  return sinceMs !== undefined || untilMs !== undefined;
}

/** The first line that begins at `at` or behind it. */
async function sampleAt(handle: FileHandle, at: number, size: number): Promise<Sample> {
  const buffer = Buffer.allocUnsafe(SAMPLE_REACH);
  const { bytesRead } = await handle.read(buffer, 0, SAMPLE_REACH, at === 0 ? 0 : at - 1);
  const newline = at === 0 ? 0 : buffer.subarray(0, bytesRead).indexOf(0x0a);
  if (newline < 0) return { offset: await lineStart(handle, at, size), timeMs: undefined };
  const start = at === 0 ? 0 : newline + 1;
  const timeMs = timeOf(buffer.toString('latin1', start, Math.min(bytesRead, start + 64)));
  return { offset: (at === 0 ? 0 : at - 1) + start, timeMs };
}

/** Where the first line begins behind the one that `at` is in; `end` when none does. */
async function lineStart(handle: FileHandle, at: number, end: number): Promise<number> {
  const buffer = Buffer.allocUnsafe(SAMPLE_REACH);
  for (let from = at - 1; from < end; from += SAMPLE_REACH) {
    const { bytesRead } = await handle.read(buffer, 0, SAMPLE_REACH, from);
    if (bytesRead === 0) return end;
    const newline = buffer.subarray(0, bytesRead).indexOf(0x0a);
    if (newline >= 0) return Math.min(end, from + newline + 1);
  }
  return end;
}

async function firstTime(file: LogFile): Promise<number | undefined> {
  if (file.size === 0) return undefined;
  const reader =
    file.compression === 'none' ? new RangeReader(file.handle, 0, file.size) : new StreamReader(decompressed(file));
  try {
    const buffer = Buffer.allocUnsafe(64);
    let filled = 0;
    while (filled < buffer.length) {
      const got = await reader.read(buffer, filled, buffer.length - filled);
      if (got === 0) break;
      filled += got;
    }
    return timeOf(buffer.toString('latin1', 0, filled));
  } catch (error) {
    // The search itself will meet the same fault, and tell it.
    if (error instanceof SourceError) return undefined;
    throw error;
  } finally {
    if (reader instanceof StreamReader) await reader.close();
  }
}

function timeOf(beginning: string): number | undefined {
  const timestamp = TIMESTAMP.exec(beginning)?.[1];
  const timeMs = timestamp === undefined ? Number.NaN : Date.parse(timestamp);
  return Number.isNaN(timeMs) ? undefined : timeMs;
}
