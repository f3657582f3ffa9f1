import type { Operation, WatchConfig } from '../model/config.js';
import { atOnce, type Steps } from '../model/steps.js';
import {
  FILTER_PREFIX_BYTES,
  OPERATION_MOVE,
  OPERATION_REPLACE,
  OPERATION_RMDIR,
  OPERATION_UNLINK,
  WANT_WHOLE_MAX,
} from '../probe/record-layout.generated.js';
import { compileGlob } from './glob.js';

/** How the kernel names the operations in its masks. */
export const OPERATION_BITS: Readonly<Record<Operation, number>> = {
  unlink: 1 << OPERATION_UNLINK,
  rmdir: 1 << OPERATION_RMDIR,
  replace: 1 << OPERATION_REPLACE,
  move: 1 << OPERATION_MOVE,
};

/** Ends a path in the kernel's hands; no name holds one. */
const PATH_END = '\0';

export interface KernelFilterEntry {
  /** Leading bytes of a path, in latin1 view. */
  readonly prefix: string;
  /** Operations wanted when they succeed. */
  readonly successMask: number;
  /** Operations wanted when they fail. */
  readonly failureMask: number;
  /**
   * 0, or the number of a directory of which every watch that wants moves here wants all that lies below: what moves
   * between two paths with the same number leaves no watch. The kernel passes what moves between others, and the daemon
   * judges it.
   */
  readonly whole: number;
}

interface Wanted {
  successMask: number;
  failureMask: number;
  /** Whether watches want moves of all paths that begin so; undefined: none wants moves. */
  whole: boolean | undefined;
}

/**
 * What the kernel needs to drop early what no watch can want: never narrower than the watches, often wider, since it looks at
 * fixed beginnings of paths only.
 *
 * The kernel finds the longest entry that a path starts with and looks no further, so each entry carries what its shorter
 * beginnings want too; entries that would say the same as the next shorter one are left out. Sorted by prefix.
 *
 * A directory that moves takes along what lies below it, so every directory that leads to what a watch wants has an entry
 * of its own, ended by a NUL: the kernel compares the path of what moves together with its NUL.
 */
export function kernelFilter(watches: readonly WatchConfig[]): KernelFilterEntry[] {
  return atOnce(kernelFilterSteps(watches));
}

/** As kernelFilter(), for ten thousand watches beside other work. */
export function* kernelFilterSteps(watches: readonly WatchConfig[]): Steps<KernelFilterEntry[]> {
  const wanted = new Map<string, Wanted>();
  for (const watch of watches) {
    const mask = watch.operations.reduce((bits, operation) => bits | OPERATION_BITS[operation], 0);
    const moves = mask & OPERATION_BITS.move;
    for (const pattern of watch.include) {
      const { literalPrefix, prefixDecides } = compileGlob(pattern, 'include');
      const fixed = literalPrefix.slice(0, FILTER_PREFIX_BYTES);
      const prefix = watch.caseInsensitive ? withoutCase(fixed) : fixed;
      const whole = prefixDecides && prefix === literalPrefix && watch.exclude.length === 0;
      want(wanted, prefix, maskedBy(watch, mask, moves === 0 ? undefined : whole));
      if (moves === 0) continue;
      for (const ancestor of directoriesTo(prefix)) want(wanted, ancestor + PATH_END, maskedBy(watch, moves, false));
    }
    yield;
  }
  let directories = 0;
  const entries: KernelFilterEntry[] = [];
  const shorter: KernelFilterEntry[] = [];
  // In this order every prefix comes after all of its own beginnings, and the last ones still open are exactly those.
  for (const [prefix, masks] of [...wanted].sort(([a], [b]) => (a < b ? -1 : 1))) {
    while (shorter.length > 0 && !prefix.startsWith(shorter.at(-1)?.prefix ?? '')) shorter.pop();
    const next = shorter.at(-1);
    const successMask = masks.successMask | (next?.successMask ?? 0);
    const failureMask = masks.failureMask | (next?.failureMask ?? 0);
    let whole = next?.whole ?? 0;
    if (masks.whole !== undefined) {
      const isWhole = masks.whole && (whole !== 0 || ((next?.successMask ?? 0) & OPERATION_BITS.move) === 0);
      whole = isWhole && directories < WANT_WHOLE_MAX ? ++directories : 0;
    }
    if (successMask === next?.successMask && failureMask === next.failureMask && whole === next.whole) continue;
    const entry = { prefix, successMask, failureMask, whole };
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

function maskedBy({ failures }: WatchConfig, mask: number, whole: boolean | undefined): Wanted {
  return { successMask: mask, failureMask: failures ? mask : 0, whole };
}

function want(wanted: Map<string, Wanted>, prefix: string, more: Wanted): void {
  const known = wanted.get(prefix);
  if (known === undefined) {
    wanted.set(prefix, more);
    return;
  }
  known.successMask |= more.successMask;
  known.failureMask |= more.failureMask;
  if (more.whole !== undefined) known.whole = more.whole && known.whole !== false;
}

/** The directories that lead to paths with this beginning, as far as the kernel can compare them with their end. */
function* directoriesTo(prefix: string): Iterable<string> {
  for (let at = prefix.indexOf('/', 1); at > 0 && at < FILTER_PREFIX_BYTES; at = prefix.indexOf('/', at + 1))
    yield prefix.slice(0, at);
}

/** The entry that the kernel goes by for a path; without one it drops the event. */
export function kernelEntryFor(entries: readonly KernelFilterEntry[], path: string): KernelFilterEntry | undefined {
  let longest: KernelFilterEntry | undefined;
  for (const entry of entries) {
    if (path.startsWith(entry.prefix) && entry.prefix.length >= (longest?.prefix.length ?? 0)) longest = entry;
  }
  return longest;
}
