import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { WatchConfig } from '../model/config.js';
import { parseWatches } from './parse.js';
import type { Problem } from './problem.js';
import { readText } from './read-text.js';
import type { YamlSource } from './yaml-source.js';

/** Where a watch was written. */
export interface WatchOrigin {
  readonly file: string;
  readonly source: YamlSource;
  /** Its position among the watches of that file. */
  readonly index: number;
}

/** A watch with its origin. */
export interface PlacedWatch {
  readonly watch: WatchConfig;
  readonly origin: WatchOrigin;
}

/** Beside the configuration. */
const DIRECTORY = 'conf.d';
/** One for each application of a large host; a directory given by mistake has more. */
const FILES_MAX = 1000;

/**
 * Reads the watches of conf.d/*.yaml beside the configuration `file`, in the order of the names of the files. Problems come
 * of all files at once. A directory that is not there holds none.
 */
export async function loadWatchFiles(
  file: string,
): Promise<{ readonly placed: readonly PlacedWatch[] } | { readonly problems: readonly Problem[] }> {
  const directory = join(dirname(file), DIRECTORY);
  const problem = (message: string) => ({ problems: [{ file: directory, line: 1, column: 1, path: '', message }] });
  let names: string[];
  try {
    names = (await readdir(directory)).filter((name) => /^[^.].*\.yaml$/.test(name)).sort();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' ? { placed: [] } : problem(`cannot be read: ${message}`);
  }
  if (names.length > FILES_MAX) return problem(`has ${names.length} files, at most ${FILES_MAX} are read`);
  const placed: PlacedWatch[] = [];
  const problems: Problem[] = [];
  for (const name of names) {
    const path = join(directory, name);
    const text = await readText(path);
    // Removed since the directory was read.
    if (text === undefined) continue;
    const read = typeof text === 'string' ? parseWatches(text, path) : text;
    if ('problems' in read) problems.push(...read.problems);
    else {
      const { source } = read;
      placed.push(...read.watches.map((watch, index) => ({ watch, origin: { file: path, source, index } })));
    }
  }
  return problems.length > 0 ? { problems } : { placed };
}

/** Names that more than one file has; within a file they were found before. */
export function namesGivenTwice(placed: readonly PlacedWatch[]): Problem[] {
  const firsts = new Map<string, WatchOrigin>();
  return placed.flatMap(({ watch, origin }) => {
    const first = firsts.get(watch.name);
    if (first === undefined) {
      firsts.set(watch.name, origin);
      return [];
    }
    const path = `watches[${origin.index}].name`;
    const { line } = positionOf(first);
    const message = `"${watch.name}" is already the name of the watch in ${first.file}:${line}`;
    return [{ file: origin.file, ...positionOf(origin), path, message }];
  });
}

function positionOf({ source, index }: WatchOrigin): { readonly line: number; readonly column: number } {
  return source.position(source.offsetOf(['watches', index, 'name']));
}
