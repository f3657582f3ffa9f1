import { expect, it } from 'vitest';
import { WatchCells } from '../../src/metrics/watch-cells.js';

it('keeps the counters of a watch by name, forgets those of a removed one', () => {
  const cells = new WatchCells();
  const [first, second] = cells.configure([
    { name: 'a', failures: false },
    { name: 'b', failures: false },
  ]);
  first!.deletions.unlink = 5;
  second!.deletions.rmdir = 6;

  cells.configure([
    { name: 'c', failures: false },
    { name: 'a', failures: true },
  ]);
  expect(
    cells.counts().map(({ name, deletions, reportsFailures }) => [name, deletions.unlink, reportsFailures]),
  ).toEqual([
    ['c', 0, false],
    ['a', 5, true],
  ]);

  const [returned] = cells.configure([{ name: 'b', failures: false }]);
  expect(returned!.deletions.rmdir).toBe(0);
});
