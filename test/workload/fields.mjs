/** Looks at single members of an event by their dotted names. */
import { isDeepStrictEqual } from 'node:util';

export const isText = (value) => typeof value === 'string' && value !== '';

export function memberOf(event, field) {
  return field.split('.').reduce((value, name) => value?.[name], event);
}

/**
 * Checks that every member is as expected; undefined: must be absent. A function judges the member itself, and its
 * property `says` tells what it wants.
 * @param {object} event
 * @param {Record<string, unknown>} members
 * @param {(field: string, expected: unknown, actual: unknown) => void} report
 */
export function checkMembers(event, members, report) {
  for (const [field, expected] of Object.entries(members)) {
    const actual = memberOf(event, field);
    const right = typeof expected === 'function' ? expected(actual) : isDeepStrictEqual(actual, expected);
    if (!right) report(field, typeof expected === 'function' ? expected.says : expected, actual);
  }
}
