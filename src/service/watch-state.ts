import type { KnownMounts } from '../host/mount-table.js';
import type { FilterGeneration } from '../pipeline/pipeline.js';
import type { MountWatch, NativeFilter } from '../probe/native-probe.js';
import { nativeFilterOf } from '../watch/native-filter.js';
import type { WatchPlan } from './watch-plan.js';

/** Mount tables of hosts with many containers change in bursts. */
const MOUNTS_SETTLE_MS = 50;
/** Pause before the mounts are read again where that failed, or the kernel refused the filter, or changes are not told. */
const RENEW_MS = 5_000;

/** Where the watches are put in force: the filter in the kernel, and what the pipeline judges its records by. */
export interface WatchTarget {
  /** NativeProbe.setFilter: returns the generation that records judged by `filter` carry. Throws a NativeError. */
  setFilter(filter: NativeFilter): number;
  /** Pipeline.use. */
  use(generation: number, judgedBy: FilterGeneration): void;
}

export interface WatchStateParts {
  /** Reads the mounts of this host; undefined: they say nothing in this mode. Throws as fs does. */
  readMounts(): KnownMounts | undefined;
  /** Calls back when the mounts of this host change; undefined: there is nothing to follow. Throws a NativeError. */
  watchMounts(onChange: () => void): MountWatch | undefined;
  onProblem(message: string): void;
}

/** What records are judged by, in the kernel and here. */
interface InForce {
  readonly plan: WatchPlan;
  readonly mounts: KnownMounts | undefined;
  readonly target: WatchTarget | undefined;
}

/**
 * What is watched at the moment: a plan of watches, the host's mounts, and the kernel's filter made of both. Each change
 * goes to the kernel first. Only when the kernel has taken it does anything change here: a refusal leaves all as it was.
 * Records carry the generation of their filter, so that each is judged here by the configuration that let it through.
 */
export class WatchState {
  private readonly parts: WatchStateParts;
  private inForce: InForce;
  /** Read later than those in force, which follow soon. */
  private newestMounts: KnownMounts | undefined;
  /** Devices that were looked for in vain since the mounts changed last. */
  private absentDevices = new Set<number>();
  private mountWatch: MountWatch | undefined;
  private timer: NodeJS.Timeout | undefined;
  private polling: NodeJS.Timeout | undefined;
  private onChange = () => {};
  /** Why the kernel refused the filter of the newest mounts. */
  private refusal: string | undefined;

  constructor(plan: WatchPlan, parts: WatchStateParts) {
    this.parts = parts;
    this.inForce = { plan, mounts: this.readMounts(), target: undefined };
  }

  get plan(): WatchPlan {
    return this.inForce.plan;
  }

  /** Puts another plan in force. Throws a NativeError when the kernel refuses its filter; the old plan stays then. */
  adopt(plan: WatchPlan): void {
    this.putInForce({ ...this.inForce, plan });
  }

  /** Why deletions that are wanted may go unseen; undefined: they do not. */
  get unseen(): string | undefined {
    return this.refusal === undefined ? undefined : `the kernel's filter is out of date: ${this.refusal}`;
  }

  /** Why more is told than the watches want; undefined: it is not. */
  get unfiltered(): string | undefined {
    if (this.inForce.mounts !== 'unknown') return undefined;
    return 'the mounts of this host are not known: whatever a watch could want is told';
  }

  /**
   * Puts the plan into a probe that is not yet attached, and keeps it there from now on; `renewed`: with mounts that are
   * read again before. Throws a NativeError.
   */
  bind(target: WatchTarget, renewed = false): void {
    const mounts = renewed ? this.readMounts() : this.inForce.mounts;
    this.putInForce({ ...this.inForce, mounts, target });
  }

  /** Follows the host's mounts from now on; `onChange` runs after each change that was taken over. */
  follow(onChange: () => void): void {
    this.onChange = onChange;
    try {
      this.mountWatch = this.parts.watchMounts(() => this.renewSoon());
    } catch (error) {
      this.parts.onProblem(`cannot follow the mounts of this host: ${(error as Error).message}`);
      this.polling = setInterval(() => this.renewSoon(), RENEW_MS);
    }
  }

  /**
   * The host's mounts for a device that those in force do not know: a container may delete before the news of its mounts
   * arrives. They are read again once for each such device; most are mounted in another namespace only. Changes nothing
   * that is in force: the record that asks is still being judged.
   */
  mountsFor(device: number): KnownMounts | undefined {
    if (!this.knows(device) && !this.absentDevices.has(device)) {
      this.newestMounts = this.readMounts();
      if (this.knows(device)) this.renewSoon();
      else this.absentDevices.add(device);
    }
    return this.newest;
  }

  /** The host's mounts as they are at this moment. */
  mountsNow(): KnownMounts | undefined {
    if (this.mountWatch?.changed()) this.newestMounts = this.readMounts();
    return this.newest;
  }

  close(): void {
    clearTimeout(this.timer);
    clearInterval(this.polling);
    this.mountWatch?.close();
    this.inForce = { ...this.inForce, target: undefined };
  }

  private get newest(): KnownMounts | undefined {
    return this.newestMounts ?? this.inForce.mounts;
  }

  private knows(device: number): boolean {
    // Where none are known, reading them for each device is of no use.
    return this.newest === 'unknown' || this.newest?.knows(device) === true;
  }

  private renewSoon(delayMs = MOUNTS_SETTLE_MS): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.renewMounts();
      this.onChange();
    }, delayMs);
  }

  private renewMounts(): void {
    this.newestMounts = this.readMounts();
    this.absentDevices = new Set();
    try {
      this.putInForce({ ...this.inForce, mounts: this.newestMounts });
    } catch (error) {
      this.refusal = (error as Error).message;
      this.parts.onProblem(`cannot renew the kernel's filter: ${this.refusal}`);
      this.renewSoon(RENEW_MS);
    }
  }

  private readMounts(): KnownMounts | undefined {
    try {
      return this.parts.readMounts();
    } catch (error) {
      this.parts.onProblem(`cannot read the mounts of this host: ${(error as Error).message}`);
      this.renewSoon(RENEW_MS);
      return 'unknown';
    }
  }

  private putInForce(next: InForce): void {
    const { target, plan, mounts } = next;
    if (target !== undefined) {
      const generation = target.setFilter(nativeFilterOf(plan.watches, mounts));
      target.use(generation, { filter: plan.filter, mounts });
      this.refusal = undefined;
    }
    this.inForce = next;
  }
}
