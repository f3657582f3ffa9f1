import type { WatchCounter } from '../metrics/watch-counters.js';
import { OPERATIONS, type WatchConfig } from '../model/config.js';
import { atOnce, type Steps } from '../model/steps.js';
import { WatchIndex } from './watch-index.js';

/** How an attempt ended. */
export type Outcome = 'success' | 'failure' | 'unknown';

/** Who made the attempt, for `ignore`. */
export interface Actor {
  /** Base name of the executable, latin1 view; '' when unknown. */
  readonly executableName: string;
  /** Its path, latin1 view; '' when it is unknown, or may have been chosen by the one who deletes. */
  readonly executablePath: string;
  /** The executable's file belongs to root. */
  readonly executableOfRoot: boolean;
  /** The real user. */
  readonly uid: number;
  readonly effectiveUid: number;
}

/** The result of judging one attempt: the watches that want it. */
export interface Verdict {
  /** Indexes of watches, rising. */
  readonly watches: readonly number[];
  /** JSON of the names of those that want a line; undefined: none does. */
  readonly ruleJson: string | undefined;
  /** Indexes of those that want a line, when all of them fold bursts; undefined: one does not. */
  readonly folding: readonly number[] | undefined;
}

interface Rule {
  readonly config: WatchConfig;
  readonly operations: ReadonlySet<number>;
  /** Base names and absolute paths. */
  readonly ignoredProcesses: ReadonlySet<string>;
  readonly ignoredUids: ReadonlySet<number>;
  readonly ignoredEffectiveUids: ReadonlySet<number>;
  readonly onlyProcesses: ReadonlySet<string>;
  readonly onlyUids: ReadonlySet<number>;
  /** Whether it matters who deletes. */
  readonly judgesActor: boolean;
}

/** undefined: there is no such user. */
export type UidOf = (name: string) => number | undefined;

const NOBODY: Verdict = { watches: [], ruleJson: undefined, folding: undefined };

/**
 * One configuration's watches, deciding which of them want an attempt. Paths are matched by the WatchIndex; what is left
 * is cheap and depends on the attempt. Immutable but for caches: a reload makes a new one.
 */
export class WatchFilter {
  readonly watches: WatchIndex;
  /** Counters by index of the watch. */
  readonly counters: readonly WatchCounter[];
  /** Whether any watch speaks of the paths that the deleting process sees. */
  readonly hasProcessView: boolean;
  private readonly rules: readonly Rule[];
  /** Equal sets of watches come as the same array, so their verdicts can be remembered by it. */
  private readonly verdicts = new Map<number, WeakMap<readonly number[], Verdict>>();

  private constructor(watches: WatchIndex, counters: readonly WatchCounter[], rules: readonly Rule[]) {
    this.watches = watches;
    this.counters = counters;
    this.hasProcessView = watches.watches.some((watch) => watch.view === 'process');
    this.rules = rules;
  }

  /** `counters`: by index of the watch. `uidOf` resolves user names; unknown names have no effect. */
  static of(watches: readonly WatchConfig[], counters: readonly WatchCounter[], uidOf: UidOf): WatchFilter {
    return atOnce(WatchFilter.steps(watches, counters, uidOf));
  }

  /** As of(), for ten thousand watches beside other work. */
  static *steps(watches: readonly WatchConfig[], counters: readonly WatchCounter[], uidOf: UidOf): Steps<WatchFilter> {
    const index = yield* WatchIndex.steps(watches);
    const rules: Rule[] = [];
    for (const watch of watches) {
      rules.push(ruleOf(watch, uidOf));
      yield;
    }
    return new WatchFilter(index, counters, rules);
  }

  /**
   * `matched`: the watches whose patterns match the path, as WatchIndex gives them. `operation`: index in OPERATIONS.
   */
  decide(matched: readonly number[], operation: number, outcome: Outcome, actor: Actor): Verdict {
    if (matched.length === 0) return NOBODY;
    const kind = operation * 4 + (outcome === 'success' ? 0 : outcome === 'failure' ? 1 : 2);
    let known = this.verdicts.get(kind);
    if (known === undefined) {
      known = new WeakMap();
      this.verdicts.set(kind, known);
    }
    const verdict = known.get(matched);
    if (verdict !== undefined) return verdict;

    const wanting = matched.filter((index) => this.wants(this.rules[index]!, operation, outcome));
    if (wanting.some((index) => this.rules[index]!.judgesActor)) {
      // Depends on who deletes: not remembered.
      return this.verdictOf(wanting.filter((index) => wantsFrom(this.rules[index]!, actor)));
    }
    const decided = this.verdictOf(wanting);
    known.set(matched, decided);
    return decided;
  }

  private wants(rule: Rule, operation: number, outcome: Outcome): boolean {
    return rule.operations.has(operation) && (outcome !== 'failure' || rule.config.failures);
  }

  private verdictOf(watches: readonly number[]): Verdict {
    const logging = watches.filter((index) => this.rules[index]!.config.log);
    if (logging.length === 0) return { watches, ruleJson: undefined, folding: undefined };
    const ruleJson = JSON.stringify(logging.map((index) => this.rules[index]!.config.name));
    return {
      watches,
      ruleJson,
      folding: logging.every((index) => this.rules[index]!.config.fold) ? logging : undefined,
    };
  }
}

function ruleOf(config: WatchConfig, uidOf: UidOf): Rule {
  const ignoredProcesses = new Set(config.ignore.processes.map((name) => Buffer.from(name).toString('latin1')));
  const ignoredUids = uidsOf(config.ignore.users, uidOf);
  const ignoredEffectiveUids = uidsOf(config.ignore.effectiveUsers, uidOf);
  const onlyProcesses = new Set(config.only?.processes.map((name) => Buffer.from(name).toString('latin1')));
  const onlyUids = new Set(config.only?.uids);
  return {
    config,
    operations: new Set(config.operations.map((operation) => OPERATIONS.indexOf(operation))),
    ignoredProcesses,
    ignoredUids,
    ignoredEffectiveUids,
    onlyProcesses,
    onlyUids,
    judgesActor: [ignoredProcesses, ignoredUids, ignoredEffectiveUids, onlyProcesses, onlyUids].some(
      ({ size }) => size > 0,
    ),
  };
}

/** `users`: names, or ids in decimal. */
function uidsOf(users: readonly string[], uidOf: UidOf): ReadonlySet<number> {
  const uids = users.map((user) => (/^\d+$/.test(user) ? Number(user) : uidOf(user)));
  return new Set(uids.filter((uid) => uid !== undefined));
}

function wantsFrom(
  rule: Rule,
  { executableName, executablePath, executableOfRoot, uid, effectiveUid }: Actor,
): boolean {
  const { ignoredProcesses, onlyProcesses, onlyUids } = rule;
  const isTrusted = executableOfRoot || !rule.config.ignore.ownedByRoot;
  if (isTrusted && (ignoredProcesses.has(executableName) || ignoredProcesses.has(executablePath))) return false;
  if (rule.ignoredUids.has(uid) || rule.ignoredEffectiveUids.has(effectiveUid)) return false;
  const isUser = onlyUids.size === 0 || onlyUids.has(uid) || onlyUids.has(effectiveUid);
  return isUser && (onlyProcesses.size === 0 || onlyProcesses.has(executableName));
}
