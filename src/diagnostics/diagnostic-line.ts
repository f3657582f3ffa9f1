import type { LogLevel } from '../model/config.js';
import { escapeControl } from '../text/escape.js';
import { type Paint, painter, type Style } from '../text/terminal-style.js';

const LEVEL_STYLES: Readonly<Record<LogLevel, Style>> = {
  trace: 'dim',
  debug: 'dim',
  info: 'green',
  warn: 'yellow',
  error: 'red',
  fatal: 'red',
};

const LEVEL_WIDTH = 5;
/** A value made of these needs no quotes. */
const PLAIN_VALUE = /^[^\s"=\\]+$/;

/** A message of the daemon, parsed. */
export interface DiagnosticRecord {
  readonly '@timestamp': string;
  readonly log: { readonly level: LogLevel };
  readonly message?: string;
  readonly error?: { readonly message?: string; readonly code?: string };
  readonly rmwatch?: Readonly<Record<string, unknown>>;
}

/** A diagnostic for a person: `12:34:56 WARN  message key=value`, without its newline. */
export function diagnosticLine(record: DiagnosticRecord, color: boolean): string {
  const paint = painter(color);
  const { log, message, error, rmwatch = {} } = record;
  const levelText = escapeControl(String(log.level).toUpperCase()).padEnd(LEVEL_WIDTH);
  const parts = [
    paint('dim', localTime(record['@timestamp'])),
    paint(LEVEL_STYLES[log.level] ?? 'bold', levelText),
    ...(message === undefined ? [] : [escapeControl(message)]),
    ...Object.entries(rmwatch).map(([key, value]) => field(key, value, paint)),
    ...errorParts(error, paint),
  ];
  return parts.join(' ');
}

/** What happened; the stack is for the JSON form. A message mostly names its code. */
function errorParts(error: DiagnosticRecord['error'], paint: Paint): string[] {
  if (error?.message !== undefined) return [field('error', error.message, paint)];
  return error?.code === undefined ? [] : [field('code', error.code, paint)];
}

function localTime(time: string): string {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return '--:--:--';
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':');
}

function field(key: string, value: unknown, paint: Paint): string {
  return `${paint('dim', `${escapeControl(key)}=`)}${escapeControl(valueText(value))}`;
}

function valueText(value: unknown): string {
  if (typeof value !== 'string') return JSON.stringify(value);
  return PLAIN_VALUE.test(value) ? value : JSON.stringify(value);
}
