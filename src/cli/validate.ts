import { DEFAULT_CONFIG_FILE, loadConfig, loadConfigText } from '../config/load.js';
import { formatProblem, type Problem } from '../config/problem.js';
import { readStreamText } from '../config/read-text.js';
import { escapeControl } from '../text/escape.js';
import { configHints } from './config-hints.js';
import { configNotes, type Loaded } from './config-notes.js';
import { EXIT } from './exit-codes.js';
import type { CommandIo } from './io.js';
import { configOfDaemon } from './running-daemon.js';
import { SourceLines } from './source-lines.js';

export interface ValidateOptions {
  /** `-`: the standard input; undefined: the default file, if there is one. */
  readonly file: string | undefined;
  /** Instead of a file, the process id of a daemon whose file it is. */
  readonly pid: string | undefined;
  readonly json: boolean;
  /** What is doubtful is an error. */
  readonly strict: boolean;
}

/** What the standard input is called in messages. */
const STDIN_NAME = 'stdin';

export async function validate(
  { file: named, pid, json, strict }: ValidateOptions,
  io: CommandIo,
  stdin: () => NodeJS.ReadableStream,
): Promise<number> {
  const daemons = pid === undefined ? { value: named } : configOfDaemon(pid);
  if ('error' in daemons || (pid !== undefined && named !== undefined)) {
    const error = 'error' in daemons ? daemons.error : 'FILE and --pid exclude each other';
    io.stderr.write(`rmwatch: ${escapeControl(error)}\nTry: rmwatch validate --help\n`);
    return EXIT.usage;
  }
  const text = daemons.value === '-' ? await readStreamText(stdin(), STDIN_NAME) : undefined;
  const file = text === undefined ? daemons.value : STDIN_NAME;
  const loaded = text === undefined ? await loadConfig(file) : await loadConfigText(text, STDIN_NAME);
  const problems = 'problems' in loaded ? loaded.problems : [];
  const notes = 'problems' in loaded ? [] : await configNotes(loaded);
  const valid = problems.length === 0;
  if (json) {
    io.stdout.write(`${JSON.stringify({ file: file ?? DEFAULT_CONFIG_FILE, valid, problems, notes }, null, 2)}\n`);
  } else {
    const lines = new SourceLines(typeof text === 'string' ? new Map([[STDIN_NAME, text]]) : new Map());
    const tell = async (problem: Problem) => {
      io.stderr.write(`${formatProblem(problem)}\n${await lines.excerpt(problem)}`);
    };
    for (const problem of problems) await tell(problem);
    for (const note of notes) await tell({ ...note, message: `note: ${note.message}` });
    if (!('problems' in loaded)) {
      io.stdout.write(`${verdict(loaded)}\n`);
      // The service checks its file so before each reload.
      const hints = pid === undefined ? configHints(loaded) : [];
      for (const hint of hints) io.stderr.write(`${escapeControl(hint)}\n`);
    }
  }
  return valid && !(strict && notes.length > 0) ? EXIT.ok : EXIT.configuration;
}

function verdict({ file, config, origins }: Loaded): string {
  if (file === undefined) return `${DEFAULT_CONFIG_FILE} does not exist, the defaults apply: one watch, "all", on /**`;
  const { length } = config.watches;
  const others = new Set(origins.map((origin) => origin.file));
  others.delete(file);
  const more = others.size === 0 ? '' : ` with ${others.size} ${others.size === 1 ? 'file' : 'files'} of conf.d`;
  return `${file}${more} is valid: ${length} ${length === 1 ? 'watch' : 'watches'}`;
}
