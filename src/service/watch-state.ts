import type { KnownMounts } from '../host/mount-table.js';
import type { Steps } from '../model/steps.js';
import type { FilterGeneration } from '../pipeline/pipeline.js';
import type { FilterPlaces, NativeProbe } from '../probe/native-probe.js';
import { filterPlacesSteps, type KernelWants, prefixesOf } from '../watch/native-filter.js';
import { FollowedMounts, type MountParts } from './followed-mounts.js';
import type { WatchPlan } from './watch-plan.js';

/** Pause before the kernel is given a filter again that it refused. */
const RETRY_MS = 5_000;

export type FilteredProbe = Pick<NativeProbe, 'setFilter' | 'newPrefixes' | 'addPrefixes' | 'dropPrefixes'>;

/** Where the watches are put in force: the filter in the kernel, and what the pipeline judges its records by. */
export interface WatchTarget {
  readonly probe: FilteredProbe;
  /** Pipeline.use. */
  use(generation: number, judgedBy: FilterGeneration): void;
}

/** What records are judged by, in the kernel and here. */
interface InForce {
  readonly plan: WatchPlan;
  readonly mounts: KnownMounts | undefined;
  readonly target: WatchTarget | undefined;
  /** The table of the plan's prefixes in the target's probe: mounts change more often than watches. */
  readonly prefixes: number | undefined;
}

/**
 * What is watched at the moment: a plan of watches, the host's mounts, and the kernel's filter made of both. Each change
 * goes to the kernel first. Only when the kernel has taken it does anything change here: a refusal leaves all as it was.
 * Records carry the generation of their filter, so that each is judged here by the configuration that let it through.
 */
export class WatchState {
  private inForce: InForce;
  private readonly mounts: FollowedMounts;
  private onChange = () => {};
  /** Why the kernel refused the filter of the newest mounts. */
  private refusal: string | undefined;

  constructor(
    plan: WatchPlan,
    private readonly parts: MountParts,
  ) {
    this.mounts = new FollowedMounts(parts, () => this.renew());
    this.inForce = { plan, mounts: this.mounts.newest, target: undefined, prefixes: undefined };
  }

  get plan(): WatchPlan {
    return this.inForce.plan;
  }

  /**
   * Puts another plan in force, with the last step. Throws a NativeError when the kernel refuses its filter; the old plan
   * stays then.
   */
  *adopt(plan: WatchPlan): Steps<void> {
    const { target } = this.inForce;
    const prefixes = target && (yield* tableOfPrefixes(target.probe, plan.kernelWants));
    let before: InForce;
    try {
      let places: FilterPlaces;
      do {
        before = this.inForce;
        places = yield* filterPlacesSteps(plan.kernelWants, before.mounts);
        // They may change meanwhile.
      } while (this.inForce.mounts !== before.mounts);
      before = this.inForce;
      // Closed meanwhile.
      if (before.target !== target) return;
      this.putInForce({ ...before, plan, prefixes }, places);
    } catch (error) {
      if (prefixes !== undefined) target?.probe.dropPrefixes(prefixes);
      throw error;
    }
    if (before.prefixes !== undefined) target?.probe.dropPrefixes(before.prefixes);
  }

  /** Why deletions that are wanted may go unseen; undefined: they do not. */
  get unseen(): string | undefined {
    return this.refusal === undefined ? undefined : `the kernel's filter is out of date: ${this.refusal}`;
  }

  /** Why more is reported than the watches want; undefined: it is not. */
  get unfiltered(): string | undefined {
    if (this.inForce.mounts !== 'unknown') return undefined;
    return 'the mounts of this host are not known: whatever a watch could want is reported';
  }

  /**
   * Whether the kernel's filter is made of the mounts that this host has at this moment: every change made before the
   * question counts. undefined: the changes are not told here, or mounts say nothing in this mode.
   */
  get followsMounts(): boolean | undefined {
    const { isSettled } = this.mounts;
    if (isSettled === undefined) return undefined;
    const { mounts } = this.inForce;
    return isSettled && mounts === this.mounts.newest && mounts !== 'unknown' && this.refusal === undefined;
  }

  /**
   * Puts the plan into a probe that is not yet attached, and keeps it there from now on; `renewed`: with mounts that are
   * read again before. Throws a NativeError.
   */
  *bind(target: WatchTarget, renewed = false): Steps<void> {
    const { plan } = this.inForce;
    const mounts = renewed ? this.mounts.read() : this.inForce.mounts;
    const prefixes = yield* tableOfPrefixes(target.probe, plan.kernelWants);
    const places = yield* filterPlacesSteps(plan.kernelWants, mounts);
    this.putInForce({ ...this.inForce, mounts, target, prefixes }, places);
  }

  /** Follows the host's mounts from now on; `onChange` runs after each change that was taken over. */
  follow(onChange: () => void): void {
    this.onChange = onChange;
    this.mounts.follow();
  }

  /**
   * The host's mounts for a device that those in force do not know. Changes nothing that is in force: the record that asks
   * is still being judged.
   */
  mountsFor(device: number): KnownMounts | undefined {
    return this.mounts.for(device);
  }

  /** The host's mounts as they are at this moment. */
  mountsNow(): KnownMounts | undefined {
    return this.mounts.now();
  }

  close(): void {
    this.mounts.close();
    this.inForce = { ...this.inForce, target: undefined, prefixes: undefined };
  }

  private *renew(): Steps<void> {
    const mounts = this.mounts.newest;
    // A table that reads the same is the same object, and makes the same filter.
    while (mounts !== this.inForce.mounts || this.refusal !== undefined) {
      const { plan, target } = this.inForce;
      try {
        const places = target && (yield* filterPlacesSteps(plan.kernelWants, mounts));
        // Another plan came meanwhile.
        if (this.inForce.plan !== plan || this.inForce.target !== target) continue;
        this.putInForce({ ...this.inForce, mounts }, places);
        break;
      } catch (error) {
        this.refusal = (error as Error).message;
        this.parts.onProblem(`cannot renew the kernel's filter: ${this.refusal}`);
        this.mounts.renewSoon(RETRY_MS);
        break;
      }
    }
    this.onChange();
  }

  /** `places`: of the plan and the mounts; undefined without a target. */
  private putInForce(next: InForce, places: FilterPlaces | undefined): void {
    const { target, prefixes, plan, mounts } = next;
    if (target !== undefined && prefixes !== undefined && places !== undefined) {
      const generation = target.probe.setFilter({ prefixes, ...places });
      target.use(generation, { filter: plan.filter, mounts });
      this.refusal = undefined;
    }
    this.inForce = next;
  }
}

/** The number of a new table in the kernel with what the watches want. Throws a NativeError, and then there is no table. */
function* tableOfPrefixes(probe: FilteredProbe, wants: KernelWants): Steps<number> {
  const table = probe.newPrefixes(wants.entries.length);
  let isFull = false;
  try {
    for (const prefixes of prefixesOf(wants)) {
      probe.addPrefixes(table, prefixes);
      yield;
    }
    isFull = true;
  } finally {
    if (!isFull) probe.dropPrefixes(table);
  }
  return table;
}
