import { resolve } from 'node:path';
import type { Parsed } from '../config/units.js';
import { type Config, OPERATIONS, type WatchConfig } from '../model/config.js';
import { parseUid } from '../search/parse-conditions.js';
import { compileGlob } from '../watch/glob.js';
import { PatternError } from '../watch/pattern-error.js';

/** What one run from the command line watches. */
export interface AdHocWatch {
  readonly patterns: readonly string[];
  /** Base names of executables. */
  readonly processes: readonly string[];
  /** Names or ids. */
  readonly users: readonly string[];
}

const WILDCARD = /[*?[\\]/;

/** The configuration with the one watch of the command line in the place of its own, and nothing that listens. */
export function adHocConfig(base: Config, { patterns, processes, users }: AdHocWatch): Parsed<Config> {
  const include: string[] = [];
  for (const pattern of patterns) {
    const parsed = parsePattern(pattern);
    if ('error' in parsed) return parsed;
    include.push(...parsed.value);
  }
  const slashed = processes.find((name) => name.includes('/'));
  if (slashed !== undefined) {
    return {
      error: `--process: expected the base name of an executable, did you mean "${slashed.split('/').at(-1)}"?`,
    };
  }
  const uids: number[] = [];
  for (const user of users) {
    const parsed = parseUid(user);
    if ('error' in parsed) return { error: `--user: ${parsed.error}` };
    uids.push(parsed.value);
  }
  const only = processes.length + uids.length === 0 ? {} : { only: { processes, uids } };
  const watches = include.length === 0 ? base.watches : [{ ...COMMAND_LINE, include }];
  return {
    value: {
      ...base,
      watches: watches.map((watch) => ({ ...watch, ...only })),
      http: { ...base.http, listen: { kind: 'off' }, page: false },
      socket: { path: undefined },
    },
  };
}

const COMMAND_LINE: WatchConfig = {
  name: 'command-line',
  include: [],
  exclude: [],
  view: 'host',
  operations: OPERATIONS,
  caseInsensitive: false,
  failures: false,
  ignore: { processes: [], ownedByRoot: false, users: [], effectiveUsers: [] },
  log: true,
  fold: false,
};

/** A path stands for itself and everything below; a relative pattern matches at any depth. */
function parsePattern(pattern: string): Parsed<string[]> {
  const includes = WILDCARD.test(pattern)
    ? [pattern.startsWith('/') ? pattern : `/**/${pattern.replace(/^\*\*\//, '')}`]
    : withBelow(resolve(pattern));
  try {
    for (const include of includes) compileGlob(include, 'include');
    return { value: includes };
  } catch (error) {
    if (error instanceof PatternError) return { error: `"${pattern}": ${error.message}` };
    throw error;
  }
}

function withBelow(path: string): string[] {
  return path === '/' ? ['/**'] : [path, `${path}/**`];
}
