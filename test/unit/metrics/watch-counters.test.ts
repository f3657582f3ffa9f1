import { expect, it } from 'vitest';
import { countersFor, countsOf } from '../../../src/metrics/watch-counters.js';

it('keeps the totals of a watch by name, forgets those of a removed one, and changes no older counters', () => {
  const before = countersFor([
    { name: 'a', failures: false },
    { name: 'b', failures: false },
  ]);
  before[0]!.totals.deletions.unlink = 5;
  before[1]!.totals.deletions.rmdir = 6;

  const after = countersFor(
    [
      { name: 'c', failures: false },
      { name: 'a', failures: true },
    ],
    before,
  );
  const shown = countsOf(after).map(({ name, deletions, reportsFailures }) => [
    name,
    deletions.unlink,
    reportsFailures,
  ]);
  expect(shown).toEqual([
    ['c', 0, false],
    ['a', 5, true],
  ]);
  expect(countsOf(before).map(({ name, reportsFailures }) => [name, reportsFailures])).toEqual([
    ['a', false],
    ['b', false],
  ]);

  const [returned] = countersFor([{ name: 'b', failures: false }], after);
  expect(returned!.totals.deletions.rmdir).toBe(0);
});
