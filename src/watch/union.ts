const NONE: readonly number[] = [];

/** Equal sets stay the same array as long as they can: verdicts are remembered by it. */
export function union(some: readonly number[], others: readonly number[]): readonly number[] {
  if (others.length === 0 || some === others) return some;
  if (some.length === 0) return others;
  return [...new Set([...some, ...others])].sort((a, b) => a - b);
}

/** As union(), of many sets in one go. */
export function unionOf(sets: ReadonlySet<readonly number[]>): readonly number[] {
  const [first = NONE, second] = sets;
  if (second === undefined) return first;
  const all = new Set<number>();
  for (const set of sets) for (const id of set) all.add(id);
  return [...all].sort((a, b) => a - b);
}
