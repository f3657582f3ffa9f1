import { describe, expect, it } from 'vitest';
import { DelayHistogram } from '../../../src/metrics/delay-histogram.js';

describe('DelayHistogram', () => {
  it('counts an observation in every bucket whose bound it does not exceed', () => {
    const histogram = new DelayHistogram();
    for (const seconds of [0.001, 0.0011, 0.2, 10, 11]) histogram.observe(seconds);
    const counts = new Map(histogram.buckets().map(({ upperBound, count }) => [upperBound, count]));
    expect(counts.get(0.001)).toBe(1);
    expect(counts.get(0.0025)).toBe(2);
    expect(counts.get(0.1)).toBe(2);
    expect(counts.get(0.25)).toBe(3);
    expect(counts.get(10)).toBe(4);
    expect(histogram.count).toBe(5);
    expect(histogram.sum).toBeCloseTo(21.2021, 10);
  });

  it('takes a negative or unknown delay for none, and still counts it', () => {
    const histogram = new DelayHistogram();
    histogram.observe(-3);
    histogram.observe(Number.NaN);
    expect(histogram.buckets()[0]?.count).toBe(2);
    expect(histogram.sum).toBe(0);
  });

  it('goes on counting beyond 2^32', () => {
    const histogram = new DelayHistogram();
    const cells = (histogram as unknown as { cells: Float64Array }).cells;
    cells[0] = 2 ** 32;
    histogram.observe(0);
    expect(histogram.count).toBe(2 ** 32 + 1);
  });
});
