import type { MountTable } from '../host/mount-table.js';
import type { WatchConfig } from '../model/config.js';
import type { NativeFilter } from '../probe/native-probe.js';
import { type KernelFilterEntry, kernelFilter, WantedBelow } from './kernel-filter.js';

/** Where the failure bits of a mask begin; WANT_FAILURE_SHIFT of bpf/record.h. */
const FAILURE_SHIFT = 8;

/** What the kernel needs to drop early what no watch can want. */
export function nativeFilterOf(watches: readonly WatchConfig[], mounts: MountTable | undefined): NativeFilter {
  const entries = kernelFilter(watches);
  let successOperations = 0;
  let failureOperations = 0;
  for (const { successMask, failureMask } of entries) {
    successOperations |= successMask;
    failureOperations |= failureMask;
  }
  return {
    prefixes: entries.map((entry) => [Buffer.from(entry.prefix, 'latin1'), maskOf(entry)] as const),
    ...placesOf(watches, mounts),
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
function placesOf(
  watches: readonly WatchConfig[],
  mounts: MountTable | undefined,
): Pick<NativeFilter, 'devices' | 'mounts'> {
  const wanted = new WantedBelow(kernelFilter(watches.filter((watch) => watch.view === 'host')));
  const devices = new Map<number, number>();
  const elsewhere: [number, number][] = [];
  for (const mount of mounts?.mounts ?? []) {
    devices.set(mount.device, (devices.get(mount.device) ?? 0) | maskOf(wanted.inDirectory(mount.mountPoint)));
    const places = mounts?.otherPlaces(mount) ?? [];
    elsewhere.push([mount.id, places.reduce((mask, place) => mask | maskOf(wanted.inDirectory(place)), 0)]);
  }
  return { devices: [...devices], mounts: elsewhere };
}
