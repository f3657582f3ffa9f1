import { describe, expect, it } from 'vitest';
import { groupTable } from '../../../src/search/group-table.js';
import { type Grouping, Groups } from '../../../src/search/groups.js';
import type { LoggedDeletion } from '../../../src/search/logged-event.js';
import { logLine } from '../../lib/log-lines.js';

const deletion = (path: string): LoggedDeletion => JSON.parse(logLine({ path, time: Date.UTC(2026, 10, 24, 12, 34) }));

function keys(grouping: Grouping, path: string): string[] {
  const groups = new Groups(grouping);
  groups.add(deletion(path));
  return groups.groups().map(({ key }) => key);
}

describe('Groups', () => {
  it.each<[Grouping, string, string]>([
    ['process', '/a/b.db', '/usr/bin/rm'],
    ['user', '/a/b.db', 'root'],
    ['directory', '/a/b.db', '/a'],
    ['watch', '/a/b.db', 'app-data'],
    ['operation', '/a/b.db', 'unlink'],
    ['extension', '/a/b.tar.gz', '.gz'],
    ['extension', '/a/.profile', '(none)'],
    ['extension', '/a/README', '(none)'],
  ])('by %s of %s: %s', (grouping, path, key) => {
    expect(keys(grouping, path)).toEqual([key]);
  });

  it('groups by the hour of the local clock', () => {
    expect(keys('hour', '/a')[0]).toMatch(/^2026-11-2[345] \d\d:00$/);
  });

  it('counts exactly up to its limit and says where it may be too low beyond', () => {
    const groups = new Groups('extension', 4);
    for (const extension of ['a', 'a', 'a', 'b', 'b', 'b', 'c', 'd']) groups.add(deletion(`/x.${extension}`));
    expect(groups.incomplete).toBe(false);
    for (const extension of ['e', 'e', 'a', 'c']) groups.add(deletion(`/x.${extension}`));
    expect(groups.incomplete).toBe(true);
    expect(groups.groups().map(({ key, count, atLeast }) => [key, count, atLeast])).toEqual([
      ['.a', 4, false],
      ['.b', 3, false],
      ['.e', 2, true],
      ['.c', 1, true],
    ]);
  });
});

describe('groupTable', () => {
  it('has a row for each group, and a bar', () => {
    const table = groupTable([
      { key: 'a\x1b[1m', count: 100, freedBytes: 2048, atLeast: false },
      { key: 'b', count: 1, freedBytes: 0, atLeast: true },
    ]);
    expect(table).toBe(`100  2.0 KiB freed  ${'█'.repeat(24)}  a\\x1b[1m\n ≥1     ≥0 B freed  ▎${' '.repeat(23)}  b\n`);
  });
});
