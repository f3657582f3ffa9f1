import { shellQuote } from '../text/shell-quote.js';

/** Characters of a command line that are shown. */
const COMMAND_MAX = 2_000;

export interface ShownArgs {
  readonly args: readonly string[];
  /** They are not all of them. */
  readonly cut: boolean;
  /** Of all of them, as a line says. */
  readonly count: unknown;
}

/** A command as a shell would take it. What is left out ends it as "...", with the number of all arguments. */
export function commandText({ args, cut, count }: ShownArgs): string {
  const text = args.map(shellQuote).join(' ');
  if (!cut && text.length <= COMMAND_MAX && !(Number(count) > args.length)) return text;
  const all = typeof count === 'number' ? ` (${count} arguments in all)` : '';
  return `${text.slice(0, COMMAND_MAX)} ...${all}`;
}
