import { realpathSync } from 'node:fs';
import { DEFAULT_CONFIG_FILE, type LoadResult, loadConfig } from '../config/load.js';
import { formatPath, formatProblem, type KeyPath, type Problem } from '../config/problem.js';
import type { WatchOrigin } from '../config/watch-files.js';
import { escapeControl } from '../text/escape.js';
import { expandBraces } from '../watch/braces.js';
import type { GlobRole } from '../watch/glob.js';
import { withResolvedPatterns } from '../watch/linked-patterns.js';
import { followLinks } from '../watch/symbolic-links.js';
import { EXIT } from './exit-codes.js';
import type { CommandIo } from './io.js';
import { doubtAboutInclude } from './pattern-doubts.js';
import { configOfDaemon } from './running-daemon.js';

export interface ValidateOptions {
  /** undefined: the default file, if there is one. */
  readonly file: string | undefined;
  /** Instead of a file, the process id of a daemon whose file it is. */
  readonly pid: string | undefined;
  readonly json: boolean;
  /** What is doubtful is an error. */
  readonly strict: boolean;
}

type Loaded = Exclude<LoadResult, { problems: unknown }>;

export async function validate({ file: named, pid, json, strict }: ValidateOptions, io: CommandIo): Promise<number> {
  const daemons = pid === undefined ? { value: named } : configOfDaemon(pid);
  if ('error' in daemons || (pid !== undefined && named !== undefined)) {
    const error = 'error' in daemons ? daemons.error : 'FILE and --pid exclude each other';
    io.stderr.write(`rmwatch: ${escapeControl(error)}\nTry: rmwatch validate --help\n`);
    return EXIT.usage;
  }
  const file = daemons.value;
  const loaded = await loadConfig(file);
  const problems = 'problems' in loaded ? loaded.problems : [];
  const notes =
    'problems' in loaded ? [] : [...processNotes(loaded), ...patternNotes(loaded), ...(await linkNotes(loaded))];
  const valid = problems.length === 0;
  if (json) {
    io.stdout.write(`${JSON.stringify({ file: file ?? DEFAULT_CONFIG_FILE, valid, problems, notes }, null, 2)}\n`);
  } else if ('problems' in loaded) {
    for (const problem of problems) io.stderr.write(`${formatProblem(problem)}\n`);
  } else if (loaded.file === undefined) {
    io.stdout.write(`${DEFAULT_CONFIG_FILE} does not exist, the defaults apply: one watch, "all", on /**\n`);
  } else {
    const { length } = loaded.config.watches;
    for (const note of notes) io.stderr.write(`${formatProblem({ ...note, message: `note: ${note.message}` })}\n`);
    const others = new Set(loaded.origins.map((origin) => origin.file));
    others.delete(loaded.file);
    const more = others.size === 0 ? '' : ` with ${others.size} ${others.size === 1 ? 'file' : 'files'} of conf.d`;
    io.stdout.write(`${loaded.file}${more} is valid: ${length} ${length === 1 ? 'watch' : 'watches'}\n`);
  }
  return valid && !(strict && notes.length > 0) ? EXIT.ok : EXIT.configuration;
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
function patternNotes({ config, origins }: Loaded): Problem[] {
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

/** What symbolic links of this host make of the patterns. */
async function linkNotes({ config, origins }: Loaded): Promise<Problem[]> {
  const { linked } = withResolvedPatterns(config.watches, await followLinks(config.watches));
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
