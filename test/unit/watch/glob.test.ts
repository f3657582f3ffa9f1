import { describe, expect, it } from 'vitest';
import { bytesOf } from '../../../src/text/utf8.js';
import { compileGlob, type GlobRole, literalPrefix } from '../../../src/watch/glob.js';

function matches(pattern: string, path: string, role: GlobRole = 'include'): boolean {
  return compileGlob(pattern, role).matches(bytesOf(path));
}

const YES: [string, string][] = [
  ['/**', '/a'],
  ['/**', '/a/b/c'],
  ['/**', '/.hidden/.x'],
  ['/**', '/with\nnewline'],
  ['/a/**', '/a/b'],
  ['/a/**', '/a/b/c'],
  ['/a/**/b', '/a/b'],
  ['/a/**/b', '/a/x/y/b'],
  ['/a/**/**/b', '/a/b'],
  ['/a/*', '/a/b'],
  ['/a/*', '/a/.b'],
  ['/a/*', '/a/b\nc'],
  ['/a/*.db', '/a/.db'],
  ['/a/*.db', '/a/x.db'],
  ['/a/x*y', '/a/xy'],
  ['/a/*x*y*', '/a/1x2y3'],
  ['/a/??', '/a/ab'],
  ['/a/?', '/a/é'],
  ['/a/?', '/a/😀'],
  ['/a/[é-ü]x', '/a/öx'],
  ['/a/[!a]', '/a/é'],
  ['/a/[abc]', '/a/b'],
  ['/a/[a-c]', '/a/b'],
  ['/a/[!a-c]', '/a/d'],
  ['/a/[^a-c]', '/a/d'],
  ['/a/[]]', '/a/]'],
  ['/a/[!]]', '/a/x'],
  ['/a/[a-]', '/a/-'],
  ['/a/[-a]', '/a/-'],
  ['/a/[\\]x]', '/a/]'],
  ['/a/[\\a-c]', '/a/b'],
  ['/a/[*]', '/a/*'],
  ['/a/\\*', '/a/*'],
  ['/a/\\[b]', '/a/[b]'],
  ['/a/\\\\', '/a/\\'],
  ['/a/{b,c}', '/a/{b,c}'],
  ['/a/+(b)', '/a/+(b)'],
  ['/a/!b', '/a/!b'],
  ['/a]', '/a]'],
  ['/*/*/c', '/a/b/c'],
  ['/**/a/**/a/b', '/a/x/a/a/b'],
];

const NO: [string, string][] = [
  ['/a/**', '/a'],
  ['/a/**', '/ab/c'],
  ['/a/*', '/a'],
  ['/a/*', '/a/b/c'],
  ['/a/**/b', '/a/xb'],
  ['/a/*.db', '/a/x/y.db'],
  ['/a/x*x', '/a/x'],
  ['/a/?', '/a/ab'],
  ['/a/??', '/a/é'],
  ['/a/[!a]', '/a/a'],
  ['/a/[é]', '/a/e'],
  ['/a/[a]', '/a/é'],
  ['/a/\\*', '/a/b'],
  ['/a/{b,c}', '/a/b'],
  ['/a/B', '/a/b'],
  ['/a', '/a/b'],
  ['/**/a/b', '/a/b/c'],
];

describe('Glob', () => {
  it.each(YES)('%s matches %j', (pattern, path) => expect(matches(pattern, path)).toBe(true));
  it.each(NO)('%s does not match %j', (pattern, path) => expect(matches(pattern, path)).toBe(false));

  it.each([
    ['*.tmp', '/x.tmp', true],
    ['*.tmp', '/a/b/x.tmp', true],
    ['**/*.tmp', '/a/b/x.tmp', true],
    ['*.tmp', '/x.tmp/a', false],
    ['cache/*', '/a/cache/x', true],
    ['cache/*', '/a/xcache/x', false],
    ['cache/**', '/a/cache/x/y', true],
    ['/*.tmp', '/a/x.tmp', false],
  ])('exclude %s on %s: %s', (pattern, path, expected) => expect(matches(pattern, path, 'exclude')).toBe(expected));

  it('takes a byte that is no UTF-8 as one character', () => {
    const glob = (pattern: string) => compileGlob(pattern, 'include');
    expect(glob('/?').matches('/\xff')).toBe(true);
    expect(glob('/?').matches('/\xc3')).toBe(true);
    expect(glob('/?').matches('/\xc3\xa9')).toBe(true);
    expect(glob('/?').matches('/\xc3\xc3')).toBe(false);
    expect(glob('/??').matches('/\xe2\x82')).toBe(true);
    // Overlong, surrogate and too large are not characters.
    expect(glob('/??').matches('/\xc0\xaf')).toBe(true);
    expect(glob('/???').matches('/\xed\xa0\x80')).toBe(true);
    expect(glob('/????').matches('/\xf4\x90\x80\x80')).toBe(true);
    expect(glob('/[!a]').matches('/\xff')).toBe(true);
    expect(glob('/[ÿ]').matches('/\xff')).toBe(false);
    expect(glob('/é').matches('/\xc3\xa9')).toBe(true);
    expect(glob('/*x').matches('/\xff\xfex')).toBe(true);
  });

  it.each([
    ['', 'empty'],
    ['a/b', 'must start with "/"; to match at any depth write "/**/a/b"'],
    ['**/b', 'write "/**/b"'],
    ['/', 'write "/**"'],
    ['/a/', 'append "**"'],
    ['/a//b', '"//"'],
    ['/a/./b', '"." as a name'],
    ['/a/../b', '".." as a name'],
    ['/a/..', '".." as a name'],
    ['/a/[b', 'no matching'],
    ['/a/[]', 'no matching'],
    ['/a/[b/c]', 'no matching'],
    ['/a/[b\\]', 'no matching'],
    ['/a/[z-a]', 'reversed'],
    ['/a/[[:digit:]]', 'write the range'],
    ['/a/b\\', 'backslash'],
    ['/a/**b', 'stand alone'],
    ['/a/b**', 'stand alone'],
    ['/a/***', 'stand alone'],
    ['/a\0', 'NUL'],
    [`/${'é'.repeat(2048)}`, '4097 bytes, the limit is 4096'],
  ])('refuses %j', (pattern, message) => expect(() => compileGlob(pattern, 'include')).toThrow(message));

  it('takes patterns up to the limit', () => {
    expect(matches(`/${'a'.repeat(4095)}`, `/${'a'.repeat(4095)}`)).toBe(true);
  });

  it('never backtracks without bound', () => {
    const stars = `/${'*a'.repeat(2000)}b`;
    expect(matches(stars, `/${'a'.repeat(4000)}`)).toBe(false);
    const questions = `/${'*?a'.repeat(1300)}b`;
    expect(matches(questions, `/${'é'.repeat(2000)}`)).toBe(false);
    const depths = `/${'**/a/'.repeat(800)}b`;
    expect(matches(depths, `/${'a/'.repeat(2000)}c`)).toBe(false);
    const mixed = `/${'**/*a*a*/'.repeat(450)}b`;
    expect(matches(mixed, `/${'aaa/'.repeat(1000)}c`)).toBe(false);
  });
});

it.each([
  ['/var/lib/app/**', '/var/lib/app/'],
  ['/var/lib/**/x', '/var/lib/'],
  ['/var/lib/*.db', '/var/lib/'],
  ['/var/lib/app*/x', '/var/lib/app'],
  ['/var/lib/app[12]', '/var/lib/app'],
  ['/var/lib/\\*a?', '/var/lib/*a'],
  ['/var/lib/x', '/var/lib/x'],
  ['/**', '/'],
  ['/*', '/'],
  ['/é*', '/\xc3\xa9'],
])('literalPrefix(%s)', (pattern, prefix) => expect(literalPrefix(pattern)).toBe(prefix));

it.each([
  ['/a/b/**', true],
  ['/**', true],
  ['/a/b/**/*', true],
  ['/a/b/*', false],
  ['/a/*/**', false],
  ['/a/**/b', false],
  ['/a/b', false],
])('%s is decided by its prefix: %s', (pattern, decides) =>
  expect(compileGlob(pattern, 'include').prefixDecides).toBe(decides),
);
