import type { KnownMounts } from '../host/mount-table.js';
import type { WatchConfig } from '../model/config.js';
import type { NativeFilter } from '../probe/native-probe.js';
import { type KernelFilterEntry, kernelFilter, WantedBelow } from './kernel-filter.js';
import { wantsElsewhere } from './mount-wants.js';

/** Where the failure bits of a mask begin; WANT_FAILURE_SHIFT of bpf/record.h. */
const FAILURE_SHIFT = 8;

/** No mount has this number: the kernel meets only mounts that it does not know, and passes what is wanted anywhere. */
const NO_MOUNT = 0xffffffff;

/**
 * What the kernel needs to drop early what no watch can want. `mounts` of this host; undefined: paths are compared as they
 * are, as in tracepoint mode.
 */
export function nativeFilterOf(watches: readonly WatchConfig[], mounts: KnownMounts | undefined): NativeFilter {
  const { entries, onHost } = compile(watches);
  let successOperations = 0;
  let failureOperations = 0;
  for (const { successMask, failureMask } of entries) {
    successOperations |= successMask;
    failureOperations |= failureMask;
  }
  return {
    prefixes: entries.map((entry) => [Buffer.from(entry.prefix, 'latin1'), maskOf(entry)] as const),
    ...placesOf(onHost, mounts),
    successOperations,
    failureOperations,
  };
}

function maskOf({ successMask, failureMask }: Omit<KernelFilterEntry, 'prefix'>): number {
  return successMask | (failureMask << FAILURE_SHIFT);
}

/**
 * What watches that speak of host paths want on each device, wherever it is mounted, and of the files of each mount at
 * the other places of this host where they can be seen, as bind mounts make them.
 */
function placesOf(wanted: WantedBelow, mounts: KnownMounts | undefined): Pick<NativeFilter, 'devices' | 'mounts'> {
  if (mounts === 'unknown') return { devices: [], mounts: [[NO_MOUNT, 0]] };
  if (mounts === undefined) return { devices: [], mounts: [] };
  const wantsBelow = (directory: string) => maskOf(wanted.inDirectory(directory));
  const devices = new Map<number, number>();
  for (const { device, mountPoint } of mounts.mounts) {
    devices.set(device, (devices.get(device) ?? 0) | wantsBelow(mountPoint));
  }
  return { devices: [...devices], mounts: wantsElsewhere(mounts, wantsBelow) };
}

interface CompiledWatches {
  readonly entries: readonly KernelFilterEntry[];
  /** Of watches that speak of host paths. */
  readonly onHost: WantedBelow;
}

/** What the mounts do not change: they change more often than the watches. */
const compiled = new WeakMap<readonly WatchConfig[], CompiledWatches>();

function compile(watches: readonly WatchConfig[]): CompiledWatches {
  let known = compiled.get(watches);
  if (known === undefined) {
    const onHost = new WantedBelow(kernelFilter(watches.filter((watch) => watch.view === 'host')));
    known = { entries: kernelFilter(watches), onHost };
    compiled.set(watches, known);
  }
  return known;
}
