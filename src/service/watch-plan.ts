import { countersFor, type WatchCounter } from '../metrics/watch-counters.js';
import type { WatchConfig } from '../model/config.js';
import { WatchFilter } from '../watch/watch-filter.js';

/** The watches of one configuration with what belongs to them; made as a whole before anything is changed. */
export interface WatchPlan {
  readonly watches: readonly WatchConfig[];
  readonly filter: WatchFilter;
  readonly counters: readonly WatchCounter[];
}

/** `previous`: the plan in force, whose watches keep their counts. `uidOf` resolves user names. */
export function planWatches(
  watches: readonly WatchConfig[],
  previous: WatchPlan | undefined,
  uidOf: (name: string) => number | undefined,
): WatchPlan {
  const counters = countersFor(watches, previous?.counters);
  return { watches, counters, filter: new WatchFilter(watches, counters, uidOf) };
}
