import { expect, it } from 'vitest';
import { BoundedCache } from '../../../src/watch/bounded-cache.js';
import { InternedSets } from '../../../src/watch/interned-sets.js';

it('InternedSets gives equal sets one frozen, sorted array', () => {
  const sets = new InternedSets();
  const set = sets.intern([10, 9, 10], 'runtime');
  expect(set).toEqual([9, 10]);
  expect(sets.intern([9, 10], 'runtime')).toBe(set);
  expect(Object.isFrozen(set)).toBe(true);
  expect(sets.intern([], 'runtime')).toBe(sets.empty);
});

it('InternedSets forgets sets of the running time when they are too many, never those of the configuration', () => {
  const sets = new InternedSets();
  const permanent = sets.intern([1, 2], 'permanent');
  const first = sets.intern([1, 3], 'runtime');
  for (let id = 10; id < 500_010; id++) sets.intern([id, id + 1], 'runtime');
  expect(sets.intern([1, 2], 'runtime')).toBe(permanent);
  expect(sets.intern([1, 3], 'runtime')).not.toBe(first);
});

it('BoundedCache drops what was not used for longest, by weight', () => {
  const cache = new BoundedCache<number>(10, (value) => value);
  cache.add('a', 4);
  cache.add('b', 4);
  cache.get('a');
  cache.add('c', 4);
  expect([cache.get('a'), cache.get('b'), cache.get('c')]).toEqual([4, undefined, 4]);
  cache.add('heavy', 100);
  expect([cache.size, cache.get('heavy')]).toEqual([1, 100]);
  cache.add('d', 1);
  expect([cache.size, cache.get('d')]).toEqual([1, 1]);
});
