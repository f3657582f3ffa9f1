import { describe, expect, it } from 'vitest';
import { areAll, conditionsOf, givenConditions } from '../../../src/page/page-conditions.js';
import { FULL_DELETION } from '../../lib/sample-events.js';

function read(query: string) {
  const given = givenConditions(new URLSearchParams(query));
  if ('error' in given) throw new Error(given.error);
  return given.value;
}

function matches(query: string): boolean {
  const conditions = conditionsOf(read(query));
  if ('error' in conditions) throw new Error(conditions.error);
  return conditions.value.matches(FULL_DELETION);
}

describe('the conditions of a stream', () => {
  it.each([
    'path=/var/lib/app',
    'path=**/*.db',
    'path=/srv&path=/var',
    'process=rm',
    'process=/usr/bin/rm',
    'pid=4242',
    'user=root',
    'user=0',
    'login-user=1000',
    'watch=app-data',
    'container=c0ff',
    'operation=unlink&operation=rmdir&outcome=success',
    'larger-than=1KiB',
    'path=&process=&larger-than=',
    '',
  ])('%s matches', (query) => expect(matches(query)).toBe(true));

  it.each([
    'path=/home',
    'path=/var&process=mv',
    'pid=1',
    'user=daemon',
    'login-user=0',
    'watch=other',
    'container=b',
    'outcome=failure',
    'larger-than=1MiB',
  ])('%s does not', (query) => expect(matches(query)).toBe(false));

  it('are compared with the lines without asking this host', () => {
    expect(matches('user=no-such-user-here')).toBe(false);
    expect(givenConditions(new URLSearchParams('login-user=root'))).toEqual({
      error: 'login-user: expected the number of a user, got "root"',
    });
  });

  it.each([
    ['proces=rm', 'no condition "proces", did you mean "process"?'],
    ['since=-1h', 'no condition "since"'],
    ['operation=delete', 'operation: expected one of unlink, rmdir, replace, move, got "delete"'],
    ['pid=rm', 'pid: expected a number from 1 to 4194304, got "rm"; for the name of a program use process rm'],
    ['path=/a[', 'path: "/a["'],
    ['larger-than=big', 'larger-than: '],
    ['watch=A', 'watch: "A" is no name of a watch, did you mean "a"?'],
    [Array(33).fill('pid=1').join('&'), 'at most 32 conditions, got 33'],
  ])('%s is an error', (query, message) => {
    expect(givenConditions(new URLSearchParams(query))).toEqual({ error: expect.stringContaining(message) });
  });

  it('are none when all fields are empty', () => {
    expect(areAll(read('path=&pid='))).toBe(true);
    for (const query of ['path=/srv', 'pid=1', 'larger-than=1B']) expect(areAll(read(query))).toBe(false);
  });
});
