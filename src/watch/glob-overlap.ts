import { ANY_DEPTH, type Glob } from './glob.js';
import type { SegmentPattern } from './segment-pattern.js';

/**
 * Whether a path that `exclude` matches can be one that `include` matches, or a directory above one, whose move takes what
 * is in it along. True also where that is hard to tell.
 */
export function canMeet(exclude: Glob, include: Glob): boolean {
  const columns = include.segments.length + 1;
  // Cells of exclude × include, how far each is consumed: visited once, however the `**` are spread.
  const visited = new Set<number>();
  const reach = (row: number, column: number): boolean => {
    const cell = row * columns + column;
    if (visited.has(cell)) return false;
    visited.add(cell);
    const excluded = exclude.segments[row];
    const included = include.segments[column];
    if (excluded === undefined) return true;
    if (excluded === ANY_DEPTH) return reach(row + 1, column) || (included !== undefined && reach(row, column + 1));
    if (included === undefined) return false;
    if (included === ANY_DEPTH) return reach(row, column + 1) || reach(row + 1, column);
    return shareName(excluded, included) && reach(row + 1, column + 1);
  };
  return reach(0, 0);
}

/** Of two patterns with wildcards only the fixed ends are compared. */
function shareName(one: SegmentPattern, other: SegmentPattern): boolean {
  if (one.literal !== undefined) return other.matches(one.literal);
  if (other.literal !== undefined) return one.matches(other.literal);
  return startsAlike(one.prefix, other.prefix) && endsAlike(one.suffix, other.suffix);
}

function startsAlike(one: string, other: string): boolean {
  return one.startsWith(other) || other.startsWith(one);
}

function endsAlike(one: string, other: string): boolean {
  return one.endsWith(other) || other.endsWith(one);
}
