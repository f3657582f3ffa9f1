import { posix } from 'node:path';
import { describe, expect, it } from 'vitest';
import { joinTyped } from '../../../src/deletion/typed-path.js';
import { randomFrom } from '../watch/plain-glob.js';

describe('joinTyped', () => {
  it.each([
    ['a single name', '/srv/app', 'a.db', '/srv/app/a.db', false],
    ['a name in the root', '', 'a', '/a', false],
    ['a name that only begins with dots', '/srv', '..a', '/srv/..a', false],
    ['three dots, which are a name', '/srv', '...', '/srv/...', false],
    ['a slash at the end', '/srv', 'd/', '/srv/d', false],
    ['many slashes at the end', '/srv', 'd///', '/srv/d', false],
    ['a leading "./"', '/srv', './a', '/srv/a', false],
    ['"." alone', '/srv', '.', '/srv', false],
    ['"." in the root', '', '.', '/', false],
    ['an empty name', '/srv', '', '/srv', false],
    ['an empty name in the root', '', '', '/', false],
    ['parents', '/srv', 'a/b', '/srv/a/b', true],
    ['doubled slashes', '/srv', 'a//b', '/srv/a/b', true],
    ['".." alone', '/srv/app', '..', '/srv', true],
    ['".." that leads to the root', '/srv', '..', '/', true],
    ['".." above the root', '', '../../a', '/a', true],
    ['".." behind a name', '/srv', 'link/../a', '/srv/a', true],
    ['an absolute name', '', '/tmp/a', '/tmp/a', true],
    ['an absolute name in the root', '', '/a', '/a', false],
    ['the root itself', '', '/', '/', false],
    ['an absolute name in a changed root', '/jail', '/tmp/a', '/jail/tmp/a', true],
    ['".." that a changed root holds back', '/jail', '/../../etc/a', '/jail/etc/a', true],
    ['a changed root itself', '/jail', '/..', '/jail', true],
    ['newlines and bytes that are not UTF-8', '/a\nb', 'c\xff\td', '/a\nb/c\xff\td', false],
  ])('joins %s', (_what, base, typed, path, hasParents) => {
    expect(joinTyped(base, typed)).toEqual({ path, hasParents });
  });

  it('joins the longest path that the kernel takes', () => {
    const typed = `${'d/'.repeat(2046)}abc`;
    expect(typed).toHaveLength(4095);
    expect(joinTyped('/srv', typed).path).toBe(`/srv/${typed}`);
  });

  it('goes as node:path does', () => {
    const random = randomFrom(7);
    const names = ['a', 'bc', '.', '..', '...', '.a', ''];
    const some = (most: number) => Array.from({ length: random(most) }, () => names[random(names.length)]).join('/');
    for (let i = 0; i < 5_000; i++) {
      const base = posix.resolve('/', some(5)).replace(/^\/$/, '');
      const typed = some(7);
      const expected = posix.resolve(`${base}/`, typed);
      expect(joinTyped(typed.startsWith('/') ? '' : base, typed).path, `${base} + ${typed}`).toBe(expected);
    }
  });
});
