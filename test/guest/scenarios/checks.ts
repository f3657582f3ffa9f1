/** What judges find: one check for each promise, named by a sentence. */

export interface Check {
  /** Says what is promised, with kernel, mode and file system in front. */
  readonly name: string;
  /** What is wrong; nothing when the promise was kept. */
  readonly problems: readonly string[];
  /** Figures worth printing, such as how many lines were checked. */
  readonly facts?: string;
}

/** Names of the checks that are expected, in order, so that a check that was never made counts as failed. */
export function missingChecks(expected: readonly string[], made: readonly Check[]): Check[] {
  const names = new Set(made.map(({ name }) => name));
  return expected
    .filter((name) => !names.has(name))
    .map((name) => ({ name, problems: ['the guest recorded nothing of it'] }));
}
