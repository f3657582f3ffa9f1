import { bytesOf } from '../text/utf8.js';
import { PatternError } from './pattern-error.js';
import { SegmentPattern } from './segment-pattern.js';

/** `**` as a whole segment: any number of directories, also none. */
export const ANY_DEPTH = Symbol('**');

export const PATTERN_BYTES_MAX = 4096;

const ALL_NAMES = new SegmentPattern('*');

/** Includes are absolute; excludes may be relative and then hold at any depth. */
export type GlobRole = 'include' | 'exclude';

/**
 * One path pattern, compiled, matching on bytes (see utf8.ts).
 *
 * `*` `?` `[...]` stay within one name, `**` as a whole segment crosses directories, a backslash takes the next character
 * literally. Everything else, also `{` and `}` (see braces.ts), `!`, dots at the start of a name and newlines, means itself. `/a/**` matches
 * everything below `/a` but not `/a`; `/**` matches every path.
 */
export class Glob {
  /** As it was written. */
  readonly source: string;
  /** A `**` at the end has become `**`, `*`: "at least one name" needs no rule of its own. */
  readonly segments: readonly (SegmentPattern | typeof ANY_DEPTH)[];
  /** Bytes that every matching path starts with. */
  readonly literalPrefix: string;

  constructor(source: string, segments: readonly (SegmentPattern | typeof ANY_DEPTH)[]) {
    this.source = source;
    this.segments = segments;
    this.literalPrefix = leadingBytes(segments);
  }

  /** Whether the path matches exactly when it starts with `literalPrefix`: nothing but a `**` follows. */
  get prefixDecides(): boolean {
    const wildcards = this.segments.filter((segment) => segment === ANY_DEPTH || segment.literal === undefined);
    return wildcards.length === 2 && this.segments.at(-2) === ANY_DEPTH && this.segments.at(-1) === ALL_NAMES;
  }

  /** `path` is in latin1 view. */
  matches(path: string): boolean {
    return matchSegments(this.segments, namesOf(path));
  }
}

/**
 * The names of a path from the root down; none for '' and '/'. A path whose head is unknown is taken as if it began at the
 * root, so that `/**` and patterns for any depth still see it.
 */
export function namesOf(path: string): string[] {
  const relative = path.startsWith('/') ? path.slice(1) : path;
  return relative === '' ? [] : relative.split('/');
}

/** Throws PatternError. `source` is text, not yet in latin1 view. */
export function compileGlob(source: string, role: GlobRole): Glob {
  const bytes = bytesOf(source);
  if (bytes === '') throw new PatternError('an empty pattern matches nothing');
  if (bytes.length > PATTERN_BYTES_MAX) {
    throw new PatternError(`the pattern has ${bytes.length} bytes, the limit is ${PATTERN_BYTES_MAX}`);
  }
  if (bytes.includes('\0')) throw new PatternError('a NUL byte cannot occur in a path');
  const absolute = bytes.startsWith('/');
  if (!absolute && role === 'include') {
    const anyDepth = source.startsWith('**/') ? `/${source}` : `/**/${source}`;
    throw new PatternError(`must start with "/"; to match at any depth write "${anyDepth}"`);
  }
  if (bytes === '/') throw new PatternError('the root itself cannot be deleted; for everything below it write "/**"');
  const parts = (absolute ? bytes.slice(1) : bytes).split('/');
  return new Glob(source, compileSegments(absolute ? parts : ['**', ...parts]));
}

/** The directory, in latin1 view, that holds everything the pattern matches, as far as it is fixed; '' for the root. */
export function literalDirectory({ segments }: Glob): string {
  let directory = '';
  for (const segment of segments.slice(0, -1)) {
    if (segment === ANY_DEPTH || segment.literal === undefined) break;
    directory += `/${segment.literal}`;
  }
  return directory;
}

/** The fixed leading bytes, in latin1 view, of every path that an include pattern matches. */
export function literalPrefix(pattern: string): string {
  return compileGlob(pattern, 'include').literalPrefix;
}

function compileSegments(parts: readonly string[]): (SegmentPattern | typeof ANY_DEPTH)[] {
  const segments: (SegmentPattern | typeof ANY_DEPTH)[] = [];
  parts.forEach((part, index) => {
    if (part === '') {
      throw new PatternError(
        index === parts.length - 1
          ? 'ends with a slash; for everything below a directory append "**"'
          : 'has an empty name ("//")',
      );
    }
    if (part !== '**') {
      const segment = part === '*' ? ALL_NAMES : new SegmentPattern(part);
      if (segment.literal === '.' || segment.literal === '..') {
        throw new PatternError(`has "${segment.literal}" as a name; deletions are reported with resolved paths`);
      }
      segments.push(segment);
    } else if (segments.at(-1) !== ANY_DEPTH) {
      segments.push(ANY_DEPTH);
    }
  });
  if (segments.at(-1) === ANY_DEPTH) segments.push(ALL_NAMES);
  return segments;
}

function leadingBytes(segments: readonly (SegmentPattern | typeof ANY_DEPTH)[]): string {
  const names: string[] = [];
  for (const segment of segments) {
    if (segment === ANY_DEPTH) return `/${[...names, ''].join('/')}`;
    if (segment.literal === undefined) return `/${[...names, segment.prefix].join('/')}`;
    names.push(segment.literal);
  }
  return `/${names.join('/')}`;
}

/** The same greedy walk as within a name: only the last `**` met ever has to take more. */
function matchSegments(segments: readonly (SegmentPattern | typeof ANY_DEPTH)[], names: readonly string[]): boolean {
  let at = 0;
  let index = 0;
  let retryIndex = -1;
  let retryAt = 0;
  for (;;) {
    const segment = segments[index];
    const name = names[at];
    if (segment === undefined) {
      if (name === undefined) return true;
    } else if (segment === ANY_DEPTH) {
      index += 1;
      retryIndex = index;
      retryAt = at;
      continue;
    } else if (name !== undefined && segment.matches(name)) {
      at += 1;
      index += 1;
      continue;
    }
    if (retryIndex < 0 || retryAt >= names.length) return false;
    retryAt += 1;
    at = retryAt;
    index = retryIndex;
  }
}

/** Whether the pattern names one path. */
export function isLiteral({ segments }: Glob): boolean {
  return segments.every((segment) => typeof segment !== 'symbol' && segment.literal !== undefined);
}
