/** Middle and spread of a few samples. */

export function median(samples) {
  const sorted = [...samples].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** @returns {{median: number, lowest: number, highest: number}} undefined without samples */
export function spread(samples) {
  if (samples.length === 0) return undefined;
  return { median: median(samples), lowest: Math.min(...samples), highest: Math.max(...samples) };
}
