import type { DeletionEvent } from './deletion-event.js';

/**
 * Most bytes of a line, its newline included. journald splits lines of more than LineMax=, by default 48 KiB (49,152
 * bytes), and the pieces are no events any more: a deletion could hide behind a name that makes its line long enough.
 */
export const LINE_BYTES_MAX = 48_000;

/** Bytes of `rule.name` that are kept when a line is too long: more than a hundred watches. */
const RULE_BYTES_MAX = 8_192;
/** Bytes of the path that are kept in the message. */
const MESSAGE_PATH_BYTES_MAX = 256;

type Fields = Record<string, unknown>;

type LeftOut<Section extends 'process' | 'file' | 'rmwatch'> = readonly [
  Section,
  readonly (keyof NonNullable<DeletionEvent[Section]>)[],
];

interface Event {
  message: string;
  readonly event: Fields;
  readonly file?: Fields & { path: string };
  readonly process: Fields;
  readonly rule: { name: string[] };
  readonly rmwatch: Fields & { cut?: string[] };
}

/**
 * What is left out of a line that is too long, in this order, until it fits. First what other fields tell as well; a path
 * is left out as a whole, as a part of it would look like another path.
 */
const LEFT_OUT: readonly (LeftOut<'process'> | LeftOut<'file'> | LeftOut<'rmwatch'>)[] = [
  ['process', ['command_line']],
  ['file', ['directory']],
  ['rmwatch', ['args_bytes']],
  ['process', ['args']],
  ['process', ['working_directory']],
  ['rmwatch', ['cgroup']],
  ['rmwatch', ['requested_path_bytes', 'requested_path']],
  ['process', ['executable']],
  ['rmwatch', ['moved_to_host_path_bytes', 'moved_to_host_path']],
  ['rmwatch', ['host_path_bytes', 'host_path']],
  ['rmwatch', ['moved_to_bytes']],
  ['rmwatch', ['moved_to']],
  ['rmwatch', ['former_paths_bytes']],
  ['rmwatch', ['former_paths']],
  ['rmwatch', ['path_bytes']],
];

/** The line of an event, cut to LINE_BYTES_MAX; `rmwatch.cut` names the fields that were left out or shortened. */
export function cutToLimit(line: string): string {
  const event = JSON.parse(line) as Event;
  const cut: string[] = [];
  event.rmwatch.cut = cut;
  if (shortenRules(event)) cut.push('rule.name');
  if (fits(event)) return JSON.stringify(event);
  if (shortenMessage(event)) cut.push('message');
  for (const [section, keys] of LEFT_OUT) {
    if (fits(event)) return JSON.stringify(event);
    const fields = event[section];
    for (const key of keys) {
      if (fields?.[key] === undefined) continue;
      delete fields[key];
      cut.push(`${section}.${key}`);
    }
  }
  if (!fits(event) && event.file !== undefined) {
    cut.push('file.path');
    event.rmwatch['path_complete'] = false;
    const excess = Buffer.byteLength(JSON.stringify(event)) + 1 - LINE_BYTES_MAX;
    event.file.path = lastOf(event.file.path, Buffer.byteLength(JSON.stringify(event.file.path)) - excess);
  }
  return JSON.stringify(event);
}

function fits(event: Event): boolean {
  return Buffer.byteLength(JSON.stringify(event)) < LINE_BYTES_MAX;
}

function shortenRules({ rule }: Event): boolean {
  let bytes = 0;
  const end = rule.name.findIndex((name) => {
    // Names of watches are ASCII: two quotes and a comma more.
    bytes += name.length + 3;
    return bytes > RULE_BYTES_MAX;
  });
  if (end < 0) return false;
  rule.name.length = end;
  return true;
}

/** The message begins with the action and the path, and where a move leads to, which other fields tell as well. */
function shortenMessage(event: Event): boolean {
  const { message, file, rmwatch } = event;
  if (file === undefined) return false;
  const target = rmwatch['moved_to'];
  const paths = [file.path, ...(typeof target === 'string' ? [target] : [])];
  const short = paths.map((path) => lastOf(path, MESSAGE_PATH_BYTES_MAX));
  if (short.every((text, index) => text === paths[index])) return false;
  const marked = short.map((text, index) => (text === paths[index] ? text : `…${text}`));
  const before = `${event.event['action']} `;
  event.message = `${before}${marked.join(' to ')}${message.slice(before.length + paths.join(' to ').length)}`;
  return true;
}

/** As much of the end of `text` as has `bytes` bytes in JSON, quotes included. */
function lastOf(text: string, bytes: number): string {
  let start = text.length;
  let used = 2;
  while (start > 0) {
    const isPair = start > 1 && /[\udc00-\udfff]/.test(text[start - 1]!);
    const next = start - (isPair ? 2 : 1);
    used += Buffer.byteLength(JSON.stringify(text.slice(next, start))) - 2;
    if (used > bytes) break;
    start = next;
  }
  return text.slice(start);
}
