import { parseArgs } from 'node:util';
import { didYouMean } from '../config/did-you-mean.js';
import { commandHelp, overviewHelp } from './help.js';
import { COMMAND_NAMES, COMMANDS, type CommandName, type CommandSpec, commandSpec, HELP } from './options.js';

export type CommandLine =
  | {
      readonly kind: 'command';
      readonly command: CommandName;
      readonly operands: readonly string[];
      /** By option name; switches are only present when given. */
      readonly values: ReadonlyMap<string, string>;
      /** All values of the options that may be repeated. */
      readonly lists: ReadonlyMap<string, readonly string[]>;
    }
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'usage-error'; readonly message: string };

const { operands: _patterns, ...OPTIONS_ALONE } = commandSpec('run');

/** Reads the arguments after the program's name. */
export function parseCommandLine(argv: readonly string[]): CommandLine {
  const first = argv[0];
  if (first === undefined || first === '--help' || first === '-h') return { kind: 'help', text: overviewHelp() };
  if (first === '--version') return parseOptions(commandSpec('version'), argv.slice(1));
  if (first === 'help') return parseHelp(argv.slice(1));
  if (first.startsWith('-')) return parseOptions(OPTIONS_ALONE, argv);
  const name = COMMAND_NAMES.find((known) => known === first);
  if (name === undefined) return unknownCommand(first);
  return parseOptions(commandSpec(name), argv.slice(1));
}

function parseHelp(rest: readonly string[]): CommandLine {
  const [topic] = rest;
  if (topic === undefined) return { kind: 'help', text: overviewHelp() };
  const name = COMMAND_NAMES.find((known) => known === topic);
  return name === undefined ? unknownCommand(topic) : { kind: 'help', text: commandHelp(commandSpec(name)) };
}

function unknownCommand(word: string): CommandLine {
  const hint = didYouMean(word, COMMAND_NAMES);
  return usageError(`unknown command "${word}"${hint === '' ? `, known are ${COMMAND_NAMES.join(', ')}` : hint}`);
}

function parseOptions(command: CommandSpec, args: readonly string[]): CommandLine {
  const specs = [...command.options, HELP];
  const { tokens } = parseArgs({
    args: [...args],
    options: Object.fromEntries([
      ...specs.map(({ name, value }) => [name, { type: value === undefined ? 'boolean' : 'string' }]),
      ['help', { type: 'boolean', short: 'h' }],
    ]) as Record<string, { type: 'boolean' | 'string'; short?: string }>,
    // The table gives better messages than strict mode: hints, and the command an option belongs to.
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const values = new Map<string, string>();
  const lists = new Map<string, string[]>();
  const operands: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') operands.push(token.value);
    if (token.kind !== 'option') continue;
    if (token.name === HELP.name) return { kind: 'help', text: commandHelp(command) };
    const spec = specs.find(({ name }) => name === token.name);
    const error =
      spec === undefined
        ? unknownOption(command, token.rawName)
        : values.has(spec.name) && spec.repeatable !== true
          ? `option --${spec.name} is given twice`
          : valueError(spec, token.value, token.inlineValue === true);
    if (error !== undefined) return usageError(error, command);
    values.set(token.name, token.value ?? '');
    if (spec?.repeatable === true) lists.set(token.name, [...(lists.get(token.name) ?? []), token.value ?? '']);
  }
  const error = operandsError(command, operands);
  return error === undefined
    ? { kind: 'command', command: command.name, operands, values, lists }
    : usageError(error, command);
}

function unknownOption(command: CommandSpec, rawName: string): string {
  const name = rawName.replace(/^-+/, '');
  const names = [...command.options, HELP].map((option) => `--${option.name}`);
  const hint = didYouMean(rawName, names);
  if (hint !== '') return `unknown option ${rawName}${hint}`;
  const owners = COMMANDS.filter(({ options }) => options.some((option) => option.name === name)).map(
    (owner) => owner.name,
  );
  const belongs = owners.length === 0 ? '' : `, it belongs to: ${owners.join(', ')}`;
  return `unknown option ${rawName} for ${command.name}${belongs}`;
}

function valueError(
  { name, value: label, choices, dashed }: CommandSpec['options'][number],
  value: string | undefined,
  inline: boolean,
): string | undefined {
  if (label === undefined) return value === undefined ? undefined : `option --${name} takes no value`;
  // "--config --json" is a forgotten value; "--config=--json" is meant.
  if (value === undefined || value === '' || (!inline && value.startsWith('-') && !dashed?.test(value)))
    return `option --${name} needs a value: ${label}`;
  if (choices === undefined || choices.includes(value)) return undefined;
  return `option --${name} must be one of ${choices.join(', ')}, got "${value}"${didYouMean(value, choices)}`;
}

function operandsError({ name, operands: spec }: CommandSpec, operands: readonly string[]): string | undefined {
  const extra = operands[spec?.max ?? 0];
  if (extra !== undefined) {
    const misplaced = COMMAND_NAMES.some((command) => command === extra);
    return `unexpected argument "${extra}"${misplaced ? ', a command comes first' : ''}`;
  }
  if (spec === undefined) return undefined;
  if (operands.length < spec.min) return `${name} needs ${spec.choices?.join(' or ') ?? `a ${spec.label}`}`;
  if (operands.includes('')) return `${name}: a ${spec.label} must not be empty`;
  const wrong = spec.choices && operands.find((operand) => !spec.choices?.includes(operand));
  if (wrong === undefined) return undefined;
  return `${spec.label} must be one of ${spec.choices?.join(', ')}, got "${wrong}"${didYouMean(wrong, spec.choices ?? [])}`;
}

function usageError(message: string, command?: CommandSpec): CommandLine {
  const topic = command === undefined ? '' : `${command.name} `;
  return { kind: 'usage-error', message: `rmwatch: ${message}\nTry: rmwatch ${topic}--help\n` };
}
