import { base64IfLossy, jsonOf, jsonPartOf } from '../text/byte-text.js';
import type { Redact } from '../text/redact.js';

export interface ProcessArgsOptions {
  /** Bytes that the arguments and their number add to each line; 0 leaves the arguments out, Infinity cuts nothing. */
  readonly limitBytes: number;
  /** Adds `process.command_line`. */
  readonly commandLine: boolean;
  readonly redact: Redact;
}

/** The arguments as parts of lines. */
export interface ProcessArgsJson {
  /** `,"args":[…],"args_count":…` inside "process". */
  readonly process: string;
  /** `,"args_truncated":true,"args_bytes":[…]` inside "rmwatch". */
  readonly rmwatch: string;
  /** The same of all that the kernel sent, for a line of its own; undefined when nothing was left out. */
  readonly whole: { readonly process: string; readonly rmwatch: string } | undefined;
}

/** What the kernel side sent of the arguments of a process. */
export interface SentArgs {
  /** Latin1 view; undefined: it could not read them. */
  readonly args: readonly string[] | undefined;
  /** It sent only the first of them. */
  readonly cut: boolean;
  /** Of all of them; undefined: not known. */
  readonly count: number | undefined;
}

const TRUNCATED = ',"args_truncated":true';

/** Values after the words of `log.redact` are taken out before anything is cut. */
export function describeArgs({ args: sent, cut, count }: SentArgs, options: ProcessArgsOptions): ProcessArgsJson {
  const { limitBytes, commandLine, redact } = options;
  if (limitBytes === 0 || sent === undefined) return { process: countJson(count), rmwatch: '', whole: undefined };
  const args = redact(sent);
  // The brackets belong to the list.
  const listBytes = limitBytes - argsJson([], count).length + 2;
  const whole = withinBytes(args, cut ? listBytes - TRUNCATED.length : listBytes);
  const shortened = whole !== args;
  const shown = shortened && !cut ? withinBytes(args, listBytes - TRUNCATED.length) : whole;
  const line = commandLine ? `,"command_line":"${jsonPartOf(args.join(' '))}${cut ? '…' : ''}"` : '';
  return {
    process: argsJson(shown, count) + line,
    rmwatch: detailsJson(shown, cut || shortened),
    whole: shortened ? { process: argsJson(args, count), rmwatch: detailsJson(args, cut) } : undefined,
  };
}

function argsJson(args: readonly string[], count: number | undefined): string {
  return `,"args":[${args.map(jsonOf).join(',')}]${countJson(count)}`;
}

function countJson(count: number | undefined): string {
  return count === undefined ? '' : `,"args_count":${count}`;
}

function detailsJson(args: readonly string[], truncated: boolean): string {
  // All in base64 when one of them is not UTF-8, so that one list can be read instead of the other.
  const lossy = args.some((arg) => base64IfLossy(arg) !== undefined);
  const bytes = lossy ? args.map((arg) => Buffer.from(arg, 'latin1').toString('base64')) : undefined;
  return (truncated ? TRUNCATED : '') + (bytes === undefined ? '' : `,"args_bytes":${JSON.stringify(bytes)}`);
}

/** The first arguments whose JSON list takes at most `limit` bytes; the last of them may be cut. `args` itself: all of them. */
function withinBytes(args: readonly string[], limit: number): readonly string[] {
  if (limit === Number.POSITIVE_INFINITY) return args;
  // The brackets.
  let left = limit - 2;
  for (const [index, arg] of args.entries()) {
    const comma = index === 0 ? 0 : 1;
    const bytes = Buffer.byteLength(jsonOf(arg)) + comma;
    if (bytes > left) {
      const part = partWithin(arg, left - comma - 2);
      return part === '' ? args.slice(0, index) : [...args.slice(0, index), part];
    }
    left -= bytes;
  }
  return args;
}

/** The longest beginning of whole characters that takes at most `limit` bytes inside a JSON string. */
function partWithin(latin1: string, limit: number): string {
  const text = Buffer.from(latin1.slice(0, Math.max(limit, 0)), 'latin1').toString('utf8');
  let length = 0;
  let bytes = 0;
  for (const character of text) {
    bytes += Buffer.byteLength(JSON.stringify(character)) - 2;
    // U+FFFD stands for bytes that are no character, or only its beginning: nothing behind it can be placed.
    if (bytes > limit || character === '\ufffd') break;
    length += Buffer.byteLength(character);
  }
  return latin1.slice(0, length);
}
