import type { Conditions } from './conditions.js';
import { TIMESTAMP_END, TIMESTAMP_START } from './line-scanner.js';
import { type LoggedDeletion, readLoggedLine } from './logged-event.js';

/** A deletion that was found, with its line as it is. */
export interface Found {
  readonly deletion: LoggedDeletion;
  readonly line: string;
}

/**
 * Judges the line `start` to `end` of `buffer`, which begins as deletions do and holds one of the first needles. Most lines
 * are turned down before they are read as JSON. `foreign`: it is no line of rmwatch.
 */
export function judgeCandidate(
  conditions: Conditions,
  buffer: Buffer,
  start: number,
  end: number,
): Found | 'foreign' | undefined {
  const { since, until, needles } = conditions;
  const time = buffer.toString('latin1', start + TIMESTAMP_START, start + TIMESTAMP_END);
  if (time < since || time > until) return undefined;
  if (needles.length > 1) {
    const line = buffer.subarray(start, end);
    if (!needles.slice(1).every((texts) => texts.some((needle) => line.includes(needle)))) return undefined;
  }
  const line = buffer.toString('utf8', start, end);
  const read = readLoggedLine(line);
  if (read?.kind !== 'deletion') return 'foreign';
  return conditions.matches(read.deletion) ? { deletion: read.deletion, line } : undefined;
}
