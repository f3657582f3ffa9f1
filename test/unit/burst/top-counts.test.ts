import { expect, it } from 'vitest';
import { TopCounts } from '../../../src/burst/top-counts.js';

it('has the greatest counts first, and equal ones by their keys', () => {
  const counts = new TopCounts(8);
  for (const key of ['b', 'a', 'c', 'c', '', 'a', 'c']) counts.add(key);
  expect(counts.top(3)).toEqual([
    { key: 'c', count: 3 },
    { key: 'a', count: 2 },
    { key: '', count: 1 },
  ]);
  expect(counts.dropped).toBe(false);
});

it('keeps its bound, what is frequent, and says that counts may be too low', () => {
  const counts = new TopCounts(8);
  for (let i = 0; i < 1_000; i++) {
    counts.add('often');
    counts.add(`once ${i}`);
  }
  expect(counts.top(1)).toEqual([{ key: 'often', count: 1_000 }]);
  expect(counts.top(1_000).length).toBeLessThanOrEqual(8);
  expect(counts.dropped).toBe(true);
});
