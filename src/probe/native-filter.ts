import type { WatchConfig } from '../config/config.js';
import type { MountTable } from '../enrich/mount-table.js';
import { type KernelFilterEntry, kernelFilter } from '../watch/kernel-filter.js';
import type { NativeFilter } from './native-probe.js';

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
    devices: mounts === undefined ? [] : deviceMasks(watches, mounts),
    successOperations,
    failureOperations,
  };
}

function maskOf({ successMask, failureMask }: KernelFilterEntry): number {
  return successMask | (failureMask << FAILURE_SHIFT);
}

/**
 * What is wanted on each mounted device by watches that speak of host paths. A pattern can reach a mount when its fixed
 * leading part lies below the mount point or leads there.
 */
function deviceMasks(watches: readonly WatchConfig[], mounts: MountTable): [number, number][] {
  const entries = kernelFilter(watches.filter((watch) => watch.view === 'host'));
  const masks = new Map<number, number>();
  for (const { device, mountPoint } of mounts.mounts) {
    let mask = masks.get(device) ?? 0;
    for (const entry of entries) {
      if (`${mountPoint}/`.startsWith(entry.prefix) || entry.prefix.startsWith(`${mountPoint}/`)) mask |= maskOf(entry);
    }
    masks.set(device, mask);
  }
  return [...masks];
}
