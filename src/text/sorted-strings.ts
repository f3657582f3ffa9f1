/** Index of the first of the rising `strings` that is not less than `start`; those that start with it follow from there. */
export function firstNotBefore(strings: readonly string[], start: string): number {
  let low = 0;
  let high = strings.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (strings[middle]! < start) low = middle + 1;
    else high = middle;
  }
  return low;
}
