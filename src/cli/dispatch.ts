import type { Config } from '../model/config.js';
import { parseCommandLine } from './command-line.js';
import { type CompletionShell, completion } from './completion.js';
import { EXIT } from './exit-codes.js';
import type { CommandIo } from './io.js';
import { version } from './version.js';

/** Options of `run`; what is undefined is left to the configuration. */
export interface RunOptions {
  readonly config: string | undefined;
  readonly attach: Config['probe']['attach'] | undefined;
  readonly format: 'json' | 'pretty' | undefined;
  readonly log: string | undefined;
  /** Paths and patterns to watch instead of what the configuration says. */
  readonly patterns: readonly string[];
  readonly processes: readonly string[];
  readonly users: readonly string[];
  readonly listen: string | undefined;
  /** Read no configuration file. */
  readonly noConfig: boolean;
}

export interface DoctorOptions {
  readonly json: boolean;
}

/** The commands that need the probe: passed in, so that everything else works, and is tested, without it. */
export interface ProbeCommands {
  run(options: RunOptions, io: CommandIo): Promise<number> | number;
  doctor(options: DoctorOptions, io: CommandIo): Promise<number> | number;
}

/** Carries out one command line and returns the exit code. A command loads its own modules only: all of them take half a second. */
export async function dispatch(argv: readonly string[], commands: ProbeCommands, io: CommandIo): Promise<number> {
  const line = parseCommandLine(argv);
  if (line.kind === 'help') {
    io.stdout.write(line.text);
    return EXIT.ok;
  }
  if (line.kind === 'usage-error') {
    io.stderr.write(line.message);
    return EXIT.usage;
  }
  const { values, lists, operands } = line;
  const json = values.has('json');
  // The table has let no other values through.
  switch (line.command) {
    case 'run':
      return commands.run(
        {
          config: values.get('config'),
          attach: values.get('attach') as RunOptions['attach'],
          format: values.get('format') as RunOptions['format'],
          log: values.get('log'),
          patterns: operands,
          processes: lists.get('process') ?? [],
          users: lists.get('user') ?? [],
          listen: values.get('listen'),
          noConfig: values.has('no-config'),
        },
        io,
      );
    case 'search':
      return (await import('./search.js')).search({ paths: operands, values, lists }, io);
    case 'who':
      return (await import('./who.js')).who(
        { path: operands[0]!, inputs: lists.get('input') ?? [], config: values.get('config') },
        io,
      );
    case 'tail':
      return (await import('./tail.js')).tail({ paths: operands, values, lists }, io);
    case 'top':
      return (await import('./top.js')).top(
        { socket: values.get('socket'), config: values.get('config') },
        io,
        process.stdin,
      );
    case 'validate':
      return (await import('./validate.js')).validate(
        { file: operands[0], pid: values.get('pid'), json, strict: values.has('strict') },
        io,
        () => process.stdin,
      );
    case 'explain':
      return (await import('./explain.js')).explain({ paths: operands, config: values.get('config'), json }, io);
    case 'doctor':
      return commands.doctor({ json }, io);
    case 'completion':
      return completion({ shell: operands[0] as CompletionShell }, io);
    case 'version':
      return version({}, io);
  }
}
