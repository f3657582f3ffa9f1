import { expect, it } from 'vitest';
import { WatchCounters } from '../../../src/metrics/watch-counters.js';

it('keeps the counters of a watch by name, forgets those of a removed one', () => {
  const counters = new WatchCounters();
  const [first, second] = counters.configure([
    { name: 'a', failures: false },
    { name: 'b', failures: false },
  ]);
  first!.deletions.unlink = 5;
  second!.deletions.rmdir = 6;

  counters.configure([
    { name: 'c', failures: false },
    { name: 'a', failures: true },
  ]);
  expect(
    counters.counts().map(({ name, deletions, reportsFailures }) => [name, deletions.unlink, reportsFailures]),
  ).toEqual([
    ['c', 0, false],
    ['a', 5, true],
  ]);

  const [returned] = counters.configure([{ name: 'b', failures: false }]);
  expect(returned!.deletions.rmdir).toBe(0);
});
