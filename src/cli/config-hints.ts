import { lstatSync } from 'node:fs';
import type { WatchConfig } from '../model/config.js';
import { expandBraces } from '../watch/braces.js';
import { compileGlob, isLiteral } from '../watch/glob.js';
import type { Loaded } from './config-notes.js';

/** Patterns that are named of those that one with braces stands for, when there are more than this and one. */
const NAMED_MAX = 4;
/** Lines in all: a configuration may have ten thousand watches. */
const LINES_MAX = 20;

/** What patterns mean that may surprise their author, in a line each. None of it is wrong. */
export function configHints({ config, origins }: Loaded): string[] {
  const hints = new Set<string>();
  for (const [at, { source, index }] of origins.entries()) {
    const watch = config.watches[at]!;
    const { watches } = source.value as { watches: { include?: string[] | null; exclude?: string[] | null }[] };
    const { include, exclude } = watches[index]!;
    for (const pattern of [...(include ?? []), ...(exclude ?? [])]) {
      const meant = expandBraces(pattern);
      if (meant.length > 1) hints.add(`watch ${watch.name}: ${pattern} stands for ${listOf(meant)}`);
    }
    for (const hint of absentNames(watch)) hints.add(hint);
  }
  const lines = [...hints];
  const more = lines.length - LINES_MAX;
  return more > 0 ? [...lines.slice(0, LINES_MAX), `and ${more} more such lines`] : lines;
}

function listOf(patterns: readonly string[]): string {
  const more = patterns.length - NAMED_MAX;
  return (more > 1 ? [...patterns.slice(0, NAMED_MAX), `${more} more`] : patterns).join(', ');
}

/** Patterns that name one path of this host, where nothing exists. A name with a dot is usually that of a file. */
function absentNames({ name, include, view, caseInsensitive }: WatchConfig): string[] {
  if (view !== 'host' || caseInsensitive) return [];
  return include.flatMap((pattern) => {
    const glob = compileGlob(pattern, 'include');
    if (!isLiteral(glob) || /\.[^/]*$/.test(glob.literalPrefix) || !isAbsent(glob.literalPrefix)) return [];
    return [
      `watch ${name}: ${pattern} does not exist. The pattern matches a file or directory of this name alone; ` +
        `for everything below a directory write "${pattern}/**"`,
    ];
  });
}

/** `path` in latin1 view. False also when it cannot be looked at. */
function isAbsent(path: string): boolean {
  try {
    return lstatSync(Buffer.from(path, 'latin1'), { throwIfNoEntry: false }) === undefined;
  } catch {
    return false;
  }
}
