import type { KnownMounts } from '../host/mount-table.js';
import type { WatchConfig } from '../model/config.js';
import { atOnce, type Steps } from '../model/steps.js';
import type { FilterPlaces, FilterPrefix, NativeFilter } from '../probe/native-probe.js';
import { WANT_FAILURE_SHIFT, WANT_WHOLE_SHIFT } from '../probe/record-layout.generated.js';
import { foldPath } from '../text/case-fold.js';
import { foldedWatch } from './folded-watches.js';
import { type KernelFilterEntry, kernelFilterSteps } from './kernel-filter.js';
import { wantsElsewhereSteps } from './mount-wants.js';
import { WantedBelow } from './wanted-below.js';

/** No mount has this number: the kernel meets only mounts that it does not know, and passes what is wanted anywhere. */
const NO_MOUNT = 0xffffffff;

/** They take less than a millisecond. */
const PREFIXES_AT_ONCE = 100;

/** What watches want as far as the kernel can tell, whatever is mounted: mounts change more often than watches. */
export interface KernelWants {
  readonly entries: readonly KernelFilterEntry[];
  /** What watches on paths of the host want. */
  readonly onHost: WantedBelow;
  /** The same by folded paths (see foldPath): what they may want of a filesystem that ignores case. */
  readonly onHostFolded: WantedBelow;
  /** A mask of what watches on paths of the process want anywhere. */
  readonly byProcess: number;
}

export function kernelWants(watches: readonly WatchConfig[]): KernelWants {
  return atOnce(kernelWantsSteps(watches));
}

/** As kernelWants(), for ten thousand watches beside other work. */
export function* kernelWantsSteps(watches: readonly WatchConfig[]): Steps<KernelWants> {
  const entries = yield* kernelFilterSteps(watches);
  const ofHost = watches.filter(({ view }) => view === 'host');
  const onHost = yield* kernelFilterSteps(ofHost);
  const folded: WatchConfig[] = [];
  for (const watch of ofHost) {
    folded.push(foldedWatch(watch));
    yield;
  }
  const onHostFolded = yield* kernelFilterSteps(folded);
  const ofProcess = yield* kernelFilterSteps(watches.filter(({ view }) => view === 'process'));
  return {
    entries,
    onHost: new WantedBelow(onHost),
    onHostFolded: new WantedBelow(onHostFolded),
    byProcess: ofProcess.reduce((mask, entry) => mask | maskOf(entry), 0),
  };
}

/**
 * What the kernel needs to drop early what no watch can want. `mounts` of this host; undefined: paths are compared as they
 * are, as in tracepoint mode.
 */
export function nativeFilterOf(wants: KernelWants, mounts: KnownMounts | undefined): NativeFilter {
  return { prefixes: wants.entries.map(prefixOf), ...atOnce(filterPlacesSteps(wants, mounts)) };
}

/** The part of it that depends on the mounts. */
export function* filterPlacesSteps(wants: KernelWants, mounts: KnownMounts | undefined): Steps<FilterPlaces> {
  let successOperations = 0;
  let failureOperations = 0;
  for (const { successMask, failureMask } of wants.entries) {
    successOperations |= successMask;
    failureOperations |= failureMask;
  }
  const places = yield* placesSteps(wants, mounts);
  return { ...places, processView: wants.byProcess, successOperations, failureOperations };
}

/** The other part, as the kernel takes it; a hundred at a time. */
export function* prefixesOf({ entries }: KernelWants): Iterable<FilterPrefix[]> {
  for (let at = 0; at < entries.length; at += PREFIXES_AT_ONCE) {
    yield entries.slice(at, at + PREFIXES_AT_ONCE).map(prefixOf);
  }
}

function prefixOf(entry: KernelFilterEntry): FilterPrefix {
  return [Buffer.from(entry.prefix, 'latin1'), wordOf(entry)];
}

function maskOf({ successMask, failureMask }: Pick<KernelFilterEntry, 'successMask' | 'failureMask'>): number {
  return successMask | (failureMask << WANT_FAILURE_SHIFT);
}

/** A number of 32 bits without a sign. */
function wordOf(entry: KernelFilterEntry): number {
  return maskOf(entry) + entry.whole * 2 ** WANT_WHOLE_SHIFT;
}

/**
 * What watches that speak of host paths want on each device, wherever it is mounted, and of the files of each mount at
 * the other places of this host where they can be seen, as bind mounts make them.
 */
function* placesSteps(
  { onHost, onHostFolded }: KernelWants,
  mounts: KnownMounts | undefined,
): Steps<Pick<FilterPlaces, 'devices' | 'mounts'>> {
  if (mounts === 'unknown') return { devices: [], mounts: [[NO_MOUNT, 0]] };
  if (mounts === undefined) return { devices: [], mounts: [] };
  const wantsBelow = (directory: string) => maskOf(onHost.inDirectory(directory));
  const devices = new Map<number, number>();
  for (const { device, mountPoint } of mounts.mounts) {
    devices.set(device, (devices.get(device) ?? 0) | maskOf(onHostFolded.inDirectory(foldPath(mountPoint))));
    yield;
  }
  return { devices: [...devices], mounts: yield* wantsElsewhereSteps(mounts, wantsBelow) };
}
