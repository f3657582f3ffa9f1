import { EXIT } from './exit-codes.js';
import type { CommandIo } from './io.js';
import { COMMANDS, type CommandSpec, HELP, type OptionSpec } from './options.js';

export type CompletionShell = 'bash' | 'zsh';

export function completion({ shell }: { readonly shell: CompletionShell }, io: CommandIo): number {
  io.stdout.write(shell === 'bash' ? bashCompletion() : zshCompletion());
  return EXIT.ok;
}

/** Without the bash-completion package: only what bash itself has. */
function bashCompletion(): string {
  const names = COMMANDS.map(({ name }) => name).join(' ');
  return `# bash completion for rmwatch
_rmwatch() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} command=run words=
  [[ $COMP_CWORD -gt 1 && \${COMP_WORDS[1]} != -* ]] && command=\${COMP_WORDS[1]}
  case $command:$previous in
${COMMANDS.flatMap((command) => command.options.filter(hasValue).map((option) => bashValue(command, option))).join('\n')}
  esac
  case $command in
${COMMANDS.map(bashWords).join('\n')}
  esac
  [[ $COMP_CWORD -eq 1 && $current != -* ]] && words="${names}"
  [[ $COMP_CWORD -eq 1 && $current == -* ]] && words="$words --version"
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -o default -F _rmwatch rmwatch
`;
}

/** With an empty COMPREPLY "-o default" completes file names. */
function bashValue({ name }: CommandSpec, { name: option, choices }: OptionSpec): string {
  const reply =
    choices === undefined
      ? 'COMPREPLY=()'
      : `mapfile -t COMPREPLY < <(compgen -W "${choices.join(' ')}" -- "$current")`;
  return `    ${name}:--${option}) ${reply}; return ;;`;
}

function bashWords({ name, options, operands }: CommandSpec): string {
  const words = [...[...options, HELP].map((option) => `--${option.name}`), ...(operands?.choices ?? [])];
  return `    ${name}) words="${words.join(' ')}" ;;`;
}

function zshCompletion(): string {
  return `#compdef rmwatch
# zsh completion for rmwatch
_rmwatch() {
  local command=run
  if (( CURRENT > 2 )) && [[ $words[2] != -* ]]; then
    command=$words[2]
    shift words
    (( CURRENT-- ))
  elif (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then
    local -a commands=(
${COMMANDS.map(({ name, summary }) => `      ${zshQuote(`${name}:${summary}`)}`).join('\n')}
    )
    _describe command commands
    return
  fi
  case $command in
${COMMANDS.map(zshArguments).join('\n')}
  esac
}
if [[ $funcstack[1] == _rmwatch ]]; then _rmwatch "$@"; else compdef _rmwatch rmwatch; fi
`;
}

function zshArguments({ name, options, operands }: CommandSpec): string {
  const specs = [...options, HELP].map((option) => {
    const text = option.description.replace(/[[\]:]/g, '\\$&');
    const action = option.choices === undefined ? '_files' : `(${option.choices.join(' ')})`;
    return hasValue(option) ? `--${option.name}=[${text}]:${option.value}:${action}` : `--${option.name}[${text}]`;
  });
  if (operands !== undefined) {
    const action = operands.choices === undefined ? '_files' : `(${operands.choices.join(' ')})`;
    specs.push(`${operands.max > 1 ? '*' : '1'}:${operands.label}:${action}`);
  }
  return `    ${name}) _arguments ${specs.map(zshQuote).join(' ')} ;;`;
}

function zshQuote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function hasValue(option: OptionSpec): boolean {
  return option.value !== undefined;
}
