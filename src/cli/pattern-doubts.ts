import { statSync } from 'node:fs';
import { textOf } from '../text/utf8.js';
import { compileGlob, type Glob, isLiteral, literalDirectory } from '../watch/glob.js';
import { canMeet } from '../watch/glob-overlap.js';

/**
 * Why an include pattern can match nothing on this host, or not what it seems to; undefined: there is no doubt. `excludes`
 * are those of its watch.
 */
export function doubtAboutInclude(pattern: string, excludes: readonly string[]): string | undefined {
  const glob = compileGlob(pattern, 'include');
  const taken = excludes.find((exclude) => covers(compileGlob(exclude, 'exclude'), glob));
  if (taken !== undefined) return `never matches: the watch excludes ${taken}`;
  const fixed = literalDirectory(glob);
  if (fixed === '/proc' || fixed.startsWith('/proc/')) return 'never matches: no name can be removed in /proc';
  const file = fileAbove(fixed);
  if (file !== undefined) return `never matches: ${textOf(file)} is not a directory`;
  if (isLiteral(glob) && isDirectory(glob.literalPrefix)) {
    return `is a directory: the pattern matches it alone; for everything below it write "${pattern}/**"`;
  }
  return undefined;
}

/**
 * Why an exclude pattern leaves out nothing of its watch, whose patterns of include, with those that symbolic links make
 * of them, are `includes`; undefined: there is no doubt.
 */
export function doubtAboutExclude(
  pattern: string,
  includes: readonly string[],
  caseInsensitive: boolean,
): string | undefined {
  // Whether two patterns can mean one path is judged by letters.
  if (caseInsensitive) return undefined;
  const exclude = compileGlob(pattern, 'exclude');
  if (includes.some((include) => canMeet(exclude, compileGlob(include, 'include')))) return undefined;
  return 'excludes nothing: no include pattern of the watch reaches it';
}

/** Whether `exclude` takes everything that `include` matches; false also where that is hard to tell. */
function covers(exclude: Glob, include: Glob): boolean {
  if (exclude.source === include.source) return true;
  return exclude.prefixDecides && include.literalPrefix.startsWith(exclude.literalPrefix);
}

/** The first part of a path, in latin1 view, that exists and is no directory. */
function fileAbove(directory: string): string | undefined {
  for (let end = directory.indexOf('/', 1); end > 0; end = directory.indexOf('/', end + 1)) {
    const part = directory.slice(0, end);
    const is = isDirectory(part);
    if (is !== true) return is === false ? part : undefined;
  }
  return isDirectory(directory) === false ? directory : undefined;
}

/** undefined: it does not exist, or cannot be looked at. */
function isDirectory(path: string): boolean | undefined {
  if (path === '') return true;
  try {
    return statSync(Buffer.from(path, 'latin1')).isDirectory();
  } catch {
    return undefined;
  }
}
