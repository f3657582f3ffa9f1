import type { WatchConfig } from '../model/config.js';
import { ECS_VERSION } from '../model/ecs.js';
import type { DaemonEvent } from './deletion-event.js';
import { DATASET_DAEMON, type DaemonAction } from './event-words.js';
import { LINE_BYTES_MAX } from './line-limit.js';

type Details = DaemonEvent['rmwatch'];
type Category = Pick<DaemonEvent['event'], 'category' | 'type'>;

const CATEGORIES: Readonly<Record<DaemonAction, Category>> = {
  started: { category: ['process'], type: ['start'] },
  gap: { category: ['process'], type: ['info'] },
  stopped: { category: ['process'], type: ['end'] },
  watch: { category: ['configuration'], type: ['info'] },
  reloaded: { category: ['configuration'], type: ['change'] },
  continued: { category: ['configuration'], type: ['info'] },
};

/** What a line tells beyond its action. */
export interface DaemonLineParts extends Pick<DaemonEvent, 'agent' | 'rule'> {
  readonly at: Date;
  readonly message: string;
  readonly warns?: boolean;
  readonly host: DaemonEvent['host'];
  /** Of a gap. */
  readonly span?: { readonly start: Date; readonly end: Date };
  readonly details: Details;
}

/** A line in which the record speaks of itself, without its newline. */
export function daemonLine(action: DaemonAction, parts: DaemonLineParts): string {
  return JSON.stringify(daemonEvent(action, parts));
}

function daemonEvent(action: DaemonAction, parts: DaemonLineParts): DaemonEvent {
  const { at, message, warns = false, host, agent, rule, span, details } = parts;
  return {
    '@timestamp': timestampOf(at),
    ecs: { version: ECS_VERSION },
    log: { level: warns ? 'warn' : 'info' },
    message,
    event: {
      kind: 'event',
      ...CATEGORIES[action],
      action,
      dataset: DATASET_DAEMON,
      ...(span !== undefined && { start: timestampOf(span.start), end: timestampOf(span.end) }),
    },
    host,
    ...(agent !== undefined && { agent }),
    ...(rule !== undefined && { rule }),
    rmwatch: details,
  };
}

/** The line about one watch. Lists that do not fit into a line are shortened, and named in `rmwatch.cut`. */
export function watchLine(watch: WatchConfig, parts: Omit<DaemonLineParts, 'message' | 'rule'>): string {
  const { name, ignore } = watch;
  const lists = {
    include: watch.include,
    exclude: watch.exclude,
    processes: ignore.processes,
    users: ignore.users,
    effectiveUsers: ignore.effectiveUsers,
  };
  const lineOf = (share: typeof lists, cut: Details['cut']) =>
    daemonLine('watch', {
      ...parts,
      message: `watch ${name}: ${messageOf(watch)}`,
      rule: { name: [name] },
      details: { ...parts.details, watch: watchOf(watch, share), ...(cut !== undefined && { cut }) },
    });
  const whole = lineOf(lists, undefined);
  if (fits(whole)) return whole;
  // Lists of a tenth, a hundredth and so on, until the line fits; a list of none does.
  for (let share = 0.1; ; share = share > 1e-6 ? share / 10 : 0) {
    const part = <T>(list: readonly T[]) => list.slice(0, Math.floor(list.length * share));
    const shortened = {
      include: part(lists.include),
      exclude: part(lists.exclude),
      processes: part(lists.processes),
      users: part(lists.users),
      effectiveUsers: part(lists.effectiveUsers),
    };
    const cut: Details['cut'] = [
      ...(shortened.include.length < lists.include.length ? (['watch.include'] as const) : []),
      ...(shortened.exclude.length < lists.exclude.length ? (['watch.exclude'] as const) : []),
      ...((['processes', 'users', 'effectiveUsers'] as const).some((key) => shortened[key].length < lists[key].length)
        ? (['watch.ignore'] as const)
        : []),
    ];
    const line = lineOf(shortened, cut);
    if (fits(line) || share === 0) return line;
  }
}

function watchOf(
  { view, caseInsensitive, operations, failures, log, fold }: WatchConfig,
  {
    include,
    exclude,
    processes,
    users,
    effectiveUsers,
  }: Readonly<Record<'include' | 'exclude' | 'processes' | 'users' | 'effectiveUsers', readonly string[]>>,
): NonNullable<Details['watch']> {
  return {
    include,
    exclude,
    view,
    case_insensitive: caseInsensitive,
    operations,
    failures,
    ignore: { processes, users, effective_users: effectiveUsers },
    log,
    fold,
  };
}

function messageOf({ include, exclude }: WatchConfig): string {
  const [first = ''] = include;
  const more = include.length > 1 ? ` and ${include.length - 1} more patterns` : '';
  const shown = first.length > 256 ? `${first.slice(0, 256)}…` : first;
  return `${shown}${more}${exclude.length > 0 ? `, with ${exclude.length} excludes` : ''}`;
}

/** The newline counts. */
function fits(line: string): boolean {
  return Buffer.byteLength(line) < LINE_BYTES_MAX;
}

/** With as many digits as the times of other lines have. */
export function timestampOf(date: Date): string {
  return date.toISOString().replace('Z', '000000Z');
}
