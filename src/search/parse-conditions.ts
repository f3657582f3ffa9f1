import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { didYouMean } from '../config/did-you-mean.js';
import { type Parsed, parseSize } from '../config/units.js';
import type { ConditionValues, UserCondition } from './conditions.js';
import { parsePathCondition } from './path-condition.js';
import { parseMoment } from './timestamp.js';

/** The conditions as they were given on the command line; the table of options has let no other words through. */
export interface GivenConditions {
  readonly paths: readonly string[];
  readonly values: ReadonlyMap<string, string>;
  readonly lists: ReadonlyMap<string, readonly string[]>;
}

export interface ConditionsContext {
  readonly nowMs: number;
  readonly workingDirectory: string;
  /** The record is this host's own, so that its users are known here. */
  readonly ownHost: boolean;
  /**
   * False: neither filesystems nor name services are asked, which can take their time. Then links in paths are not followed,
   * users are compared by what the lines tell, and `--login-user` takes a number only. By default true.
   */
  readonly asksHost?: boolean;
}

const PID_MAX = 2 ** 22;

/** Reads the conditions; the first that is wrong is the error. */
export function parseConditions(
  { paths, values, lists }: GivenConditions,
  { nowMs, workingDirectory, ownHost, asksHost = true }: ConditionsContext,
): Parsed<ConditionValues> {
  try {
    const list = (name: string): readonly string[] => lists.get(name) ?? [];
    const moment = (name: string): number | undefined => {
      const text = values.get(name);
      return text === undefined ? undefined : required(`--${name}`, parseMoment(text, nowMs));
    };
    const sinceMs = moment('since');
    const untilMs = moment('until');
    if (sinceMs !== undefined && untilMs !== undefined && sinceMs > untilMs) {
      throw new ConditionError('--since is later than --until');
    }
    const size = values.get('larger-than');
    return {
      value: {
        sinceMs,
        untilMs,
        paths: paths.map((path) => required('PATH', parsePathCondition(path, workingDirectory, asksHost))),
        operations: list('operation'),
        outcomes: list('outcome'),
        watches: list('watch').map((name) => required('--watch', parseWatchName(name))),
        processes: list('process'),
        pids: list('pid').map((pid) => required('--pid', parsePid(pid))),
        users: list('user').map((user) => required('--user', parseUser(user, ownHost, asksHost))),
        loginUids: list('login-user').map((user) => required('--login-user', parseLoginUser(user, asksHost))),
        containers: list('container'),
        largerThan: size === undefined ? undefined : required('--larger-than', parseSize(size)),
      },
    };
  } catch (error) {
    if (error instanceof ConditionError) return { error: error.message };
    throw error;
  }
}

class ConditionError extends Error {}

function required<T>(option: string, parsed: Parsed<T>): T {
  if ('error' in parsed) throw new ConditionError(`${option}: ${parsed.error}`);
  return parsed.value;
}

function parsePid(text: string): Parsed<number> {
  const pid = /^\d{1,8}$/.test(text) ? Number(text) : 0;
  if (pid >= 1 && pid <= PID_MAX) return { value: pid };
  const hint = /^\d+$/.test(text) ? '' : `; for the name of a program use --process ${text}`;
  return { error: `expected a number from 1 to ${PID_MAX}, got "${text}"${hint}` };
}

function parseWatchName(text: string): Parsed<string> {
  if (/^[a-z][a-z0-9_-]{0,62}$/.test(text)) return { value: text };
  const near = text.toLowerCase().replace(/[^a-z0-9_-]/g, '-');
  const hint = /^[a-z][a-z0-9_-]{0,62}$/.test(near) ? `, did you mean "${near}"?` : '';
  return { error: `"${text}" is no name of a watch${hint}` };
}

/** `ownHost`: a user who is not known here cannot be meant; in the log of another host it can. */
function parseUser(text: string, ownHost: boolean, asksHost: boolean): Parsed<UserCondition> {
  if (/^\d{1,10}$/.test(text)) return { value: { id: String(Number(text)), name: undefined } };
  if (!asksHost) return { value: { name: text, id: undefined } };
  const id = uidOf(text);
  if (id === undefined && ownHost) return unknownUser(text);
  return { value: { name: text, id: ownHost ? id : undefined } };
}

function parseLoginUser(text: string, asksHost = true): Parsed<string> {
  if (/^\d{1,10}$/.test(text)) return { value: String(Number(text)) };
  if (!asksHost) return { error: `expected the number of a user, got "${text}"` };
  const id = uidOf(text);
  return id === undefined ? unknownUser(text) : { value: id };
}

/** A user id as a number; names are looked up on this host. */
export function parseUid(text: string): Parsed<number> {
  const parsed = parseLoginUser(text);
  return 'error' in parsed ? parsed : { value: Number(parsed.value) };
}

function unknownUser(text: string): { readonly error: string } {
  return { error: `no user "${text}" on this host${didYouMean(text, localUsers())}; a number works as well` };
}

/** Through the name services of this host, so that users of a directory are found too. */
function uidOf(name: string): string | undefined {
  if (!/^[^\s:/,\0-][^\s:/,\0]*$/.test(name)) return undefined;
  try {
    const text = execFileSync('getent', ['passwd', '--', name], { encoding: 'utf8', timeout: 5000, stdio: 'pipe' });
    return /^[^:]*:[^:]*:(\d+):/.exec(text)?.[1];
  } catch {
    return undefined;
  }
}

function localUsers(): string[] {
  try {
    return readFileSync('/etc/passwd', 'utf8')
      .split('\n')
      .map((line) => line.split(':')[0]!)
      .filter((name) => name !== '');
  } catch {
    return [];
  }
}
