/** Looks at single members of an event by their dotted names. */
import { isDeepStrictEqual } from 'node:util';
import type { Event, ReportMismatch } from './attempt.js';

/** A judge of one member, and what it wants. */
export type MemberJudge = ((actual: unknown) => boolean) & { readonly says: string };
export type Members = Record<string, unknown>;

export const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';

export function memberOf(event: Event, field: string): unknown {
  return field.split('.').reduce((value: Event, name) => value?.[name], event);
}

/**
 * Checks that every member is as expected; undefined: must be absent. A function judges the member itself, and its
 * property `says` tells what it wants.
 */
export function checkMembers(event: Event, members: Members, report: ReportMismatch): void {
  for (const [field, expected] of Object.entries(members)) {
    const actual = memberOf(event, field);
    const right = typeof expected === 'function' ? expected(actual) : isDeepStrictEqual(actual, expected);
    if (!right) report(field, typeof expected === 'function' ? (expected as MemberJudge).says : expected, actual);
  }
}
