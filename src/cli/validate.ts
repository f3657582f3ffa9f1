import { DEFAULT_CONFIG_FILE, loadConfig } from '../config/load.js';
import { formatProblem } from '../config/problem.js';
import { EXIT } from './exit-codes.js';
import type { CommandIo } from './io.js';

export interface ValidateOptions {
  /** undefined: the default file, if there is one. */
  readonly file: string | undefined;
  readonly json: boolean;
}

export async function validate({ file, json }: ValidateOptions, io: CommandIo): Promise<number> {
  const loaded = await loadConfig(file);
  const problems = 'problems' in loaded ? loaded.problems : [];
  const valid = problems.length === 0;
  if (json) {
    io.stdout.write(`${JSON.stringify({ file: file ?? DEFAULT_CONFIG_FILE, valid, problems }, null, 2)}\n`);
  } else if ('problems' in loaded) {
    for (const problem of problems) io.stderr.write(`${formatProblem(problem)}\n`);
  } else if (loaded.file === undefined) {
    io.stdout.write(`${DEFAULT_CONFIG_FILE} does not exist, the defaults apply: one watch, "all", on /**\n`);
  } else {
    const { length } = loaded.config.watches;
    io.stdout.write(`${loaded.file} is valid: ${length} ${length === 1 ? 'watch' : 'watches'}\n`);
  }
  return valid ? EXIT.ok : EXIT.configuration;
}
