import { countersFor, type WatchCounter } from '../metrics/watch-counters.js';
import type { WatchConfig } from '../model/config.js';
import type { Steps } from '../model/steps.js';
import { type KernelWants, kernelWantsSteps } from '../watch/native-filter.js';
import { type UidOf, WatchFilter } from '../watch/watch-filter.js';

/** The watches of one configuration with what belongs to them; made as a whole before anything is changed. */
export interface WatchPlan {
  readonly watches: readonly WatchConfig[];
  readonly filter: WatchFilter;
  readonly kernelWants: KernelWants;
  readonly counters: readonly WatchCounter[];
}

/** `previous`: the plan in force, whose watches keep their counts. `uidOf` resolves user names. */
export function* planSteps(
  watches: readonly WatchConfig[],
  previous: WatchPlan | undefined,
  uidOf: UidOf,
): Steps<WatchPlan> {
  const counters = countersFor(watches, previous?.counters);
  const filter = yield* WatchFilter.steps(watches, counters, uidOf);
  return { watches, counters, filter, kernelWants: yield* kernelWantsSteps(watches) };
}
