import { OPERATIONS, type WatchConfig } from '../../src/model/config.js';

/** A watch with the defaults of the configuration file. */
export function watchOf(changes: Partial<WatchConfig> & Pick<WatchConfig, 'include'>): WatchConfig {
  return {
    name: 'w',
    exclude: [],
    view: 'host',
    operations: OPERATIONS,
    caseInsensitive: false,
    fold: false,
    failures: false,
    ignore: { processes: [], ownedByRoot: false, users: [], effectiveUsers: [] },
    log: true,
    ...changes,
  };
}
