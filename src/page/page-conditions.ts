import { didYouMean } from '../config/did-you-mean.js';
import type { Parsed } from '../config/units.js';
import { OPERATIONS } from '../model/config.js';
import { Conditions, type ConditionValues } from '../search/conditions.js';
import { type GivenConditions, parseConditions } from '../search/parse-conditions.js';

/** As the options of `rmwatch search` are called; `path` is its operand. Times have no place in what happens now. */
const LISTS = ['path', 'operation', 'outcome', 'watch', 'process', 'pid', 'user', 'login-user', 'container'] as const;
const VALUES = ['larger-than'] as const;
const NAMES: readonly string[] = [...LISTS, ...VALUES];
const CHOICES: ReadonlyMap<string, readonly string[]> = new Map<string, readonly string[]>([
  ['operation', OPERATIONS],
  ['outcome', ['success', 'failure', 'unknown']],
]);
/** Each is compared with every line. */
const GIVEN_MAX = 32;

/**
 * The conditions that the query of a stream asks for: `path=/srv&process=rm`. Empty ones, as a form sends them, ask nothing.
 * They cross to the thread as they were given, because patterns cannot.
 */
export function givenConditions(query: URLSearchParams): Parsed<GivenConditions> {
  const given = [...query].filter(([, value]) => value !== '');
  if (given.length > GIVEN_MAX) return { error: `at most ${GIVEN_MAX} conditions, got ${given.length}` };
  const lists = new Map<string, string[]>();
  const values = new Map<string, string>();
  for (const [name, value] of given) {
    if (!NAMES.includes(name)) return { error: `no condition "${name}"${didYouMean(name, NAMES)}` };
    const choices = CHOICES.get(name);
    if (choices !== undefined && !choices.includes(value)) {
      return { error: `${name}: expected one of ${choices.join(', ')}, got "${value}"` };
    }
    if (name === 'larger-than') values.set(name, value);
    else lists.set(name, [...(lists.get(name) ?? []), value]);
  }
  const paths = lists.get('path') ?? [];
  lists.delete('path');
  const conditions: GivenConditions = { paths, values, lists };
  const parsed = conditionsOf(conditions);
  // As the fields of the form are called, and not the options.
  if ('error' in parsed) return { error: parsed.error.replace(/^PATH/, 'path').replaceAll(/(^|[\s;])--/g, '$1') };
  return { value: conditions };
}

/** Ready to judge lines. Asks neither filesystems nor name services: a browser must not make the daemon wait for them. */
export function conditionsOf(given: GivenConditions): Parsed<Conditions> {
  const context = { nowMs: 0, workingDirectory: '/', ownHost: true, asksHost: false };
  const parsed: Parsed<ConditionValues> = parseConditions(given, context);
  return 'error' in parsed ? parsed : { value: new Conditions(parsed.value) };
}

/** Nothing is asked of the deletions: lines about the record itself are shown, too. */
export function areAll({ paths, lists, values }: GivenConditions): boolean {
  return paths.length + lists.size + values.size === 0;
}
