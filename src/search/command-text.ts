import { shellQuote } from '../text/shell-quote.js';

export interface ShownArgs {
  readonly args: readonly string[];
  /** They are not all of them. */
  readonly cut: boolean;
  /** Of all of them, as a line says. */
  readonly count: unknown;
  /** Characters that are shown. */
  readonly limit: number;
}

/** A command as a shell would take it. What is left out ends it as "...", with the number of all arguments. */
export function commandText({ args, cut, count, limit }: ShownArgs): string {
  const text = args.map(shellQuote).join(' ');
  if (!cut && text.length <= limit && !(Number(count) > args.length)) return text;
  const all = typeof count === 'number' ? ` (${count} arguments in all)` : '';
  return `${text.slice(0, limit)} ...${all}`;
}
