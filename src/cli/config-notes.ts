import { realpathSync } from 'node:fs';
import type { LoadResult } from '../config/load.js';
import { formatPath, type KeyPath, type Problem } from '../config/problem.js';
import type { WatchOrigin } from '../config/watch-files.js';
import { expandBraces } from '../watch/braces.js';
import type { GlobRole } from '../watch/glob.js';
import { type LinkedWatches, withResolvedPatterns } from '../watch/linked-patterns.js';
import { followLinks } from '../watch/symbolic-links.js';
import { doubtAboutExclude, doubtAboutInclude } from './pattern-doubts.js';

/** A configuration that is valid. */
export type Loaded = Exclude<LoadResult, { problems: unknown }>;

/** What is valid in a configuration and still doubtful on this host. */
export async function configNotes(loaded: Loaded): Promise<Problem[]> {
  const resolved = withResolvedPatterns(loaded.config.watches, await followLinks(loaded.config.watches));
  return [
    ...processNotes(loaded),
    ...includeNotes(loaded),
    ...excludeNotes(loaded, resolved),
    ...linkNotes(loaded, resolved),
  ];
}

/** What is doubtful about executables to ignore. */
function processNotes({ config, origins }: Loaded): Problem[] {
  return config.watches.flatMap(({ ignore }, index) =>
    ignore.processes.flatMap((name, position) => {
      const message = doubtAbout(name);
      return message === undefined ? [] : [noteAt(origins[index]!, ['ignore', 'processes', position], message)];
    }),
  );
}

/** What is doubtful about patterns of `include`. */
function includeNotes({ config, origins }: Loaded): Problem[] {
  return config.watches.flatMap(({ include, exclude }, index) =>
    include.flatMap((pattern) => {
      const message = doubtAboutInclude(pattern, exclude);
      if (message === undefined) return [];
      const origin = origins[index]!;
      return [noteAt(origin, ['include', writtenAt(origin, 'include', pattern)], `${pattern} ${message}`)];
    }),
  );
}

/** `path`: within the watch. */
function noteAt({ file, source, index }: WatchOrigin, path: KeyPath, message: string): Problem {
  const whole = ['watches', index, ...path];
  return { file, ...source.position(source.offsetOf(whole)), path: formatPath(whole), message };
}

function doubtAbout(executable: string): string | undefined {
  if (!executable.startsWith('/'))
    return `any user can name a program "${executable}" and delete unseen: write the absolute path of the executable`;
  try {
    const path = realpathSync.native(executable);
    return path === executable ? undefined : `events name this executable ${path}: write that`;
  } catch {
    // It may be installed later.
    return undefined;
  }
}

/** What is doubtful about patterns of `exclude`. */
function excludeNotes({ config, origins }: Loaded, { watches, linked }: LinkedWatches): Problem[] {
  const viaLink = new Set(linked.map(({ watch, pattern }) => `${watch} ${pattern}`));
  return config.watches.flatMap(({ name, exclude, caseInsensitive }, index) =>
    exclude.flatMap((pattern) => {
      if (viaLink.has(`${name} ${pattern}`)) return [];
      const message = doubtAboutExclude(pattern, watches[index]!.include, caseInsensitive);
      if (message === undefined) return [];
      const origin = origins[index]!;
      return [noteAt(origin, ['exclude', writtenAt(origin, 'exclude', pattern)], `${pattern} ${message}`)];
    }),
  );
}

/** What symbolic links of this host make of the patterns. */
function linkNotes({ config, origins }: Loaded, { linked }: LinkedWatches): Problem[] {
  return linked.map(({ watch, role, pattern, directory, target, resolved }) => {
    const origin = origins[config.watches.findIndex(({ name }) => name === watch)]!;
    const path = [role, writtenAt(origin, role, pattern)];
    const meaning = resolved === undefined ? 'no pattern can be written for that' : `${resolved} counts, too`;
    const message = `${directory} is reached through a symbolic link and is ${target}: ${meaning}`;
    return noteAt(origin, path, message);
  });
}

/** Position in its list of what stands in the file for a pattern, which braces may have made several of. */
function writtenAt({ source, index }: WatchOrigin, role: GlobRole, pattern: string): number {
  const { watches } = source.value as { watches: Record<GlobRole, readonly string[]>[] };
  return watches[index]![role].findIndex((written) => expandBraces(written).includes(pattern));
}
