import { type FoldedBurst, FoldedBursts, foldedIn } from './folded-bursts.js';
import { isTimestamp, type RecordLine } from './logged-event.js';

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
  readonly folded = new FoldedBursts();
  /** The first line of the file that the piece is from, when that is about the record and before the piece. */
  opening: RecordLine | undefined;
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
  /** Deletions that have no line of their own. */
  readonly folded: readonly FoldedBurst[];
  /**
   * From here on the record says that the daemon ran, and what it watched; undefined: nowhere. Equal to or before the beginning
   * of what was asked for: for all of it.
   */
  readonly knownSince: string | undefined;
  /** The beginning of what was asked for, as far as it was searched; undefined: there is no line. */
  readonly asked: string | undefined;
  /** Some lines are from tracepoint mode, which does not see every deletion. */
  readonly tracepoint: boolean;
}

/** What a search asked for: times as lines have them, "" and "~" for no bound. */
export interface AskedFor {
  readonly since: string;
  readonly until: string;
  /** false: the search ended before it had seen all, as it had enough. */
  readonly complete: boolean;
}

/** For pieces in the order of the record. */
export function coverageOf(pieces: readonly PieceCoverage[], { since, until, complete }: AskedFor): Coverage {
  const records = pieces.flatMap((piece) => piece.records);
  const gaps = [...breaksOf(pieces).flatMap((gap) => breakGaps(gap, records)), ...records.flatMap(lossGap)];
  gaps.push(...stopGaps(records), ...records.flatMap(runGap), ...otherConfigurations(records));
  const times = pieces
    .flatMap(({ first, last, records: own }) => [first?.time, last?.time, ...own.map((record) => record['@timestamp'])])
    .filter((time) => time !== undefined)
    .sort();
  const unkept = pieces.reduce((sum, piece) => sum + piece.unkept + piece.folded.unkept, 0);
  if (unkept > 0)
    gaps.push({ at: times.at(-1) ?? since, text: `${unkept} more breaks and bursts of the record are not shown` });
  return {
    from: times[0],
    to: times.at(-1),
    folded: foldedIn(pieces.map((piece) => piece.folded)).filter(({ start, end }) => end >= since && start <= until),
    gaps: gaps.filter(({ at }) => at >= since && at <= until).sort((a, b) => (a.at < b.at ? -1 : 1)),
    knownSince: knownSince(pieces),
    asked: complete && since > '' ? since : times[0],
    tracepoint:
      pieces.some((piece) => piece.tracepoint) || records.some(({ rmwatch }) => rmwatch['attach'] === 'tracepoint'),
  };
}

/** Lines that say which configuration holds from there on. */
const TELLING: ReadonlySet<string | undefined> = new Set(['started', 'continued', 'reloaded', 'watch']);

function knownSince(pieces: readonly PieceCoverage[]): string | undefined {
  for (const { opening, records } of pieces) {
    const first = [...(opening === undefined ? [] : [opening]), ...records].find(isTelling);
    if (first !== undefined) return first['@timestamp'];
  }
  return undefined;
}

function isTelling({ event }: RecordLine): boolean {
  return event.dataset === 'rmwatch.daemon' && TELLING.has(event.action);
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

function breakGaps({ before, after }: Break, records: readonly RecordLine[]): Gap[] {
  const between = `between ${before.time} and ${after.time}`;
  const within = records.filter(({ '@timestamp': at }) => at >= before.time && at <= after.time);
  const started = within.findLast(({ event }) => event.action === 'started');
  const tellsGap = within.some(({ event }) => event.action === 'gap');
  if (after.sequence > before.sequence && started === undefined && !tellsGap) {
    return [{ at: after.time, text: `${after.sequence - before.sequence - 1} lines are missing ${between}` }];
  }
  const lost = after.sequence > 1 ? `the first ${after.sequence - 1} lines of the new run are missing` : '';
  // The record tells the gap itself.
  if (tellsGap) return lost === '' ? [] : [{ at: after.time, text: lost }];
  const missing = lost === '' ? '' : `; ${lost}`;
  if (started !== undefined) {
    const stopped = within.some(({ event }) => event.action === 'stopped');
    const text = `watched again since ${started['@timestamp']}, the last line before that is of ${before.time}`;
    return [{ at: after.time, text: `${stopped ? text : `the daemon ended without a stop: ${text}`}${missing}` }];
  }
  const text = `the daemon was restarted ${between}: for a part of that time nothing was watched${missing}`;
  return [{ at: after.time, text }];
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
    // It tells the same, and better.
    if (event.action === 'gap') stopped = undefined;
    if (event.action !== 'started') continue;
    if (stopped !== undefined) gaps.push({ at, text: `nothing was watched between ${stopped} and ${at}` });
    stopped = undefined;
  }
  if (stopped !== undefined) gaps.push({ at: stopped, text: `nothing was watched after ${stopped}` });
  return gaps;
}

/** The gap before a start, as the start itself tells it. */
function runGap({ event, rmwatch }: RecordLine): Gap[] {
  const { action, start, end } = event;
  if (action !== 'gap' || !isTimestamp(start) || !isTimestamp(end)) return [];
  const { gap } = rmwatch as { readonly gap?: { readonly stopped?: unknown } | null };
  const why = gap?.stopped === true ? 'the daemon was stopped' : 'the daemon ended without a stop';
  return [{ at: end, text: `nothing was watched between ${start} and ${end}: ${why}` }];
}

/** Where other watches or settings came into force than held before. */
function otherConfigurations(records: readonly RecordLine[]): Gap[] {
  const gaps: Gap[] = [];
  let before: unknown;
  for (const { '@timestamp': at, event, rmwatch } of records) {
    const { config_hash: hash } = rmwatch;
    if (event.dataset !== 'rmwatch.daemon' || typeof hash !== 'string') continue;
    if (before !== undefined && hash !== before) {
      gaps.push({ at, text: `the configuration is another one since ${at}: before that, other watches may have held` });
    }
    before = hash;
  }
  return gaps;
}
