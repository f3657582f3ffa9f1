import { ATTACH_MODES } from '../model/config.js';

/** The command line, described once: parsing, --help and shell completion all follow this table. */

export interface OptionSpec {
  readonly name: string;
  readonly description: string;
  /** How the value is called in help; without it the option is a switch. */
  readonly value?: string;
  /** The only values allowed. */
  readonly choices?: readonly string[];
}

export interface OperandSpec {
  readonly label: string;
  readonly min: number;
  readonly max: number;
  readonly choices?: readonly string[];
}

export interface CommandSpec {
  readonly name: CommandName;
  readonly summary: string;
  readonly details?: string;
  readonly operands?: OperandSpec;
  readonly options: readonly OptionSpec[];
}

export const COMMAND_NAMES = ['run', 'validate', 'explain', 'doctor', 'completion', 'version'] as const;
export type CommandName = (typeof COMMAND_NAMES)[number];

const CONFIG: OptionSpec = {
  name: 'config',
  value: 'FILE',
  description: 'configuration file (default /etc/rmwatch/rmwatch.yaml)',
};
const JSON_OUTPUT: OptionSpec = { name: 'json', description: 'print the result as JSON' };

/** Understood by every command. */
export const HELP: OptionSpec = { name: 'help', description: 'print this help' };

export const COMMANDS: readonly CommandSpec[] = [
  {
    name: 'run',
    summary: 'watch for deletions and report them, in the foreground (the default command)',
    details:
      'Events go to stdout, messages about the daemon itself to stderr. The options win over the configuration file.',
    options: [
      CONFIG,
      {
        name: 'attach',
        value: 'MODE',
        choices: ['auto', ...ATTACH_MODES],
        description: 'how to hook the kernel',
      },
      { name: 'format', value: 'FORMAT', choices: ['json', 'pretty'], description: 'form of the event lines' },
      { name: 'log', value: 'FILE', description: 'write events to FILE instead of stdout' },
    ],
  },
  {
    name: 'validate',
    summary: 'check a configuration file and list everything that is wrong with it',
    operands: { label: 'FILE', min: 0, max: 1 },
    options: [JSON_OUTPUT],
  },
  {
    name: 'explain',
    summary: 'tell which watches match a path, which pattern decides, and where',
    details: 'The paths need not exist. Operation, process and user are not judged here.',
    operands: { label: 'PATH', min: 1, max: Number.POSITIVE_INFINITY },
    options: [CONFIG, JSON_OUTPUT],
  },
  {
    name: 'doctor',
    summary: 'tell which ways to hook this kernel work, why others do not, and what to change',
    options: [JSON_OUTPUT],
  },
  {
    name: 'completion',
    summary: 'print a completion script for a shell',
    details: 'For bash: source <(rmwatch completion bash); for zsh: source <(rmwatch completion zsh)',
    operands: { label: 'SHELL', min: 1, max: 1, choices: ['bash', 'zsh'] },
    options: [],
  },
  { name: 'version', summary: 'print the version', options: [] },
];

export function commandSpec(name: CommandName): CommandSpec {
  const spec = COMMANDS.find((command) => command.name === name);
  if (spec === undefined) throw new Error(`no command ${name} in the table`);
  return spec;
}
