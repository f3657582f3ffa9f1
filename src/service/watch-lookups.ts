import type { Diagnostics } from '../diagnostics/diagnostics.js';
import type { AccountNames } from '../host/account-names.js';
import type { WatchConfig } from '../model/config.js';
import type { Steps } from '../model/steps.js';
import { textOf } from '../text/utf8.js';
import { type LinkedPattern, type LinkedWatches, resolvedPatternSteps } from '../watch/linked-patterns.js';
import { type FollowedLinks, followLinks, NO_LINKS, type ReadLink, sameLinks } from '../watch/symbolic-links.js';

/** How long a start or a reload waits for the host; a network filesystem or a directory service can hang for ever. */
const WAIT_MS = 2_000;
/** Messages about patterns at a time; thousands of them can lead through one link. */
const MESSAGES_MAX = 20;

export interface WatchLookupsOptions {
  readonly users: Pick<AccountNames, 'idOf' | 'findIds'>;
  readonly diagnostics: Pick<Diagnostics, 'info' | 'warn'>;
  readonly readLink?: ReadLink;
  readonly waitMs?: number;
}

/**
 * What the configuration means on this host: where symbolic links in its patterns lead, and which ids the users to ignore
 * have. Both can change while the daemon runs, so they are looked up again and again.
 */
export class WatchLookups {
  private readonly options: WatchLookupsOptions;
  private readonly links = new Answer<FollowedLinks>(NO_LINKS, sameLinks);
  /** User ids by the names in `ignore`; those of unknown users are missing. */
  private readonly uids = new Answer<ReadonlyMap<string, number>>(new Map(), sameUids);
  /** What was said of the watches, so that it is not said again each time. */
  private said = new Set<string>();
  private late = false;

  constructor(options: WatchLookupsOptions) {
    this.options = options;
  }

  /**
   * Asks the host again, and waits for its answers for 2 s at most: what is not known by then comes with a later call.
   * Returns whether something is another than at the call before. Never rejects.
   */
  async look(watches: readonly WatchConfig[]): Promise<boolean> {
    const { users, readLink, waitMs = WAIT_MS, diagnostics } = this.options;
    const names = userNames(watches);
    const questions = [
      this.links.ask(() => followLinks(watches, readLink)),
      this.uids.ask(async () => {
        if (names.length > 0) await users.findIds(names);
        return new Map(names.flatMap((name) => idEntry(name, users.idOf(name))));
      }),
    ];
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<'late'>((resolve) => {
      timer = setTimeout(resolve, waitMs, 'late');
    });
    const late = (await Promise.race([Promise.all(questions), timeout])) === 'late';
    clearTimeout(timer);
    if (late && !this.late) {
      diagnostics.warn(
        'the host takes long to say where symbolic links lead, or which ids users have; going on without',
      );
    }
    this.late = late;
    const changes = [this.links.takeChange(), this.uids.takeChange()];
    return changes.includes(true);
  }

  /** The watches with what their patterns mean by real paths; says what is new of it. */
  *watchesFor(watches: readonly WatchConfig[]): Steps<readonly WatchConfig[]> {
    const linked = yield* resolvedPatternSteps(watches, this.links.value);
    this.report(watches, linked);
    return linked.watches;
  }

  /** undefined: no such user is known at the moment. */
  uidOf(name: string): number | undefined {
    return this.uids.value.get(name) ?? this.options.users.idOf(name);
  }

  private report(watches: readonly WatchConfig[], { linked }: LinkedWatches): void {
    const { diagnostics } = this.options;
    const before = this.said;
    this.said = new Set();
    const say = (key: string, act: () => void) => {
      this.said.add(key);
      if (!before.has(key)) act();
    };
    const told: LinkedPattern[] = [];
    for (const pattern of linked) {
      const { watch, pattern: source, target } = pattern;
      say(`link ${watch} ${source} ${target}`, () => told.push(pattern));
    }
    for (const pattern of told.slice(0, MESSAGES_MAX)) this.reportLink(pattern);
    if (told.length > MESSAGES_MAX) {
      diagnostics.info({ patterns: told.length - MESSAGES_MAX }, 'more patterns lead through symbolic links');
    }
    for (const [directory, code] of this.links.value.hidden) {
      say(`hidden ${directory} ${code}`, () =>
        diagnostics.warn(
          { directory: textOf(directory), code },
          'cannot tell whether a symbolic link leads through this directory; if one does, name its target in the pattern',
        ),
      );
    }
    for (const name of userNames(watches)) {
      const known = this.uidOf(name) !== undefined;
      if (!known) {
        say(`unknown ${name}`, () =>
          diagnostics.warn({ user: name }, 'ignore: no such user is known, the name ignores no user'),
        );
      } else if (before.has(`unknown ${name}`)) {
        diagnostics.info({ user: name, uid: this.uidOf(name) }, 'ignore: the user is known now');
      }
    }
  }

  private reportLink({ watch, role, pattern, directory, target, resolved }: LinkedPattern): void {
    const { diagnostics } = this.options;
    const link = { watch, [role]: pattern, directory, target };
    if (resolved === undefined) {
      diagnostics.warn(link, 'the pattern leads through a symbolic link, and no pattern can be written for its target');
    } else {
      diagnostics.info(
        { ...link, watched_as: resolved },
        'the pattern leads through a symbolic link: its target counts, too',
      );
    }
  }
}

/** What the host answered last to one question. A question that hangs is not asked a second time beside it. */
class Answer<T> {
  value: T;
  private readonly same: (some: T, other: T) => boolean;
  private question: (() => Promise<T>) | undefined;
  private asking: Promise<void> | undefined;
  private changed = false;

  constructor(value: T, same: (some: T, other: T) => boolean) {
    this.value = value;
    this.same = same;
  }

  /** Resolves when the newest question is answered. `question` never rejects. */
  ask(question: () => Promise<T>): Promise<void> {
    this.question = question;
    this.asking ??= this.askOn();
    return this.asking;
  }

  takeChange(): boolean {
    const { changed } = this;
    this.changed = false;
    return changed;
  }

  private async askOn(): Promise<void> {
    for (let question = this.question; question !== undefined; question = this.question) {
      this.question = undefined;
      const value = await question();
      if (!this.same(this.value, value)) this.changed = true;
      this.value = value;
    }
    this.asking = undefined;
  }
}

function idEntry(name: string, uid: number | undefined): [string, number][] {
  return uid === undefined ? [] : [[name, uid]];
}

function userNames(watches: readonly WatchConfig[]): string[] {
  const names = new Set<string>();
  for (const { ignore } of watches) {
    for (const user of [...ignore.users, ...ignore.effectiveUsers]) if (!/^\d+$/.test(user)) names.add(user);
  }
  return [...names];
}

function sameUids(some: ReadonlyMap<string, number>, others: ReadonlyMap<string, number>): boolean {
  return some.size === others.size && [...some].every(([name, uid]) => others.get(name) === uid);
}
