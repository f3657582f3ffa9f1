import { type MountTable, readMountTable } from '../host/mount-table.js';
import { WatchCounters } from '../metrics/watch-counters.js';
import type { Config, WatchConfig } from '../model/config.js';
import type { Pipeline } from '../pipeline/pipeline.js';
import type { MountWatch, NativeBinding, NativeProbe } from '../probe/native-probe.js';
import { nativeFilterOf } from '../watch/native-filter.js';
import { WatchFilter } from '../watch/watch-filter.js';
import type { WatchLookups } from './watch-lookups.js';

/** Mount tables of hosts with many containers change in bursts. */
const MOUNTS_SETTLE_MS = 50;
/** The host's own mounts, also when the service lives in a mount namespace of its own. */
const HOST_MOUNTS = '/proc/1/mountinfo';

/**
 * What is watched at the moment: the watches, the host's mounts, and the kernel's filter made of both. Every change is a
 * new generation of the filter, put in force at once; records say which one judged them, so that each is judged here by
 * the same configuration as in the kernel.
 */
export class WatchState {
  readonly counters = new WatchCounters();
  private readonly lookups: WatchLookups;
  private readonly onProblem: (message: string) => void;
  private config: Config | undefined;
  /** Those of the configuration, with what they mean on this host. */
  private watches: readonly WatchConfig[] = [];
  private filter: WatchFilter | undefined;
  private mounts: MountTable | undefined;
  private target: { probe: NativeProbe; pipeline: Pipeline } | undefined;
  /** Devices that were looked for in vain since the mounts changed last. */
  private absentDevices = new Set<number>();
  private mountWatch: MountWatch | undefined;
  /** Newer than `mounts` while the news of a change has not come through. */
  private newestMounts: MountTable | undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(lookups: WatchLookups, onProblem: (message: string) => void) {
    this.lookups = lookups;
    this.onProblem = onProblem;
    this.mounts = this.readMounts();
  }

  /**
   * Takes over a configuration, or the same one again when it means something else on this host by now. Throws a
   * NativeError when the kernel refuses the filter; the old one stays then.
   */
  configure(config: Config): void {
    const previous = { config: this.config, watches: this.watches, filter: this.filter };
    this.config = config;
    this.watches = this.lookups.watchesFor(config.watches);
    this.filter = new WatchFilter(this.watches, this.counters.configure(config.watches), (name) =>
      this.lookups.uidOf(name),
    );
    try {
      this.apply();
    } catch (error) {
      this.config = previous.config;
      this.watches = previous.watches;
      this.filter = previous.filter;
      if (previous.config !== undefined) this.counters.configure(previous.config.watches);
      throw error;
    }
  }

  /** Puts the filter into a probe that is not yet attached, and keeps it there from now on. */
  bind(probe: NativeProbe, pipeline: Pipeline): void {
    this.target = { probe, pipeline };
    this.apply();
  }

  /** Follows the host's mounts from now on; `onChange` runs after each change that was taken over. */
  follow(binding: NativeBinding, onChange: () => void): void {
    try {
      this.mountWatch = new binding.MountWatch(HOST_MOUNTS, () => this.mountsChanged(onChange));
    } catch (error) {
      this.onProblem(`cannot follow the mounts of this host: ${(error as Error).message}`);
    }
  }

  /**
   * The host's mounts for a device that the table in force does not know: a container may delete before the news of its
   * mounts has come through. They are read again once for each such device; most are mounted in another namespace only.
   */
  mountsFor(device: number): MountTable | undefined {
    if (this.mounts?.knows(device) !== true && !this.absentDevices.has(device)) {
      const absent = this.absentDevices;
      this.renewMounts();
      if (this.mounts?.knows(device) !== true) this.absentDevices = new Set([...absent, device]);
    }
    return this.mounts;
  }

  /** The host's mounts as they are at this moment. */
  mountsNow(): MountTable | undefined {
    if (this.mountWatch?.changed()) this.newestMounts = this.readMounts();
    return this.newestMounts ?? this.mounts;
  }

  close(): void {
    clearTimeout(this.timer);
    this.mountWatch?.close();
    this.target = undefined;
  }

  private mountsChanged(onChange: () => void): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.renewMounts();
      onChange();
    }, MOUNTS_SETTLE_MS);
  }

  private renewMounts(): void {
    this.mounts = this.readMounts();
    this.newestMounts = undefined;
    this.absentDevices = new Set();
    try {
      this.apply();
    } catch (error) {
      this.onProblem(`cannot renew the kernel's filter: ${(error as Error).message}`);
    }
  }

  private readMounts(): MountTable | undefined {
    try {
      return readMountTable(HOST_MOUNTS);
    } catch (error) {
      this.onProblem(`cannot read the mounts of this host: ${(error as Error).message}`);
      return undefined;
    }
  }

  private apply(): void {
    const { target, filter, watches } = this;
    if (target === undefined || filter === undefined) return;
    const generation = target.probe.setFilter(nativeFilterOf(watches, this.mounts));
    target.pipeline.use(generation, filter, this.mounts);
  }
}
