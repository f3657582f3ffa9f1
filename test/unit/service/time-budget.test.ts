import { expect, it } from 'vitest';
import { TimeBudget } from '../../../src/service/time-budget.js';

it('allows a burst of 0.2 s at once, and its share of the time after that', () => {
  let now = 0;
  const budget = new TimeBudget(0.1, () => now);
  const work = () => {
    now += 30;
  };
  let bursts = 0;
  while (budget.waitMs === 0) {
    budget.spend(work);
    bursts += 1;
  }
  expect(bursts).toBeGreaterThanOrEqual(7);
  expect(bursts).toBeLessThanOrEqual(8);
  const wait = budget.waitMs;
  expect(wait).toBeGreaterThan(0);
  now += wait;
  expect(budget.waitMs).toBe(0);
});

it('charges work that throws', () => {
  let now = 0;
  const budget = new TimeBudget(0.1, () => now);
  expect(() =>
    budget.spend(() => {
      now += 1_000;
      throw new Error('it failed');
    }),
  ).toThrow('it failed');
  expect(budget.waitMs).toBeGreaterThan(5_000);
});
