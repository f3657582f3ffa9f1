/** Stands in place of what was taken out. */
export const REDACTED = '[redacted]';

/** Words before values that are secrets, the default of `log.redact`. Names that end with one count, too: PGPASSWORD, --db-password. */
export const DEFAULT_REDACT = [
  'password',
  'passwd',
  'passphrase',
  'secret',
  'token',
  'apikey',
  'api-key',
  'api_key',
  'access-key',
  'access_key',
  'secret-key',
  'secret_key',
  'private-key',
  'private_key',
  'credential',
  'credentials',
  'authorization',
] as const;

/** Takes values after well-known words out of the arguments of a command. Every call reads each argument once. */
export type Redact = (args: readonly string[]) => readonly string[];

/**
 * `words` are plain text, compared without case. Redacted is:
 * - after `WORD=`: the value up to white space or `&`, or to its closing quote; in an option (`--WORD=value`) all of it;
 * - after `WORD:` (a header): all up to the closing quote that it stands in, the end of the line or of the argument;
 * - after an option that ends with the word (`--token value`): the whole next argument.
 */
export function redactor(words: readonly string[]): Redact {
  if (words.length === 0) return (args) => args;
  const alternatives = [...words]
    // The longest first: "credential" must not hide "credentials".
    .sort((a, b) => b.length - a.length)
    .map((word) => word.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'))
    .join('|');
  const named = new RegExp(`(?:${alternatives})["']?[ \\t]?[=:]`, 'gi');
  const option = new RegExp(`^-.*(?:${alternatives})$`, 'i');
  return (args) => {
    let secret = false;
    return args.map((arg) => {
      const whole = secret;
      secret = option.test(arg);
      return whole ? REDACTED : withoutValues(arg, named);
    });
  };
}

function withoutValues(arg: string, named: RegExp): string {
  let shown = '';
  let from = 0;
  named.lastIndex = 0;
  for (let found = named.exec(arg); found !== null; found = named.exec(arg)) {
    const header = arg[named.lastIndex - 1] === ':';
    let start = named.lastIndex;
    while (arg[start] === ' ' || arg[start] === '\t') start++;
    const end = valueEnd(arg, start, header);
    shown += arg.slice(from, start) + (end > start ? REDACTED : '');
    from = end;
    named.lastIndex = end;
  }
  return from === 0 ? arg : shown + arg.slice(from);
}

/** Where the value that begins at `start` ends. */
function valueEnd(arg: string, start: number, header: boolean): number {
  const first = arg[start];
  if (first === '"' || first === "'") {
    const close = arg.indexOf(first, start + 1);
    return close < 0 ? arg.length : close + 1;
  }
  if (arg.startsWith('-') && !header) return arg.length;
  const end = header ? /["'\r\n]/g : /[\s&"']/g;
  end.lastIndex = start;
  return end.exec(arg)?.index ?? arg.length;
}
