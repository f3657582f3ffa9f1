import { escapeControl } from '../text/escape.js';
import { localTime } from '../text/local-time.js';
import type { SearchResult } from './search.js';

/** Gaps that are listed one by one. */
const GAPS_MAX = 10;

/** Bursts with folded lines that are listed one by one. */
const FOLDED_MAX = 10;

const TIMESTAMP = /\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{9}Z/g;

/** What must be known to trust a result, a sentence each. */
export function notesOf({ foreignLines, coverage }: SearchResult, description: string): string[] {
  const notes: string[] = [];
  const { from, to, gaps, folded, knownSince, asked, tracepoint } = coverage;
  if (from !== undefined && to !== undefined) {
    notes.push(`${description}: lines from ${local(from)} to ${local(to)} were searched`);
  } else {
    notes.push(`${description}: holds no line of that time`);
  }
  const untold = 'no line tells whether the daemon ran and what it watched, so more may have been deleted';
  if (knownSince === undefined) notes.push(`coverage unknown: ${untold}`);
  else if (asked !== undefined && knownSince > asked) {
    notes.push(`coverage unknown before ${local(knownSince)}: ${untold}`);
  }
  if (tracepoint) {
    notes.push('in tracepoint mode for some of the time: replaced files and deletions by io_uring were not seen then');
  }
  const shown = gaps.length <= GAPS_MAX ? gaps : [...gaps.slice(0, GAPS_MAX / 2), ...gaps.slice(-GAPS_MAX / 2)];
  shown.forEach(({ text }, index) => {
    if (gaps.length > GAPS_MAX && index === GAPS_MAX / 2) notes.push(`${gaps.length - GAPS_MAX} gaps more`);
    notes.push(`gap: ${text.replace(TIMESTAMP, local)}`);
  });
  for (const { start, end, folded: count, message } of folded.slice(0, FOLDED_MAX)) {
    notes.push(
      `folded: ${count} deletions from ${local(start)} to ${local(end)} have no line of their own: ${message}`,
    );
  }
  if (folded.length > FOLDED_MAX) notes.push(`folded: ${folded.length - FOLDED_MAX} bursts more`);
  if (foreignLines > 0) {
    notes.push(
      `${foreignLines} ${foreignLines === 1 ? 'line was' : 'lines were'} torn or no lines of rmwatch: left out`,
    );
  }
  return notes.map(escapeControl);
}

function local(timestamp: string): string {
  return localTime(timestamp, { date: true });
}
