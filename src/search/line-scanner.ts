/** Fills the buffer from `offset` on with at most `length` bytes; 0 at the end of the source. */
export interface ByteReader {
  read(buffer: Buffer, offset: number, length: number): Promise<number>;
}

/** Lines as bytes of a buffer that is only theirs until the call returns. */
export interface LineVisitor {
  /** A line that could be wanted: it holds one of the needles, or there are none. */
  candidate(buffer: Buffer, start: number, end: number): void;
  /** A line that does not begin as deletions do: a line about the record itself, or a foreign one. */
  other(buffer: Buffer, start: number, end: number): void;
  /** A line of more than LINE_BYTES_MAX, which is not kept. */
  oversized(): void;
  /** A block of whole lines has been gone through. */
  block(block: Block): Promise<void> | void;
}

/** Whole lines, one after the other, in a buffer. */
export interface Block {
  readonly buffer: Buffer;
  readonly start: number;
  readonly end: number;
  /** Lines that begin as deletions do: how many, and where the first and the last begin; -1: there is none. */
  readonly deletions: number;
  readonly first: number;
  readonly last: number;
}

/** The daemon's lines have at most 48,000 bytes. */
export const LINE_BYTES_MAX = 2 ** 20;
/** A block is searched as a whole, so that a call is worth its price; two lines of the greatest length fit. */
const BUFFER_BYTES = 2 * LINE_BYTES_MAX;

const NEWLINE = 0x0a;

/** How every deletion begins; the digits of the time and the version may be any. */
const TEMPLATE =
  '{"@timestamp":"????-??-??T??:??:??.?????????Z","ecs":{"version":"?.?.?"},"log":{"level":"????"},"message":"';
/** Few of the fixed bytes tell a line about as well as all of them, and every line pays for each. */
const PROBED = [0, 2, 14, 45, 47, 70, 73, TEMPLATE.length - 2, TEMPLATE.length - 1].filter(
  (at) => TEMPLATE[at] !== '?',
);
const PROBED_BYTES = PROBED.map((at) => TEMPLATE.charCodeAt(at));
export const TIMESTAMP_START = TEMPLATE.indexOf('?');
export const TIMESTAMP_END = TEMPLATE.indexOf('","ecs"');
const MESSAGE_WORDS = ['unlink /', 'rmdir /', 'replace /', 'move /'].map((word) => Buffer.from(word));

/**
 * Goes through the lines of a source with memory that does not grow: blocks are searched for the needles before any line is
 * looked at, and lines without one cost no more than finding their end.
 */
export async function scanLines(
  reader: ByteReader,
  needles: readonly Buffer[],
  visitor: LineVisitor,
  buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES),
): Promise<void> {
  let kept = 0;
  let discarding = false;
  for (;;) {
    const got = await reader.read(buffer, kept, buffer.length - kept);
    const filled = kept + got;
    let start = 0;
    if (discarding) {
      const newline = buffer.subarray(0, filled).indexOf(NEWLINE);
      start = newline < 0 ? filled : newline + 1;
      discarding = newline < 0 && got > 0;
    }
    // The last line may have no end: it is being written, or was torn.
    const end = got === 0 ? filled : buffer.subarray(start, filled).lastIndexOf(NEWLINE) + 1 + start;
    if (end > start) {
      await visitor.block(visitBlock(buffer, { from: start, to: end }, needles, visitor));
    }
    if (got === 0) return;
    kept = filled - end;
    if (kept > LINE_BYTES_MAX) {
      visitor.oversized();
      discarding = true;
      kept = 0;
    } else if (kept > 0 && end > 0) {
      buffer.copyWithin(0, end, filled);
    }
  }
}

/** What is looked for, and where it is found next: moved on as lines pass it. */
interface Search {
  readonly needle: Buffer;
  next: number;
}

function visitBlock(
  buffer: Buffer,
  { from, to }: { readonly from: number; readonly to: number },
  needles: readonly Buffer[],
  visitor: LineVisitor,
): Block {
  const block = buffer.subarray(0, to);
  const searches = needles.map((needle) => ({ needle, next: hitAfter(block, needle, from) }));
  let deletions = 0;
  let first = -1;
  let last = -1;
  for (let start = from; start < to; ) {
    const newline = block.indexOf(NEWLINE, start);
    const end = newline < 0 ? to : newline;
    if (end - start > LINE_BYTES_MAX) {
      visitor.oversized();
    } else if (beginsAsDeletion(block, start, end)) {
      if (deletions === 0) first = start;
      last = start;
      deletions += 1;
      if (isHit(block, start, end, searches)) visitor.candidate(block, start, end);
    } else if (end > start) {
      visitor.other(block, start, end);
    }
    start = end + 1;
  }
  return { buffer: block, start: from, end: to, deletions, first, last };
}

function isHit(block: Buffer, start: number, end: number, searches: readonly Search[]): boolean {
  let holds = searches.length === 0;
  for (const search of searches) {
    if (search.next < start) search.next = hitAfter(block, search.needle, start);
    if (search.next < end) holds = true;
  }
  return holds;
}

function hitAfter(block: Buffer, needle: Buffer, from: number): number {
  const at = block.indexOf(needle, from);
  return at < 0 ? Number.POSITIVE_INFINITY : at;
}

/**
 * Whether the line is, by its beginning and its end, a deletion; JSON escapes quotes in names, so none can look so. It allocates
 * nothing: every line of a log comes here.
 */
export function beginsAsDeletion(buffer: Buffer, start: number, end: number): boolean {
  if (end - start <= TEMPLATE.length + 8 || buffer[end - 1] !== 0x7d) return false;
  for (let probe = 0; probe < PROBED.length; probe++) {
    if (buffer[start + PROBED[probe]!] !== PROBED_BYTES[probe]) return false;
  }
  const message = start + TEMPLATE.length;
  for (let index = 0; index < MESSAGE_WORDS.length; index++) {
    if (startsWith(buffer, message, MESSAGE_WORDS[index]!)) return true;
  }
  return false;
}

function startsWith(buffer: Buffer, at: number, word: Buffer): boolean {
  for (let index = 0; index < word.length; index++) {
    if (buffer[at + index] !== word[index]) return false;
  }
  return true;
}
