import type { WatchConfig } from '../model/config.js';
import { atOnce, type Steps } from '../model/steps.js';
import { bytesOf, textOf } from '../text/utf8.js';
import { compileGlob, type GlobRole, literalDirectory } from './glob.js';
import { PatternError } from './pattern-error.js';
import type { FollowedLinks } from './symbolic-links.js';

/** A pattern whose fixed directory is reached through a symbolic link. */
export interface LinkedPattern {
  /** Name of the watch. */
  readonly watch: string;
  readonly role: GlobRole;
  /** As it was written. */
  readonly pattern: string;
  /** The fixed directory of the pattern, and where it really is. */
  readonly directory: string;
  readonly target: string;
  /** The pattern that means the same by the real path; undefined when none can be written. */
  readonly resolved: string | undefined;
}

/** Watches as they are to be matched. */
export interface LinkedWatches {
  /** Each with the resolved forms of its patterns behind its own. */
  readonly watches: readonly WatchConfig[];
  readonly linked: readonly LinkedPattern[];
}

/**
 * Adds the resolved form of every pattern whose fixed directory is reached through a symbolic link: events name what the
 * kernel removed, by its real path. The form that was written stays, since the link may go away and tracepoint mode knows
 * only typed names.
 */
export function withResolvedPatterns(watches: readonly WatchConfig[], links: FollowedLinks): LinkedWatches {
  return atOnce(resolvedPatternSteps(watches, links));
}

/** As withResolvedPatterns(), for ten thousand watches beside other work. */
export function* resolvedPatternSteps(watches: readonly WatchConfig[], links: FollowedLinks): Steps<LinkedWatches> {
  if (links.targets.size === 0) return { watches, linked: [] };
  const linked: LinkedPattern[] = [];
  const resolve = (watch: string, patterns: readonly string[], role: GlobRole): readonly string[] => {
    const own = patterns.flatMap((pattern) => linkedPattern(watch, pattern, role, links) ?? []);
    if (own.length === 0) return patterns;
    linked.push(...own);
    return [...new Set([...patterns, ...own.flatMap(({ resolved }) => resolved ?? [])])];
  };
  const resolved: WatchConfig[] = [];
  for (const watch of watches) {
    const include = resolve(watch.name, watch.include, 'include');
    resolved.push({ ...watch, include, exclude: resolve(watch.name, watch.exclude, 'exclude') });
    yield;
  }
  return { watches: resolved, linked };
}

function linkedPattern(
  watch: string,
  pattern: string,
  role: GlobRole,
  { targets }: FollowedLinks,
): LinkedPattern | undefined {
  const directory = literalDirectory(compileGlob(pattern, role));
  const target = targets.get(directory);
  if (target === undefined) return undefined;
  const rest = pattern.split('/').slice(directory.split('/').length);
  const resolved = patternOf(target, rest, role);
  return { watch, role, pattern, directory: textOf(directory), target: textOf(target) || '/', resolved };
}

function patternOf(directory: string, rest: readonly string[], role: GlobRole): string | undefined {
  const text = textOf(directory);
  // A pattern is text, and a name can be bytes that are none.
  if (bytesOf(text) !== directory) return undefined;
  const pattern = [escapeGlob(text), ...rest].join('/');
  try {
    compileGlob(pattern, role);
    return pattern;
  } catch (error) {
    if (error instanceof PatternError) return undefined;
    throw error;
  }
}

function escapeGlob(text: string): string {
  return text.replace(/[\\*?[\]]/g, '\\$&');
}
