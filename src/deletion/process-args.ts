import { base64IfLossy, jsonOf, jsonPartOf } from '../text/byte-text.js';
import type { Redact } from '../text/redact.js';

export interface ProcessArgsOptions {
  /** Bytes that the arguments and their number add to each line, without `commandLine`; 0 leaves the arguments out, Infinity cuts nothing. */
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
const BYTES_KEY = ',"args_bytes":';

/** Values after the words of `log.redact` are taken out before anything is cut. */
export function describeArgs({ args: sent, cut, count }: SentArgs, options: ProcessArgsOptions): ProcessArgsJson {
  const { limitBytes, commandLine, redact } = options;
  if (limitBytes === 0 || sent === undefined) return { process: countJson(count), rmwatch: '', whole: undefined };
  const args = redact(sent);
  const bytes = limitBytes - argsJson([], count).length - (isLossy(args) ? BYTES_KEY.length + 2 : 0);
  const whole = withinBytes(args, cut ? bytes - TRUNCATED.length : bytes);
  const shortened = whole !== args;
  const shown = shortened && !cut ? withinBytes(args, bytes - TRUNCATED.length) : whole;
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
  const bytes = isLossy(args) ? `${BYTES_KEY}[${args.map(base64Of).join(',')}]` : '';
  return (truncated ? TRUNCATED : '') + bytes;
}

function isLossy(args: readonly string[]): boolean {
  return args.some((arg) => base64IfLossy(arg) !== undefined);
}

function base64Of(arg: string): string {
  return `"${Buffer.from(arg, 'latin1').toString('base64')}"`;
}

/**
 * The first arguments that take at most `limit` bytes between the brackets of their lists; the last of them may be cut.
 * `args` itself: all of them.
 */
function withinBytes(args: readonly string[], limit: number): readonly string[] {
  if (limit === Number.POSITIVE_INFINITY) return args;
  const lists = isLossy(args) ? 2 : 1;
  let left = limit;
  for (const [index, arg] of args.entries()) {
    const commas = index === 0 ? 0 : lists;
    const bytes = Buffer.byteLength(jsonOf(arg)) + (lists === 2 ? base64Of(arg).length : 0) + commas;
    if (bytes > left) {
      const room = left - commas - 2 * lists;
      // Base64 makes four bytes of three, and up to two more; JSON has no byte in less than one.
      const part = partWithin(arg, lists === 2 ? Math.floor((3 * room - 8) / 7) : room);
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
