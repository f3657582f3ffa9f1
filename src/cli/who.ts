import { AccountNames } from '../host/account-names.js';
import { loginSession } from '../search/login-session.js';
import { notesOf } from '../search/notes.js';
import { literalPaths } from '../search/path-condition.js';
import { ProcessArgs } from '../search/process-args.js';
import { Progress, type ProgressStream } from '../search/progress.js';
import { remediesFor } from '../search/remedies.js';
import { openSources, type SourceOptions, type Sources, withSpans } from '../search/sources.js';
import { AROUND_MS, findDeletion, findOthers } from '../search/who.js';
import { whoSentences } from '../search/who-sentences.js';
import { escapeControl } from '../text/escape.js';
import { EXIT } from './exit-codes.js';
import type { CommandIo } from './io.js';
import { configuredOutput } from './search.js';

export interface WhoOptions {
  readonly path: string;
  readonly inputs: readonly string[];
  readonly config: string | undefined;
}

/** Tells who deleted a path, in sentences, and what can be done about it. */
export async function who({ path, inputs, config }: WhoOptions, io: CommandIo): Promise<number> {
  if (inputs.includes('-')) {
    io.stderr.write('rmwatch: who reads its files twice, and standard input cannot be\nTry: rmwatch who --help\n');
    return EXIT.usage;
  }
  const output = inputs.length > 0 ? '' : await configuredOutput(config, io);
  if (output === undefined) return EXIT.configuration;
  const options = { inputs, output, stdin: () => process.stdin };
  const sources = await openSources({ ...options, bounds: { sinceMs: undefined, untilMs: undefined } });
  try {
    return await tell(path, sources, options, io);
  } finally {
    await sources.close();
  }
}

async function tell(
  path: string,
  sources: Sources,
  options: Omit<SourceOptions, 'bounds'>,
  io: CommandIo,
): Promise<number> {
  const total = sources.spans.reduce((sum, { bytes }) => sum + bytes, 0);
  const progress = new Progress(io.stderr as ProgressStream, total);
  const literals = literalPaths(path, process.cwd());
  const { deletion, above, result } = await findDeletion(literals, sources.spans, (bytes) => progress.update(bytes));
  progress.end();
  const errors = [...sources.errors, ...result.errors];
  for (const { message } of errors) io.stderr.write(`rmwatch: ${escapeControl(message)}\n`);
  for (const note of notesOf(result, sources.description)) io.stderr.write(`rmwatch: ${note}\n`);
  if (deletion === undefined) {
    io.stderr.write(`rmwatch: no deletion of ${escapeControl(literals.at(-1)!)} found\n`);
    if (errors.length === 0) return EXIT.nothingFound;
    return errors.some(({ code }) => code === 'EACCES' || code === 'EPERM') ? EXIT.notPrivileged : EXIT.failure;
  }
  const atMs = Date.parse(deletion['@timestamp']);
  const around = await openSources({ ...options, bounds: { sinceMs: atMs - AROUND_MS, untilMs: atMs + AROUND_MS } });
  const users = new AccountNames();
  try {
    const args = new ProcessArgs();
    const others = await findOthers(deletion, around.spans, args);
    const [found] = await args.join([{ deletion, line: '' }], withSpans(options), async () => true);
    const sentences = whoSentences({
      deletion: found!.deletion,
      above,
      path: literals.at(-1)!,
      others,
      session: loginSession(deletion),
      nameOf: (uid) => users.nameOf(Number(uid)),
    });
    io.stdout.write(`${sentences.join('\n')}\n`);
    const told = new Set(errors.map(({ message }) => message));
    for (const error of args.errors) {
      if (told.has(error.message)) continue;
      io.stderr.write(`rmwatch: ${escapeControl(error.message)}\n`);
      errors.push(error);
    }
  } finally {
    await around.close();
  }
  for (const { text, command } of above ? [] : remediesFor(deletion)) {
    io.stdout.write(`\n${escapeControl(text)}\n${command === undefined ? '' : `  ${command}\n`}`);
  }
  return errors.length === 0 ? EXIT.ok : EXIT.failure;
}
