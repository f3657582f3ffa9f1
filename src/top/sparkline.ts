const BARS = '▁▂▃▄▅▆▇█';

/** One bar for each value, the highest for the greatest of them; a space for 0. */
export function sparkline(values: readonly number[]): string {
  const most = Math.max(...values);
  return values.map((value) => (value <= 0 ? ' ' : BARS[Math.ceil((value / most) * BARS.length) - 1])).join('');
}
