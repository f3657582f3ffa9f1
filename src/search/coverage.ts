import type { RecordLine } from './logged-event.js';

/** A reason to doubt that nothing more happened, in words, with the time from which it holds. */
export interface Gap {
  readonly at: string;
  readonly text: string;
}

/** The first or last deletion of a piece of the record. */
export interface EndOfRun {
  readonly time: string;
  readonly sequence: number;
}

const LINES_MAX = 1000;

/**
 * What the lines of one piece of the record, in their order, say about themselves. Pieces may be gone through in any order:
 * `gapsOf` puts them together.
 */
export class PieceCoverage {
  first: EndOfRun | undefined;
  last: EndOfRun | undefined;
  readonly breaks: Break[] = [];
  readonly records: RecordLine[] = [];
  tracepoint = false;
  /** Breaks and records that were seen beyond those that are kept. */
  unkept = 0;

  deletion(next: EndOfRun): void {
    if (this.last !== undefined && next.sequence !== this.last.sequence + 1) {
      if (this.breaks.length < LINES_MAX) this.breaks.push({ before: this.last, after: next });
      else this.unkept += 1;
    }
    this.first ??= next;
    this.last = next;
  }

  /** Goes on to `last`, with no break since the deletion before. */
  skip(last: EndOfRun): void {
    this.last = last;
  }

  record(record: RecordLine): void {
    if (this.records.length < LINES_MAX) this.records.push(record);
    else this.unkept += 1;
  }
}

export interface Coverage {
  /** Times of the first and last line that were seen. */
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly gaps: readonly Gap[];
  /** The record holds a line that says since when, and what, the daemon watched. */
  readonly known: boolean;
  /** Some lines are from tracepoint mode, which does not see every deletion. */
  readonly tracepoint: boolean;
}

/** For pieces in the order of the record. */
export function coverageOf(pieces: readonly PieceCoverage[], since: string, until: string): Coverage {
  const records = pieces.flatMap((piece) => piece.records);
  const gaps = [...breaksOf(pieces).map((gap) => breakText(gap, records)), ...records.flatMap(lossGap)];
  gaps.push(...stopGaps(records));
  const times = pieces
    .flatMap(({ first, last, records: own }) => [first?.time, last?.time, ...own.map((record) => record['@timestamp'])])
    .filter((time) => time !== undefined)
    .sort();
  const unkept = pieces.reduce((sum, piece) => sum + piece.unkept, 0);
  if (unkept > 0) gaps.push({ at: times.at(-1)!, text: `${unkept} more breaks of the record are not shown` });
  return {
    from: times[0],
    to: times.at(-1),
    gaps: gaps.filter(({ at }) => at >= since && at <= until).sort((a, b) => (a.at < b.at ? -1 : 1)),
    known: records.some(({ event }) => event.action === 'started'),
    tracepoint: pieces.some((piece) => piece.tracepoint),
  };
}

interface Break {
  readonly before: EndOfRun;
  readonly after: EndOfRun;
}

function breaksOf(pieces: readonly PieceCoverage[]): Break[] {
  const breaks: Break[] = [];
  let before: EndOfRun | undefined;
  for (const piece of pieces) {
    if (before !== undefined && piece.first !== undefined && piece.first.sequence !== before.sequence + 1) {
      breaks.push({ before, after: piece.first });
    }
    breaks.push(...piece.breaks);
    before = piece.last ?? before;
  }
  return breaks;
}

function breakText({ before, after }: Break, records: readonly RecordLine[]): Gap {
  const between = `between ${before.time} and ${after.time}`;
  if (after.sequence > before.sequence) {
    return { at: after.time, text: `${after.sequence - before.sequence - 1} lines are missing ${between}` };
  }
  const within = records.filter(({ '@timestamp': at }) => at >= before.time && at <= after.time);
  const started = within.findLast(({ event }) => event.action === 'started');
  const stopped = within.some(({ event }) => event.action === 'stopped');
  const missing = after.sequence > 1 ? `; the first ${after.sequence - 1} lines of the new run are missing` : '';
  if (started !== undefined) {
    const text = `watched again since ${started['@timestamp']}, the last line before that is of ${before.time}`;
    return { at: after.time, text: `${stopped ? text : `the daemon ended without a stop: ${text}`}${missing}` };
  }
  return {
    at: after.time,
    text: `the daemon was restarted ${between}: for a part of that time nothing was watched${missing}`,
  };
}

function lossGap({ '@timestamp': at, event, rmwatch }: RecordLine): Gap[] {
  if (event.kind === 'pipeline_error' && typeof rmwatch['lost'] === 'object' && rmwatch['lost'] !== null) {
    const lost = Object.entries(rmwatch['lost']).filter(([, count]) => typeof count === 'number');
    const sum = lost.reduce((total, [, count]) => total + (count as number), 0);
    const reasons = lost.map(([reason, count]) => `${reason} ${count}`).join(', ');
    const when = event.start === undefined ? `until ${at}` : `between ${event.start} and ${event.end ?? at}`;
    return [{ at, text: `${sum} events were lost ${when} (${reasons})` }];
  }
  return [];
}

/** From a stop, or the last line of a run without one, to the next start. */
function stopGaps(records: readonly RecordLine[]): Gap[] {
  const gaps: Gap[] = [];
  let stopped: string | undefined;
  for (const { '@timestamp': at, event } of records) {
    if (event.action === 'stopped') stopped = at;
    if (event.action !== 'started') continue;
    if (stopped !== undefined) gaps.push({ at, text: `nothing was watched between ${stopped} and ${at}` });
    stopped = undefined;
  }
  if (stopped !== undefined) gaps.push({ at: stopped, text: `nothing was watched after ${stopped}` });
  return gaps;
}
