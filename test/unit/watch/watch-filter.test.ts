import { describe, expect, it } from 'vitest';
import { countersFor } from '../../../src/metrics/watch-counters.js';
import { OPERATIONS, type WatchConfig } from '../../../src/model/config.js';
import { type Actor, type Outcome, WatchFilter } from '../../../src/watch/watch-filter.js';

const RM: Actor = {
  executableName: 'rm',
  executablePath: '/usr/bin/rm',
  executableOfRoot: true,
  uid: 0,
  effectiveUid: 0,
};
const [UNLINK, RMDIR, REPLACE] = [0, 1, 2];

function watch(name: string, changes: Partial<WatchConfig> = {}): WatchConfig {
  return {
    name,
    include: ['/srv/**'],
    exclude: [],
    view: 'host',
    operations: OPERATIONS,
    caseInsensitive: false,
    fold: false,
    failures: false,
    ignore: { processes: [], ownedByRoot: false, users: [], effectiveUsers: [] },
    log: true,
    ...changes,
  };
}

function judgeOf(watches: WatchConfig[], users: Record<string, number> = {}): WatchFilter {
  return WatchFilter.of(watches, countersFor(watches), (name) => users[name]);
}

/** The names of the watches that want it, and of those that want a line of it. */
function wanting(decide: WatchFilter, operation = UNLINK!, outcome: Outcome = 'success', actor = RM, path = '/srv/f') {
  const slash = path.lastIndexOf('/');
  const matched = decide.watches.match(
    { directory: path.slice(0, slash), name: path.slice(slash + 1), cut: false },
    'host',
    false,
  );
  const { watches, ruleJson } = decide.decide(matched, operation, outcome, actor);
  const counted = watches.map((index) => decide.counters[index]!.name);
  return { counted, lines: ruleJson === undefined ? undefined : JSON.parse(ruleJson) };
}

describe('WatchFilter', () => {
  it('keeps to the processes and users that alone are wanted', () => {
    const only = { processes: ['rm', 'grün'], uids: [33] };
    const decide = judgeOf([
      watch('all'),
      watch('few', { only }),
      watch('rm', { only: { processes: ['rm'], uids: [] } }),
    ]);
    const of = (executableName: string, uid: number, effectiveUid = uid) => {
      const actor = { ...RM, executableName, executablePath: `/bin/${executableName}`, uid, effectiveUid };
      return wanting(decide, UNLINK, 'success', actor).counted;
    };
    expect(of('rm', 33)).toEqual(['all', 'few', 'rm']);
    expect(of(Buffer.from('grün').toString('latin1'), 33)).toEqual(['all', 'few']);
    expect(of('rm', 0)).toEqual(['all', 'rm']);
    // As real or as effective user.
    expect([of('rm', 33, 0), of('rm', 0, 33)]).toEqual([
      ['all', 'few', 'rm'],
      ['all', 'few', 'rm'],
    ]);
    expect(of('mv', 33)).toEqual(['all']);
  });

  it('asks the patterns first', () => {
    const decide = judgeOf([watch('a'), watch('b', { include: ['/other/**'] })]);
    expect(wanting(decide)).toEqual({ counted: ['a'], lines: ['a'] });
    expect(wanting(decide, UNLINK, 'success', RM, '/else/f')).toEqual({ counted: [], lines: undefined });
  });

  it('names all watches that want it, in the order of the configuration', () => {
    const decide = judgeOf([watch('b'), watch('a', { include: ['/**'] }), watch('c', { include: ['/srv/f'] })]);
    expect(wanting(decide).lines).toEqual(['b', 'a', 'c']);
  });

  it('goes by operations', () => {
    const decide = judgeOf([watch('a', { operations: ['rmdir'] }), watch('b', { operations: ['unlink', 'replace'] })]);
    const names = [UNLINK, RMDIR, REPLACE].map((operation) => wanting(decide, operation).counted);
    expect(names).toEqual([['b'], ['a'], ['b']]);
  });

  it('shows failures only to watches that ask for them, missed outcomes to all', () => {
    const decide = judgeOf([watch('a'), watch('b', { failures: true })]);
    const names = (['success', 'failure', 'unknown'] as const).map(
      (outcome) => wanting(decide, UNLINK, outcome).counted,
    );
    expect(names).toEqual([['a', 'b'], ['b'], ['a', 'b']]);
  });

  it('counts without a line for watches that do not log', () => {
    const decide = judgeOf([watch('a', { log: false }), watch('b')]);
    expect(wanting(decide)).toEqual({ counted: ['a', 'b'], lines: ['b'] });
    expect(wanting(judgeOf([watch('a', { log: false })]))).toEqual({ counted: ['a'], lines: undefined });
  });

  it('ignores processes by the base name of their executable', () => {
    const decide = judgeOf([
      watch('a', { ignore: { processes: ['rm', 'größe'], ownedByRoot: false, users: [], effectiveUsers: [] } }),
      watch('b'),
    ]);
    const by = (executableName: string) => wanting(decide, UNLINK, 'success', { ...RM, executableName }).counted;
    expect(by('rm')).toEqual(['b']);
    expect(by(Buffer.from('größe').toString('latin1'))).toEqual(['b']);
    expect([by('rmdir'), by('RM'), by('')]).toEqual([
      ['a', 'b'],
      ['a', 'b'],
      ['a', 'b'],
    ]);
  });

  it('ignores processes by the absolute path of their executable', () => {
    const decide = judgeOf([
      watch('a', { ignore: { processes: ['/usr/bin/rm'], ownedByRoot: false, users: [], effectiveUsers: [] } }),
    ]);
    const by = (executablePath: string) => wanting(decide, UNLINK, 'success', { ...RM, executablePath }).counted;
    expect(by('/usr/bin/rm')).toEqual([]);
    expect([by('/tmp/rm'), by('/usr/bin/rm2'), by('')]).toEqual([['a'], ['a'], ['a']]);
  });

  it('ignores executables of root alone where that is wanted', () => {
    const ignore = { processes: ['rm', '/usr/bin/mv'], ownedByRoot: true, users: [], effectiveUsers: [] };
    const decide = judgeOf([watch('a', { ignore })]);
    const by = (changes: Partial<Actor>) => wanting(decide, UNLINK, 'success', { ...RM, ...changes }).counted;
    expect([by({}), by({ executableName: 'mv', executablePath: '/usr/bin/mv' })]).toEqual([[], []]);
    expect(by({ executableOfRoot: false })).toEqual(['a']);
    const mv = { executableName: 'mv', executablePath: '/usr/bin/mv', executableOfRoot: false };
    expect(by(mv)).toEqual(['a']);
  });

  it('ignores users by name and by number', () => {
    const ignore = {
      processes: [],
      ownedByRoot: false,
      users: ['www-data', '0', '1000', 'nobody-knows-me'],
      effectiveUsers: [],
    };
    const decide = judgeOf([watch('a', { ignore })], { 'www-data': 33, '1000': 5 });
    const ignored = [0, 33, 1000, 5, 1].map(
      (uid) => wanting(decide, UNLINK, 'success', { ...RM, uid }).counted.length === 0,
    );
    expect(ignored).toEqual([true, true, true, false, false]);
  });

  it('compares users with the real user, and effective users with the effective one', () => {
    const none = { processes: [], ownedByRoot: false, users: [], effectiveUsers: [] };
    const decide = judgeOf(
      [
        watch('real', { ignore: { ...none, users: ['33'] } }),
        watch('effective', { ignore: { ...none, effectiveUsers: ['backup', '77'] } }),
      ],
      { backup: 34 },
    );
    const by = (uid: number, effectiveUid: number) =>
      wanting(decide, UNLINK, 'success', { ...RM, uid, effectiveUid }).counted;
    expect(by(33, 0)).toEqual(['effective']);
    expect(by(0, 33)).toEqual(['real', 'effective']);
    expect(by(0, 34)).toEqual(['real']);
    expect(by(34, 0)).toEqual(['real', 'effective']);
    expect(by(33, 77)).toEqual([]);
  });

  it('does not remember one actor for the next', () => {
    const decide = judgeOf([
      watch('a', { ignore: { processes: ['rm'], ownedByRoot: false, users: [], effectiveUsers: [] } }),
    ]);
    const other = { ...RM, executableName: 'mv' };
    const names = [RM, other, RM, other].map((actor) => wanting(decide, UNLINK, 'success', actor).counted);
    expect(names).toEqual([[], ['a'], [], ['a']]);
  });

  it('remembers verdicts apart by operation and outcome', () => {
    const decide = judgeOf([watch('a', { operations: ['unlink'] }), watch('b', { failures: true })]);
    for (let round = 0; round < 3; round++) {
      expect(wanting(decide, UNLINK, 'success').counted).toEqual(['a', 'b']);
      expect(wanting(decide, UNLINK, 'failure').counted).toEqual(['b']);
      expect(wanting(decide, RMDIR, 'success').counted).toEqual(['b']);
      expect(wanting(decide, UNLINK, 'unknown').counted).toEqual(['a', 'b']);
    }
    const matched = decide.watches.match({ directory: '/srv', name: 'f', cut: false }, 'host', false);
    const verdict = decide.decide(matched, UNLINK!, 'success', RM);
    expect(decide.decide(matched, UNLINK!, 'success', RM)).toBe(verdict);
  });

  it('knows whether a watch speaks of the paths of processes', () => {
    expect(judgeOf([watch('a')]).hasProcessView).toBe(false);
    expect(judgeOf([watch('a'), watch('b', { view: 'process' })]).hasProcessView).toBe(true);
  });
});
