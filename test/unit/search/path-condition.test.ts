import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parsePathCondition } from '../../../src/search/path-condition.js';
import { logLine } from '../../lib/log-lines.js';

function condition(source: string, directory = '/work') {
  const parsed = parsePathCondition(source, directory);
  if ('error' in parsed) throw new Error(parsed.error);
  return parsed.value;
}

describe('parsePathCondition', () => {
  it.each([
    ['/srv/app', '/srv/app', true],
    ['/srv/app', '/srv/app/a/b', true],
    ['/srv/app', '/srv/application', false],
    ['/srv/app/', '/srv/app/a', true],
    ['/', '/anything', true],
    ['report.db', '/work/report.db', true],
    ['../x', '/x', true],
    ['/srv/*.db', '/srv/a.db', true],
    ['/srv/*.db', '/srv/a.db/journal', true],
    ['/srv/*.db', '/srv/d/a.db', false],
    ['/srv/**/*.db', '/srv/d/e/a.db', true],
    ['*.db', '/any/where/a.db', true],
    ['/srv/[ab]', '/srv/[ab]', true],
    ['/srv/[ab]', '/srv/a', true],
    ['/srv/\\*', '/srv/*', true],
    ['/srv/d/a.db', 'd/a.db', true],
    ['/srv/d/a.db', 'e/a.db', false],
  ])('%s finds %s: %s', (source, path, expected) => {
    expect(condition(source).matches(path)).toBe(expected);
  });

  it('names a text that every line of a match holds', () => {
    const cases: [string, string][] = [
      ['/srv/app', '/srv/app/a'],
      ['/srv/"quoted"/x', '/srv/"quoted"/x'],
      ['/srv/a\\b', '/srv/a\\b'],
      ['/srv/grün/ünter', '/srv/grün/ünter/x'],
      ['/srv/*/data-*.db', '/srv/x/data-1.db'],
      ['/srv/\\[x]', '/srv/[x]'],
      ['*.sqlite', '/a/b.sqlite'],
      ['/srv/new\nline-name', '/srv/new\nline-name'],
    ];
    for (const [source, path] of cases) {
      const { needles, matches } = condition(source);
      expect(matches(path), source).toBe(true);
      expect(needles, source).toBeDefined();
      const line = logLine({ path });
      expect(
        needles!.some((needle) => line.includes(needle)),
        `${source}: ${needles}`,
      ).toBe(true);
    }
    // The longer it is, the faster is the search.
    expect(condition('/srv/app').needles).toEqual(['path":"/srv/app']);
    expect(condition('/srv/*.db').needles).toEqual(['path":"/srv/*.db', 'path":"/srv/']);
    expect(condition('*.sqlite').needles).toEqual(['path":"/work/*.sqlite', '.sqlite']);
    expect(condition('/**').needles).toBeUndefined();
    expect(condition('/a').needles).toBeUndefined();
  });

  it('follows links in the parents, also where the last of them are gone', () => {
    const directory = realpathSync(mkdtempSync(join(tmpdir(), 'rmwatch-path-')));
    try {
      mkdirSync(join(directory, 'real'));
      symlinkSync('real', join(directory, 'link'));
      expect(condition(join(directory, 'link/gone/x')).literals).toEqual([
        join(directory, 'link/gone/x'),
        join(directory, 'real/gone/x'),
      ]);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('refuses patterns that are none', () => {
    expect(parsePathCondition('/srv/**x/y', '/')).toEqual({ error: expect.stringContaining('"**" must stand alone') });
    expect(parsePathCondition('', '/')).toHaveProperty('error');
  });
});
