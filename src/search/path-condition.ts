import { realpathSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { Parsed } from '../config/units.js';
import { bytesOf } from '../text/utf8.js';
import { ANY_DEPTH, compileGlob, type Glob } from '../watch/glob.js';
import { PatternError } from '../watch/pattern-error.js';

const WILDCARD = /[*?[\\]/;
/** What stands for itself in the lines' JSON, so that it can be looked for before a line is read. */
const PLAIN_RUN = /(?:^path":")?[\x20\x21\x23-\x5b\x5d-\x7e]+/g;
/**
 * What stands before every path in the JSON: the end of the names of its keys. With it the text is longer, and the longer a text
 * is, the fewer bytes are looked at.
 */
const PATH_KEY = 'path":"';

/** Deletions of a path, or of what a pattern matches, and of everything below. */
export interface PathCondition {
  /** As it was given. */
  readonly source: string;
  /** The absolute paths that it stands for when it is not read as a pattern. */
  readonly literals: readonly string[];
  /** Text of which every matching line holds one; undefined: there is none that all hold. */
  readonly needles: readonly string[] | undefined;
  matches(path: string): boolean;
}

/**
 * A path is one of this host, relative ones from the working directory, symbolic links in its parents followed as far as they
 * still exist. With wildcards it is a pattern as in a watch, and relative ones match at any depth; a name that really has
 * such characters is found all the same. `followsLinks`: false asks no filesystem.
 */
export function parsePathCondition(
  source: string,
  workingDirectory: string,
  followsLinks = true,
): Parsed<PathCondition> {
  if (source === '' || source.includes('\0')) return { error: 'a PATH must not be empty' };
  const literals = followsLinks ? literalPaths(source, workingDirectory) : [resolve(workingDirectory, source)];
  const globs: Glob[] = [];
  if (WILDCARD.test(source)) {
    try {
      const pattern = source.replace(/\/+$/, '') || '/';
      globs.push(compileGlob(pattern, pattern.startsWith('/') ? 'include' : 'exclude'));
      globs.push(compileGlob(`${pattern}/**`, pattern.startsWith('/') ? 'include' : 'exclude'));
    } catch (error) {
      if (!(error instanceof PatternError)) throw error;
      return { error: `"${source}": ${error.message}` };
    }
  }
  const matches = (path: string): boolean =>
    literals.some((literal) => isAtOrBelow(path, literal)) || (globs.length > 0 && matchesAny(globs, path));
  return { value: { source, literals, needles: needlesOf(literals, globs[0]), matches } };
}

/** Whether `path` is `parent` or below it; of a path whose head is not known its end is compared. */
export function isAtOrBelow(path: string, parent: string): boolean {
  if (parent === '/') return true;
  if (!path.startsWith('/')) return parent.endsWith(`/${path}`);
  return path.startsWith(parent) && (path.length === parent.length || path[parent.length] === '/');
}

/** The absolute paths that a path stands for: as given, and with the links in its parents followed. */
export function literalPaths(source: string, workingDirectory: string): string[] {
  const absolute = resolve(workingDirectory, source);
  return [...new Set([absolute, throughLinks(absolute)])];
}

/** Events name what was removed, so links in the parents are followed, but the last name is taken as it is. */
function throughLinks(absolute: string): string {
  const names: string[] = [basename(absolute)];
  for (let parent = dirname(absolute); ; parent = dirname(parent)) {
    try {
      return join(realpathSync.native(parent), ...names);
    } catch {
      // A parent that was removed as well.
      if (parent === '/') return absolute;
      names.unshift(basename(parent));
    }
  }
}

function matchesAny(globs: readonly Glob[], path: string): boolean {
  const bytes = bytesOf(path);
  return globs.some((glob) => glob.matches(bytes));
}

function needlesOf(literals: readonly string[], glob: Glob | undefined): string[] | undefined {
  const needles = new Set<string>();
  for (const literal of literals) {
    const needle = longestRun([`${PATH_KEY}${literal}`]);
    if (needle === undefined) return undefined;
    needles.add(needle);
  }
  if (glob !== undefined) {
    const [first = '', ...others] = literalParts(glob);
    const needle = longestRun([glob.segments[0] === ANY_DEPTH ? first : `${PATH_KEY}${first}`, ...others]);
    if (needle === undefined) return undefined;
    needles.add(needle);
  }
  return [...needles];
}

/** Parts of every path that the pattern matches. */
function literalParts(glob: Glob): string[] {
  const parts: string[] = [];
  let together = '';
  for (const segment of glob.segments) {
    if (segment !== ANY_DEPTH && segment.literal !== undefined) {
      together += `/${segment.literal}`;
      continue;
    }
    if (segment !== ANY_DEPTH) parts.push(`${together}/${segment.prefix}`, segment.suffix);
    else parts.push(together);
    together = '';
  }
  return [...parts, together];
}

/** Shorter ones are in nearly every line. */
const NEEDLE_MIN = 3;

function longestRun(texts: readonly string[]): string | undefined {
  const runs = texts.flatMap((text) => text.match(PLAIN_RUN) ?? []);
  const longest = runs.reduce((best, run) => (run.length > best.length ? run : best), '');
  return longest.length - (longest.startsWith(PATH_KEY) ? PATH_KEY.length : 0) < NEEDLE_MIN ? undefined : longest;
}
