import { COMMANDS, type CommandSpec, HELP, type OptionSpec } from './options.js';

export function overviewHelp(): string {
  return `Reports which files disappeared from this host, who removed them, and how.

Usage: rmwatch COMMAND [OPTION...]

Commands:
${columns(COMMANDS.map(({ name, summary }) => [name, summary]))}
Every command explains its options: rmwatch COMMAND --help

Exit codes:
${columns([
  ['0', 'success'],
  ['1', 'failure while running'],
  ['2', 'wrong usage'],
  ['3', 'nothing found'],
  ['4', 'not privileged enough'],
  ['6', 'wrong configuration'],
  ['69', 'this kernel cannot be hooked'],
])}`;
}

export function commandHelp(command: CommandSpec): string {
  const { name, summary, details } = command;
  const options = [...command.options, HELP].map((option): [string, string] => [
    optionLabel(option),
    optionText(option),
  ]);
  return `${usageLine(command)}

${summary[0]?.toUpperCase()}${summary.slice(1)}.
${details === undefined ? '' : `${details}\n`}
Options:
${columns(options)}${name === 'run' ? '\nOther commands: rmwatch --help\n' : ''}`;
}

export function usageLine({ name, operands, options }: CommandSpec): string {
  const words = [`rmwatch ${name}`];
  if (operands !== undefined) {
    const label = `${operands.choices?.join('|') ?? operands.label}${operands.max > 1 ? '...' : ''}`;
    words.push(operands.min === 0 ? `[${label}]` : label);
  }
  for (const option of options) words.push(`[${optionLabel(option)}]${option.repeatable === true ? '...' : ''}`);
  return `Usage: ${words.join(' ')}`;
}

function optionLabel({ name, value }: OptionSpec): string {
  return value === undefined ? `--${name}` : `--${name} ${value}`;
}

function optionText({ description, choices }: OptionSpec): string {
  return choices === undefined ? description : `${description}: ${choices.join(', ')}`;
}

function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}\n`).join('');
}
