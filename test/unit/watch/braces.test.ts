import { describe, expect, it } from 'vitest';
import { expandBraces } from '../../../src/watch/braces.js';

describe('expandBraces', () => {
  it.each([
    ['/a/**', ['/a/**']],
    ['/var/log/*.{log,gz}', ['/var/log/*.log', '/var/log/*.gz']],
    ['/{a,b}/{c,d}', ['/a/c', '/a/d', '/b/c', '/b/d']],
    ['/f{,.gz}', ['/f', '/f.gz']],
    ['/{a,b/{c,d}}/x', ['/a/x', '/b/c/x', '/b/d/x']],
    ['/{a,a}', ['/a']],
    ['/a,b', ['/a,b']],
    ['/a}', ['/a}']],
    ['/\\{a,b\\}', ['/\\{a,b\\}']],
    ['/{a\\,b,c}', ['/a\\,b', '/c']],
    ['/[{,}]', ['/[{,}]']],
    ['/[]{]', ['/[]{]']],
    ['/[{a,b}', ['/[a', '/[b']],
    ['/\\$HOME', ['/\\$HOME']],
    ['*~', ['*~']],
    ['~*', ['~*']],
    ['/a/~b', ['/a/~b']],
  ])('makes of %j %j', (pattern, expected) => {
    expect(expandBraces(pattern)).toEqual(expected);
  });

  it.each([
    ['/a/{b', 'no matching "}"'],
    ['/a/{b}', 'braces hold one alternative'],
    ['/a/{}', 'braces hold one alternative'],
    ['/a/{1..9}', 'a range in braces'],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is meant
    ['/srv/${TENANT}/**', '"$" is not expanded'],
    ['/home/$USER/**', '"$" is not expanded'],
    ['~/x', '"~" is not expanded'],
    ['~alice/x', '"~" is not expanded'],
    [`/${'{a,b,c,d}'.repeat(6)}`, 'more than 1000 patterns'],
  ])('refuses %j', (pattern, message) => {
    expect(() => expandBraces(pattern)).toThrow(message);
  });
});
