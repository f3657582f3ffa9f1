import type { Operation, WatchConfig } from '../model/config.js';
import {
  FILTER_PREFIX_BYTES,
  OPERATION_REPLACE,
  OPERATION_RMDIR,
  OPERATION_UNLINK,
} from '../probe/record-layout.generated.js';
import { firstNotBefore } from '../text/sorted-strings.js';
import { compileGlob } from './glob.js';
import { atOnce, type Steps } from './steps.js';

/** How the kernel names the operations in its masks. */
export const OPERATION_BITS: Readonly<Record<Operation, number>> = {
  unlink: 1 << OPERATION_UNLINK,
  rmdir: 1 << OPERATION_RMDIR,
  replace: 1 << OPERATION_REPLACE,
};

export interface KernelFilterEntry {
  /** Leading bytes of a path, in latin1 view. */
  readonly prefix: string;
  /** Operations wanted when they succeed. */
  readonly successMask: number;
  /** Operations wanted when they fail. */
  readonly failureMask: number;
}

/**
 * What the kernel needs to drop early what no watch can want: never narrower than the watches, often wider, since it looks at
 * fixed beginnings of paths only.
 *
 * The kernel finds the longest entry that a path starts with and looks no further, so each entry carries what its shorter
 * beginnings want too; entries that would say the same as the next shorter one are left out. Sorted by prefix.
 */
export function kernelFilter(watches: readonly WatchConfig[]): KernelFilterEntry[] {
  return atOnce(kernelFilterSteps(watches));
}

/** As kernelFilter(), for ten thousand watches beside other work. */
export function* kernelFilterSteps(watches: readonly WatchConfig[]): Steps<KernelFilterEntry[]> {
  const wanted = new Map<string, { successMask: number; failureMask: number }>();
  for (const watch of watches) {
    const mask = watch.operations.reduce((bits, operation) => bits | OPERATION_BITS[operation], 0);
    for (const pattern of watch.include) {
      const fixed = compileGlob(pattern, 'include').literalPrefix.slice(0, FILTER_PREFIX_BYTES);
      const prefix = watch.caseInsensitive ? withoutCase(fixed) : fixed;
      const masks = wanted.get(prefix) ?? { successMask: 0, failureMask: 0 };
      masks.successMask |= mask;
      if (watch.failures) masks.failureMask |= mask;
      wanted.set(prefix, masks);
    }
    yield;
  }
  const entries: KernelFilterEntry[] = [];
  const shorter: KernelFilterEntry[] = [];
  // In this order every prefix comes after all of its own beginnings, and the last ones still open are exactly those.
  for (const [prefix, masks] of [...wanted].sort(([a], [b]) => (a < b ? -1 : 1))) {
    while (shorter.length > 0 && !prefix.startsWith(shorter.at(-1)?.prefix ?? '')) shorter.pop();
    const next = shorter.at(-1);
    const successMask = masks.successMask | (next?.successMask ?? 0);
    const failureMask = masks.failureMask | (next?.failureMask ?? 0);
    if (successMask === next?.successMask && failureMask === next.failureMask) continue;
    const entry = { prefix, successMask, failureMask };
    shorter.push(entry);
    entries.push(entry);
    yield;
  }
  return entries;
}

/** The beginning of a prefix, in latin1 view, that is the same whatever case its letters have. */
function withoutCase(prefix: string): string {
  return /^[^A-Za-z\x80-\xff]*/.exec(prefix)![0];
}

/** The entry that the kernel goes by for a path; without one it drops the event. */
export function kernelEntryFor(entries: readonly KernelFilterEntry[], path: string): KernelFilterEntry | undefined {
  let longest: KernelFilterEntry | undefined;
  for (const entry of entries) {
    if (path.startsWith(entry.prefix) && entry.prefix.length >= (longest?.prefix.length ?? 0)) longest = entry;
  }
  return longest;
}

/** What is wanted in whole directories: by entries that hold for all of one, and by those that lead further down. */
export class WantedBelow {
  private readonly entries: readonly KernelFilterEntry[];
  private readonly prefixes: readonly string[];
  private readonly byPrefix: ReadonlyMap<string, KernelFilterEntry>;
  private readonly longest: number;

  /** `entries` as kernelFilter() sorts them. */
  constructor(entries: readonly KernelFilterEntry[]) {
    this.entries = entries;
    this.prefixes = entries.map(({ prefix }) => prefix);
    this.byPrefix = new Map(entries.map((entry) => [entry.prefix, entry]));
    this.longest = entries.reduce((longest, { prefix }) => Math.max(longest, prefix.length), 0);
  }

  /** `directory` in latin1 view, '' for the root. */
  inDirectory(directory: string): { successMask: number; failureMask: number } {
    const start = `${directory}/`;
    const masks = { successMask: 0, failureMask: 0 };
    // The longest beginning says what the shorter ones want, too.
    for (let length = Math.min(start.length, this.longest); length > 0; length--) {
      const entry = this.byPrefix.get(start.slice(0, length));
      if (entry === undefined) continue;
      masks.successMask |= entry.successMask;
      masks.failureMask |= entry.failureMask;
      break;
    }
    for (let at = firstNotBefore(this.prefixes, start); this.prefixes[at]?.startsWith(start); at++) {
      masks.successMask |= this.entries[at]!.successMask;
      masks.failureMask |= this.entries[at]!.failureMask;
    }
    return masks;
  }
}
