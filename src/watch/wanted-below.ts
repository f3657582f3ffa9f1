import { firstNotBefore } from '../text/sorted-strings.js';
import type { KernelFilterEntry } from './kernel-filter.js';

/** Sorts behind every character of a path in latin1 view. */
const BEHIND_ALL = '\u0100';

/**
 * What is wanted in whole directories: by entries that hold for all of one, and by those that lead further down. An answer takes
 * no longer where ten thousand entries lead further down.
 */
export class WantedBelow {
  private readonly prefixes: readonly string[];
  /** By entry, the one of its longest beginning; -1: there is none. */
  private readonly shorter: Int32Array;
  /** Both masks of each entry, behind those of pairs of entries, pairs of pairs and so on: a tree without pointers. */
  private readonly success: Uint32Array;
  private readonly failure: Uint32Array;

  /** `entries` as kernelFilter() sorts them. */
  constructor(entries: readonly KernelFilterEntry[]) {
    const count = entries.length;
    this.prefixes = entries.map(({ prefix }) => prefix);
    this.shorter = new Int32Array(count);
    this.success = new Uint32Array(2 * count);
    this.failure = new Uint32Array(2 * count);
    for (const [at, { prefix, successMask, failureMask }] of entries.entries()) {
      this.shorter[at] = this.longestBeginning(at - 1, prefix);
      this.success[count + at] = successMask;
      this.failure[count + at] = failureMask;
    }
    for (let at = count - 1; at > 0; at--) {
      this.success[at] = this.success[2 * at]! | this.success[2 * at + 1]!;
      this.failure[at] = this.failure[2 * at]! | this.failure[2 * at + 1]!;
    }
  }

  /** `directory` in latin1 view, '' for the root. */
  inDirectory(directory: string): { successMask: number; failureMask: number } {
    const count = this.prefixes.length;
    const start = `${directory}/`;
    const first = firstNotBefore(this.prefixes, start);
    const masks = { successMask: 0, failureMask: 0 };
    // The longest beginning says what the shorter ones want, too. An entry for the whole directory is the first of those below.
    const beginning = this.prefixes[first] === start ? first : this.longestBeginning(first - 1, start);
    if (beginning >= 0) this.add(masks, count + beginning);
    let from = count + first;
    let to = count + firstNotBefore(this.prefixes, start + BEHIND_ALL);
    while (from < to) {
      if (from % 2 === 1) this.add(masks, from++);
      if (to % 2 === 1) this.add(masks, --to);
      from >>= 1;
      to >>= 1;
    }
    return masks;
  }

  /** The entry of the longest beginning of `text`; `before`: the last entry that sorts before it. */
  private longestBeginning(before: number, text: string): number {
    let at = before;
    while (at >= 0 && !text.startsWith(this.prefixes[at]!)) at = this.shorter[at]!;
    return at;
  }

  private add(masks: { successMask: number; failureMask: number }, node: number): void {
    masks.successMask |= this.success[node]!;
    masks.failureMask |= this.failure[node]!;
  }
}
