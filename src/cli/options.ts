import { ATTACH_MODES } from '../model/config.js';
import { GROUPINGS } from '../search/groups.js';

/** The command line, described once: parsing, --help and shell completion all follow this table. */

export interface OptionSpec {
  readonly name: string;
  readonly description: string;
  /** How the value is called in help; without it the option is a switch. */
  readonly value?: string;
  /** The only values allowed. */
  readonly choices?: readonly string[];
  /** May be given several times. */
  readonly repeatable?: true;
  /** Values that begin with "-" and are meant. */
  readonly dashed?: RegExp;
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

export const COMMAND_NAMES = [
  'run',
  'search',
  'who',
  'tail',
  'top',
  'validate',
  'explain',
  'doctor',
  'completion',
  'version',
] as const;
export type CommandName = (typeof COMMAND_NAMES)[number];

/** As lines name them; logs of other versions may hold more kinds than this one writes. */
const LOGGED_OPERATIONS = ['unlink', 'rmdir', 'replace', 'move'] as const;
const OUTCOMES = ['success', 'failure', 'unknown'] as const;

const CONFIG: OptionSpec = {
  name: 'config',
  value: 'FILE',
  description: 'configuration file (default /etc/rmwatch/rmwatch.yaml)',
};
const JSON_OUTPUT: OptionSpec = { name: 'json', description: 'print the result as JSON' };

/** Understood by every command. */
export const HELP: OptionSpec = { name: 'help', description: 'print this help' };

/** `-1h`, `-` for standard input. */
const RELATIVE_TIME = /^-\s*\d/;

/** Sources of the record. */
const INPUT: OptionSpec = {
  name: 'input',
  value: 'FILE',
  repeatable: true,
  dashed: /^-$/,
  description: 'read this file instead of the log of the configuration; - for standard input',
};

/** What a deletion must be to be found; options that may be repeated ask for one of their values. */
const CONDITIONS: readonly OptionSpec[] = [
  { name: 'since', value: 'TIME', dashed: RELATIVE_TIME, description: 'not before: -1h, yesterday, 14:30, 2026-11-24' },
  { name: 'until', value: 'TIME', dashed: RELATIVE_TIME, description: 'not after' },
  {
    name: 'operation',
    value: 'OPERATION',
    repeatable: true,
    choices: LOGGED_OPERATIONS,
    description: 'kind of deletion',
  },
  { name: 'outcome', value: 'OUTCOME', repeatable: true, choices: OUTCOMES, description: 'result of the attempt' },
  { name: 'watch', value: 'NAME', repeatable: true, description: 'watch that matched' },
  { name: 'process', value: 'NAME', repeatable: true, description: 'name of the program, or path of its executable' },
  { name: 'pid', value: 'PID', repeatable: true, description: 'number of the process' },
  { name: 'user', value: 'USER', repeatable: true, description: 'real or effective user, by name or number' },
  { name: 'login-user', value: 'USER', repeatable: true, description: 'who had logged in, whatever user came later' },
  { name: 'container', value: 'ID', repeatable: true, description: 'container, by the beginning of its id' },
  { name: 'larger-than', value: 'SIZE', description: 'size of the file: 64KiB, 16MiB, 1GiB' },
];

const SOCKET: OptionSpec = {
  name: 'socket',
  value: 'PATH',
  description: 'socket of the daemon (default: as the configuration has it, /run/rmwatch/events.sock without one)',
};

export const COMMANDS: readonly CommandSpec[] = [
  {
    name: 'run',
    summary: 'watch for deletions and report them, in the foreground',
    details:
      'Events go to stdout, messages about the daemon itself to stderr. The options win over the configuration file.\n' +
      'With a PATTERN, --process, --user or --no-config it is a run of its own beside a service: only a file that\n' +
      '--config names is read, and nothing listens unless --listen says where.',
    operands: { label: 'PATTERN', min: 0, max: Number.POSITIVE_INFINITY },
    options: [
      CONFIG,
      { name: 'no-config', description: 'read no configuration file' },
      {
        name: 'attach',
        value: 'MODE',
        choices: ['auto', ...ATTACH_MODES],
        description: 'how to hook the kernel',
      },
      { name: 'format', value: 'FORMAT', choices: ['json', 'pretty'], description: 'form of the event lines' },
      { name: 'log', value: 'FILE', description: 'write events to FILE instead of stdout' },
      { name: 'listen', value: 'ADDR', description: 'serve metrics there: host:port, unix:/path or off' },
      { name: 'process', value: 'NAME', repeatable: true, description: 'only deletions by programs of this name' },
      { name: 'user', value: 'USER', repeatable: true, description: 'only deletions by this user, by name or number' },
    ],
  },
  {
    name: 'search',
    summary: 'find deletions in the log, with its rotated files, or in the journal',
    details:
      'A PATH stands for itself and everything below; with wildcards it is a pattern as in a watch. Oldest first.\n' +
      'Conditions are combined; one that is given several times is met by any of its values.',
    operands: { label: 'PATH', min: 0, max: Number.POSITIVE_INFINITY },
    options: [
      ...CONDITIONS,
      { name: 'limit', value: 'N', description: 'the newest N only; with --by the first N rows' },
      { name: 'reverse', description: 'newest first' },
      { name: 'args', description: 'with each deletion all arguments of its process that the record has' },
      { name: 'json', description: 'print the lines as they are, counts as JSON' },
      { name: 'count', description: 'print how many there are' },
      {
        name: 'by',
        value: 'GROUPING',
        choices: GROUPINGS,
        description: 'count them by what they have in common, with the bytes freed',
      },
      INPUT,
      CONFIG,
    ],
  },
  {
    name: 'who',
    summary: 'tell who deleted a path, in sentences, and what can be done about it',
    details: 'The newest deletion of PATH counts, or of a directory above that took it along.',
    operands: { label: 'PATH', min: 1, max: 1 },
    options: [INPUT, CONFIG],
  },
  {
    name: 'tail',
    summary: 'follow the deletions that the running daemon reports',
    details:
      'Conditions are those of search; without any, every line of the log is shown. Ends at Ctrl-C, with 0.\n' +
      'It hooks nothing: root and the group rmwatch may follow what the service sees.',
    operands: { label: 'PATH', min: 0, max: Number.POSITIVE_INFINITY },
    options: [
      ...CONDITIONS,
      { name: 'limit', value: 'N', description: 'end after N deletions' },
      { name: 'json', description: 'print the lines as they are' },
      SOCKET,
      CONFIG,
    ],
  },
  {
    name: 'top',
    summary: 'show what is being deleted, and by whom, on the whole terminal',
    details: 'Keys: q quit, p pause, s sort, / filter, r reset the lists. It reads from the daemon, as tail does.',
    options: [SOCKET, CONFIG],
  },
  {
    name: 'validate',
    summary: 'check a configuration file and list everything that is wrong with it',
    details: 'FILE - is the standard input.',
    operands: { label: 'FILE', min: 0, max: 1 },
    options: [
      { name: 'pid', value: 'PID', description: 'the file of the daemon that has this process id' },
      { name: 'strict', description: 'end with 6 also when a note says that something is doubtful' },
      JSON_OUTPUT,
    ],
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
