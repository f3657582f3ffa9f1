import type * as z from 'zod';
import { didYouMean } from './did-you-mean.js';
import type { KeyPath } from './problem.js';

/** The keys of every section of a file, by its path without list positions. */
export type KnownKeys = Readonly<Record<string, readonly string[]>>;

const EXPECTED: Readonly<Record<string, string>> = {
  string: 'text',
  boolean: 'true or false',
  array: 'a list',
  object: 'a group of keys',
  int: 'a whole number',
  number: 'a number',
};

/** What a schema issue says to the author of the file; undefined leaves the words of the schema library. */
export function issueText(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code === 'invalid_type') {
    const expected = EXPECTED[issue.expected] ?? issue.expected;
    if (issue.input === undefined) return `is required: ${expected}`;
    const hint =
      issue.expected === 'array' && typeof issue.input === 'string' ? `, write [${JSON.stringify(issue.input)}]` : '';
    return `expected ${expected}, got ${described(issue.input)}${hint}`;
  }
  if (issue.code === 'invalid_value') {
    const values = issue.values.map(String);
    const hint = typeof issue.input === 'string' ? didYouMean(issue.input, values) : '';
    return `expected ${values.join(', ')}, got ${described(issue.input)}${hint}`;
  }
  if (issue.code === 'too_small' && issue.origin === 'array') return 'must not be empty';
  return undefined;
}

/** What to say about a key that no section or another section has. */
export function unknownKeyText(path: KeyPath, key: string, known: KnownKeys): string {
  const section = path.filter((part) => typeof part === 'string').join('.');
  const hint = didYouMean(key, known[section] ?? []);
  if (hint !== '') return `unknown key${hint}`;
  const home = Object.entries(known).find(([name, keys]) => name !== section && keys.includes(key));
  if (home !== undefined)
    return `unknown key here${home[0] === '' ? ', it belongs to the top level' : `, it belongs to ${home[0]}`}`;
  return `unknown key, known are ${(known[section] ?? []).join(', ')}`;
}

/** How messages show a value of the file. */
export function described(value: unknown): string {
  if (value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a group of keys';
  if (typeof value !== 'string') return String(value);
  return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
}
