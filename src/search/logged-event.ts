import type { DeletionEvent } from '../event/deletion-event.js';

/** A deletion, or an attempt at one, as a line of the log tells it. */
export type LoggedDeletion = DeletionEvent;

/** What the record says of itself: a start, a stop, a reload, a loss. */
export interface RecordLine {
  readonly '@timestamp': string;
  readonly event: {
    readonly kind: string;
    readonly action?: string;
    readonly dataset?: string;
    readonly start?: string;
    readonly end?: string;
  };
  readonly rmwatch: Readonly<Record<string, unknown>>;
  readonly message?: string;
  readonly rule?: unknown;
}

export type LoggedLine =
  | { readonly kind: 'deletion'; readonly deletion: LoggedDeletion }
  | { readonly kind: 'record'; readonly record: RecordLine };

const TIMESTAMP = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{9}Z$/;

/**
 * Reads a line that any program may have written. undefined: torn, or no line of rmwatch. What other code touches of a
 * deletion has been looked at here; more members than these, of later versions, are welcome.
 */
export function readLoggedLine(text: string): LoggedLine | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isObject(value) || !isObject(value['event']) || !isTimestamp(value['@timestamp'])) return undefined;
  const { event, rmwatch } = value;
  if (!isText(event['kind'])) return undefined;
  if (event['dataset'] === 'rmwatch.deletion' && event['kind'] === 'event') {
    return isDeletion(value) ? { kind: 'deletion', deletion: value as unknown as LoggedDeletion } : undefined;
  }
  const named = isText(event['dataset']) && event['dataset'].startsWith('rmwatch.');
  if (!named || !areText(event, ['action', 'start', 'end']) || !areText(value, ['message'])) return undefined;
  return { kind: 'record', record: { ...value, rmwatch: isObject(rmwatch) ? rmwatch : {} } as unknown as RecordLine };
}

function isDeletion(value: Readonly<Record<string, unknown>>): boolean {
  const { event, process, user, rule, rmwatch, file, error, container } = value;
  return (
    isObject(event) &&
    isText(event['action']) &&
    areText(event, ['outcome']) &&
    isCount(event['sequence']) &&
    isObject(process) &&
    isCount(process['pid']) &&
    isText(process['name']) &&
    areText(process, ['executable', 'command_line', 'working_directory', 'start']) &&
    isTexts(process['args']) &&
    isParent(process['parent']) &&
    isUser(user) &&
    isObject(rule) &&
    Array.isArray(rule['name']) &&
    rule['name'].every(isText) &&
    isObject(rmwatch) &&
    areText(rmwatch, [
      'host_path',
      'login_uid',
      'requested_path',
      'cgroup',
      'moved_to',
      'attach',
      'mount_uid',
      'mount_gid',
    ]) &&
    isTexts(rmwatch['former_paths']) &&
    (rmwatch['freed_bytes'] === undefined || isCount(rmwatch['freed_bytes'])) &&
    (file === undefined || isFile(file)) &&
    (error === undefined || (isObject(error) && isText(error['code']))) &&
    (container === undefined || (isObject(container) && isText(container['id'])))
  );
}

function isTexts(value: unknown): boolean {
  return value === undefined || (Array.isArray(value) && value.every(isText));
}

function isUser(user: unknown): boolean {
  if (!isObject(user) || !isText(user['id']) || !areText(user, ['name'])) return false;
  const effective = user['effective'];
  return effective === undefined || (isObject(effective) && areText(effective, ['id', 'name']));
}

function isParent(parent: unknown): boolean {
  return parent === undefined || (isObject(parent) && isCount(parent['pid']) && areText(parent, ['name']));
}

function isFile(file: unknown): boolean {
  return (
    isObject(file) &&
    isText(file['path']) &&
    areText(file, ['name', 'directory', 'type', 'inode', 'device', 'uid', 'gid', 'mode', 'mtime']) &&
    (file['size'] === undefined || isCount(file['size']))
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && value >= 0;
}

/** As every line has it: RFC 3339, UTC, nanoseconds. */
export function isTimestamp(value: unknown): value is string {
  return typeof value === 'string' && TIMESTAMP.test(value) && !Number.isNaN(Date.parse(value));
}

function areText(value: Readonly<Record<string, unknown>>, keys: readonly string[]): boolean {
  return keys.every((key) => value[key] === undefined || isText(value[key]));
}
