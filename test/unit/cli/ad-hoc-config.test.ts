import { describe, expect, it } from 'vitest';
import { adHocConfig } from '../../../src/cli/ad-hoc-config.js';
import { defaultConfig } from '../../../src/config/load.js';

const NOTHING = { patterns: [], processes: [], users: [] };

function configOf(watch: Partial<typeof NOTHING>) {
  const parsed = adHocConfig(defaultConfig(), { ...NOTHING, ...watch } as typeof NOTHING);
  if ('error' in parsed) throw new Error(parsed.error);
  return parsed.value;
}

describe('adHocConfig', () => {
  it.each([
    ['/srv/app', ['/srv/app', '/srv/app/**']],
    ['/srv/app/', ['/srv/app', '/srv/app/**']],
    ['/', ['/**']],
    ['/srv/*.db', ['/srv/*.db']],
    ['*.db', ['/**/*.db']],
    ['**/x?', ['/**/x?']],
    ['here', [`${process.cwd()}/here`, `${process.cwd()}/here/**`]],
  ])('%s watches %j', (pattern, include) => {
    const { watches } = configOf({ patterns: [pattern] as never[] });
    expect(watches).toMatchObject([{ name: 'command-line', include }]);
  });

  it('listens nowhere', () => {
    expect(configOf({}).http.listen).toEqual({ kind: 'off' });
  });

  it('keeps to processes and users, by name or number', () => {
    const config = configOf({ processes: ['rm'] as never[], users: ['root', '33'] as never[] });
    expect(config.watches).toMatchObject([{ name: 'all', only: { processes: ['rm'], uids: [0, 33] } }]);
  });

  it.each([
    [{ patterns: ['/srv/**x'] }, '"/srv/**x": "**" must stand alone'],
    [{ processes: ['/usr/bin/rm'] }, 'did you mean "rm"?'],
    [{ users: ['rooot'] }, 'did you mean "root"?'],
  ])('refuses %j', (watch, message) => {
    const parsed = adHocConfig(defaultConfig(), { ...NOTHING, ...watch });
    expect(parsed).toEqual({ error: expect.stringContaining(message) });
  });
});
