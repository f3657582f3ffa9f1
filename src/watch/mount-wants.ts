import { type Mount, type MountTable, prefixLengths } from '../host/mount-table.js';
import { atOnce, type Steps } from '../model/steps.js';
import { firstNotBefore } from '../text/sorted-strings.js';

/** A mask of what is wanted in a directory and everywhere below it; '' is the root. */
export type WantsBelow = (directory: string) => number;

/** Bits of a mask: those of successes and of failures. */
const BITS = 16;
/**
 * Above so many mounts of one root, what they show of a directory further down is not looked at one by one: what is wanted
 * anywhere below them stands for it, which is wider and never narrower.
 */
const MOUNTS_APART_MAX = 16;

/**
 * For each mount, by its id, what is wanted of its files at the other places of this host where they can be seen, as bind
 * mounts make them. Takes time in proportion to the mounts, also where thousands of them show one directory.
 */
export function wantsElsewhere(table: MountTable, wantsBelow: WantsBelow): [number, number][] {
  return atOnce(wantsElsewhereSteps(table, wantsBelow));
}

/** As wantsElsewhere(), for thousands of mounts beside other work. */
export function* wantsElsewhereSteps(table: MountTable, wantsBelow: WantsBelow): Steps<[number, number][]> {
  const masks = new Map<Mount, number>();
  for (const byRoot of table.filesystems()) yield* addFilesystem(byRoot, remembered(wantsBelow), masks);
  return table.mounts.map((mount) => [mount.id, masks.get(mount)!]);
}

function* addFilesystem(
  byRoot: ReadonlyMap<string, readonly Mount[]>,
  wantsBelow: WantsBelow,
  masks: Map<Mount, number>,
): Steps<void> {
  const roots = [...byRoot.keys()].sort();
  const wholes = new Map<string, number>();
  const wholeOf = (root: string): number => {
    let whole = wholes.get(root);
    if (whole === undefined) {
      whole = byRoot.get(root)!.reduce((mask, { mountPoint }) => mask | wantsBelow(mountPoint), 0);
      wholes.set(root, whole);
    }
    return whole;
  };

  for (const [root, mounts] of byRoot) {
    const wants = new Wants();
    const places = new Map<string, number>();
    for (const length of prefixLengths(root)) {
      const outer = byRoot.get(root.slice(0, length)) ?? [];
      if (length < root.length && outer.length > MOUNTS_APART_MAX) {
        wants.addForAll(wholeOf(root.slice(0, length)));
        continue;
      }
      for (const { mountPoint } of outer) {
        const place = mountPoint + root.slice(length);
        if (!places.has(place)) places.set(place, wantsBelow(place));
        yield;
      }
    }
    yield;
    for (const [place, mask] of places) wants.add(mask, place);
    for (let at = firstNotBefore(roots, `${root}/`); roots[at]?.startsWith(`${root}/`); at++) {
      const below = roots[at]!.slice(root.length);
      for (const { mountPoint } of byRoot.get(roots[at]!)!) {
        // Where a mount of `root` shows the directory anyway, it is no other place for that mount.
        const own = mountPoint.endsWith(below) ? mountPoint.slice(0, -below.length) : undefined;
        wants.add(wantsBelow(mountPoint), own);
        yield;
      }
    }
    for (const mount of mounts) {
      masks.set(mount, wants.elsewhere(mount.mountPoint));
      yield;
    }
  }
}

/** What is wanted at many places, and at all of them but those that belong to one mount point. */
class Wants {
  private forAll = 0;
  private readonly counts = new Int32Array(BITS);
  /** By mount point, the masks of the places that are its own. */
  private readonly own = new Map<string, number[]>();

  addForAll(mask: number): void {
    this.forAll |= mask;
  }

  add(mask: number, ownOf: string | undefined): void {
    if (mask === 0) return;
    for (let bit = 0; bit < BITS; bit++) this.counts[bit]! += (mask >> bit) & 1;
    if (ownOf === undefined) return;
    const masks = this.own.get(ownOf);
    if (masks === undefined) this.own.set(ownOf, [mask]);
    else masks.push(mask);
  }

  elsewhere(mountPoint: string): number {
    const own = this.own.get(mountPoint) ?? [];
    let result = this.forAll;
    for (let bit = 0; bit < BITS; bit++) {
      const ownCount = own.reduce((count, mask) => count + ((mask >> bit) & 1), 0);
      if (this.counts[bit]! > ownCount) result |= 1 << bit;
    }
    return result;
  }
}

function remembered(wantsBelow: WantsBelow): WantsBelow {
  const known = new Map<string, number>();
  return (directory) => {
    let mask = known.get(directory);
    if (mask === undefined) {
      mask = wantsBelow(directory);
      known.set(directory, mask);
    }
    return mask;
  };
}
