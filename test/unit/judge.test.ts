import { describe, expect, it } from 'vitest';
import { OPERATIONS, type WatchConfig } from '../../src/config/config.js';
import { type Actor, Judge, type Outcome } from '../../src/deletion/judge.js';
import { WatchCells } from '../../src/metrics/watch-cells.js';

const RM: Actor = { executableName: 'rm', uid: 0 };
const [UNLINK, RMDIR, REPLACE] = [0, 1, 2];

function watch(name: string, changes: Partial<WatchConfig> = {}): WatchConfig {
  return {
    name,
    include: ['/srv/**'],
    exclude: [],
    view: 'host',
    operations: OPERATIONS,
    failures: false,
    ignore: { processes: [], users: [] },
    log: true,
    ...changes,
  };
}

function judgeOf(watches: WatchConfig[], users: Record<string, number> = {}): Judge {
  return new Judge(watches, new WatchCells().configure(watches), (name) => users[name]);
}

/** The names of the watches that want it, and of those that want a line of it. */
function wanting(judge: Judge, operation = UNLINK!, outcome: Outcome = 'success', actor = RM, path = '/srv/f') {
  const slash = path.lastIndexOf('/');
  const matched = judge.watchSet.forDirectory(path.slice(0, slash), 'host').match(path.slice(slash + 1));
  const { watches, ruleJson } = judge.judge(matched, operation, outcome, actor);
  const counted = watches.map((index) => judge.cells[index]!.name);
  return { counted, lines: ruleJson === undefined ? undefined : JSON.parse(ruleJson) };
}

describe('Judge', () => {
  it('asks the patterns first', () => {
    const judge = judgeOf([watch('a'), watch('b', { include: ['/other/**'] })]);
    expect(wanting(judge)).toEqual({ counted: ['a'], lines: ['a'] });
    expect(wanting(judge, UNLINK, 'success', RM, '/else/f')).toEqual({ counted: [], lines: undefined });
  });

  it('names all watches that want it, in the order of the configuration', () => {
    const judge = judgeOf([watch('b'), watch('a', { include: ['/**'] }), watch('c', { include: ['/srv/f'] })]);
    expect(wanting(judge).lines).toEqual(['b', 'a', 'c']);
  });

  it('goes by operations', () => {
    const judge = judgeOf([watch('a', { operations: ['rmdir'] }), watch('b', { operations: ['unlink', 'replace'] })]);
    const names = [UNLINK, RMDIR, REPLACE].map((operation) => wanting(judge, operation).counted);
    expect(names).toEqual([['b'], ['a'], ['b']]);
  });

  it('shows failures only to watches that ask for them, missed outcomes to all', () => {
    const judge = judgeOf([watch('a'), watch('b', { failures: true })]);
    const names = (['success', 'failure', 'unknown'] as const).map(
      (outcome) => wanting(judge, UNLINK, outcome).counted,
    );
    expect(names).toEqual([['a', 'b'], ['b'], ['a', 'b']]);
  });

  it('counts without a line for watches that do not log', () => {
    const judge = judgeOf([watch('a', { log: false }), watch('b')]);
    expect(wanting(judge)).toEqual({ counted: ['a', 'b'], lines: ['b'] });
    expect(wanting(judgeOf([watch('a', { log: false })]))).toEqual({ counted: ['a'], lines: undefined });
  });

  it('ignores processes by the base name of their executable', () => {
    const judge = judgeOf([watch('a', { ignore: { processes: ['rm', 'größe'], users: [] } }), watch('b')]);
    const by = (executableName: string) => wanting(judge, UNLINK, 'success', { executableName, uid: 0 }).counted;
    expect(by('rm')).toEqual(['b']);
    expect(by(Buffer.from('größe').toString('latin1'))).toEqual(['b']);
    expect([by('rmdir'), by('RM'), by('')]).toEqual([
      ['a', 'b'],
      ['a', 'b'],
      ['a', 'b'],
    ]);
  });

  it('ignores users by name and by number', () => {
    const ignore = { processes: [], users: ['www-data', '0', '1000', 'nobody-knows-me'] };
    const judge = judgeOf([watch('a', { ignore })], { 'www-data': 33, '1000': 5 });
    const ignored = [0, 33, 1000, 5, 1].map(
      (uid) => wanting(judge, UNLINK, 'success', { ...RM, uid }).counted.length === 0,
    );
    expect(ignored).toEqual([true, true, true, false, false]);
  });

  it('does not remember one actor for the next', () => {
    const judge = judgeOf([watch('a', { ignore: { processes: ['rm'], users: [] } })]);
    const other = { executableName: 'mv', uid: 0 };
    const names = [RM, other, RM, other].map((actor) => wanting(judge, UNLINK, 'success', actor).counted);
    expect(names).toEqual([[], ['a'], [], ['a']]);
  });

  it('remembers verdicts apart by operation and outcome', () => {
    const judge = judgeOf([watch('a', { operations: ['unlink'] }), watch('b', { failures: true })]);
    for (let round = 0; round < 3; round++) {
      expect(wanting(judge, UNLINK, 'success').counted).toEqual(['a', 'b']);
      expect(wanting(judge, UNLINK, 'failure').counted).toEqual(['b']);
      expect(wanting(judge, RMDIR, 'success').counted).toEqual(['b']);
      expect(wanting(judge, UNLINK, 'unknown').counted).toEqual(['a', 'b']);
    }
    const matched = judge.watchSet.forDirectory('/srv', 'host').match('f');
    const verdict = judge.judge(matched, UNLINK!, 'success', RM);
    expect(judge.judge(matched, UNLINK!, 'success', RM)).toBe(verdict);
  });

  it('knows whether a watch speaks of the paths of processes', () => {
    expect(judgeOf([watch('a')]).hasProcessView).toBe(false);
    expect(judgeOf([watch('a'), watch('b', { view: 'process' })]).hasProcessView).toBe(true);
  });
});
