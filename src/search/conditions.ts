import type { LoggedDeletion } from './logged-event.js';
import type { PathCondition } from './path-condition.js';
import type { TimeBounds } from './spans.js';
import { timestampText } from './timestamp.js';

/** A name, or the numeric id that it has here; either may be all that a line tells. */
export interface UserCondition {
  readonly name: string | undefined;
  readonly id: string | undefined;
}

/** What a deletion must be to be found; of each list one is enough, empty ones ask nothing. */
export interface ConditionValues extends TimeBounds {
  readonly paths: readonly PathCondition[];
  readonly operations: readonly string[];
  readonly outcomes: readonly string[];
  readonly watches: readonly string[];
  /** Names, or paths of executables. */
  readonly processes: readonly string[];
  readonly pids: readonly number[];
  readonly users: readonly UserCondition[];
  readonly loginUids: readonly string[];
  /** Beginnings of ids. */
  readonly containers: readonly string[];
  /** Bytes. */
  readonly largerThan: number | undefined;
}

/** Asks nothing. */
export const ANYTHING: ConditionValues = {
  sinceMs: undefined,
  untilMs: undefined,
  paths: [],
  operations: [],
  outcomes: [],
  watches: [],
  processes: [],
  pids: [],
  users: [],
  loginUids: [],
  containers: [],
  largerThan: undefined,
};

/** The conditions of a search, ready to judge lines. */
export class Conditions {
  readonly values: ConditionValues;
  /**
   * For each condition that allows it the texts of which a matching line holds at least one, the most telling condition
   * first; a line is only read when it holds one of each.
   */
  readonly needles: readonly (readonly Buffer[])[];
  /** The bounds as `@timestamp` has them; '' and '~' sort before and behind every time. */
  readonly since: string;
  readonly until: string;

  constructor(values: ConditionValues) {
    this.values = values;
    this.needles = needlesOf(values).map((texts) => texts.map((text) => Buffer.from(text)));
    this.since = values.sinceMs === undefined ? '' : timestampText(values.sinceMs);
    this.until = values.untilMs === undefined ? '~' : timestampText(values.untilMs);
  }

  matches(deletion: LoggedDeletion): boolean {
    const { values } = this;
    const { event, file, process, rule, rmwatch, container } = deletion;
    const time = deletion['@timestamp'];
    return (
      time >= this.since &&
      time <= this.until &&
      isOne(values.operations, event.action) &&
      isOne(values.outcomes, event.outcome ?? 'unknown') &&
      (values.pids.length === 0 || values.pids.includes(process.pid)) &&
      (values.watches.length === 0 || values.watches.some((name) => rule.name.includes(name))) &&
      (values.processes.length === 0 || values.processes.some((wanted) => isProcess(process, wanted))) &&
      (values.users.length === 0 || values.users.some((user) => isUser(deletion, user))) &&
      isOne(values.loginUids, rmwatch.login_uid) &&
      (values.containers.length === 0 ||
        (container !== undefined && values.containers.some((id) => container.id.startsWith(id)))) &&
      (values.largerThan === undefined || (file?.size ?? 0) > values.largerThan) &&
      (values.paths.length === 0 ||
        allPathsOf(deletion).some((path) => values.paths.some((wanted) => wanted.matches(path))))
    );
  }
}

/**
 * Whether the summary of a burst can be about deletions that match: it is when its watch is wanted. A burst has deletions of many
 * paths, and of more programs than it names.
 */
export function concernsBurst({ watches }: ConditionValues, watch: string | undefined): boolean {
  return watches.length === 0 || (watch !== undefined && watches.includes(watch));
}

/** As pathsOf(), and the paths that the file had a moment before. */
export function allPathsOf(deletion: LoggedDeletion): string[] {
  return [...pathsOf(deletion), ...(deletion.rmwatch.former_paths ?? [])];
}

/** Every path under which the deleted name was known. */
export function pathsOf({ file, rmwatch }: LoggedDeletion): string[] {
  return [file?.path, rmwatch.host_path].filter((path) => path !== undefined);
}

function isOne(allowed: readonly string[], value: string | undefined): boolean {
  return allowed.length === 0 || (value !== undefined && allowed.includes(value));
}

function isProcess({ name, executable }: LoggedDeletion['process'], wanted: string): boolean {
  if (wanted.includes('/')) return executable === wanted;
  return name === wanted || (executable !== undefined && executable.slice(executable.lastIndexOf('/') + 1) === wanted);
}

/** As real or as effective user. */
function isUser({ user }: LoggedDeletion, { name, id }: UserCondition): boolean {
  const isThis = (one: { id?: string; name?: string } | undefined): boolean =>
    one !== undefined && ((id !== undefined && one.id === id) || (name !== undefined && one.name === name));
  return isThis(user) || isThis(user.effective);
}

/** Only of values that stand for themselves in JSON. */
function needlesOf(values: ConditionValues): string[][] {
  const groups: string[][] = [];
  const paths = values.paths.map(({ needles }) => needles);
  if (paths.length > 0 && !paths.includes(undefined)) groups.push([...new Set(paths.flatMap((needles) => needles!))]);
  if (values.containers.length > 0) groups.push(values.containers.map((id) => `"container":{"id":${openText(id)}`));
  if (values.processes.length > 0) groups.push(values.processes.map((name) => openText(name).slice(1)));
  if (values.pids.length > 0) groups.push(values.pids.map((pid) => `"pid":${pid}`));
  if (values.loginUids.length > 0) groups.push(values.loginUids.map((uid) => `"login_uid":"${uid}"`));
  if (values.watches.length > 0) groups.push(values.watches.map((name) => `"${name}"`));
  return groups;
}

/** The text in JSON without its closing quote. */
function openText(text: string): string {
  return JSON.stringify(text).slice(0, -1);
}
