/** Middle and spread of a few samples. */

export interface Spread {
  readonly median: number;
  readonly lowest: number;
  readonly highest: number;
}

/** NaN without samples. */
export function median(samples: readonly number[]): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const above = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? above : ((sorted[middle - 1] ?? Number.NaN) + above) / 2;
}

/** undefined without samples. */
export function spread(samples: readonly number[]): Spread | undefined {
  if (samples.length === 0) return undefined;
  return { median: median(samples), lowest: Math.min(...samples), highest: Math.max(...samples) };
}
