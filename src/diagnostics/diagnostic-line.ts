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

/** A diagnostic for a person: `12:34:56 WARN  message key=value`, without its newline. */
export function diagnosticLine(record: Readonly<Record<string, unknown>>, color: boolean): string {
  const paint = painter(color);
  const { level, time, message, ...fields } = record;
  const levelText = escapeControl(String(level).toUpperCase()).padEnd(LEVEL_WIDTH);
  const parts = [
    paint('dim', localTime(time)),
    paint(LEVEL_STYLES[level as LogLevel] ?? 'bold', levelText),
    ...(message === undefined ? [] : [escapeControl(String(message))]),
    ...Object.entries(fields).map(([key, value]) => field(key, value, paint)),
  ];
  return parts.join(' ');
}

function localTime(time: unknown): string {
  const date = new Date(String(time));
  if (Number.isNaN(date.getTime())) return '--:--:--';
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':');
}

function field(key: string, value: unknown, paint: Paint): string {
  return `${paint('dim', `${escapeControl(key)}=`)}${escapeControl(valueText(value))}`;
}

/** What happened, from an error; its stack is for the JSON form. */
function valueText(value: unknown): string {
  if (typeof value === 'object' && value !== null && 'message' in value && 'stack' in value) {
    return JSON.stringify(value.message);
  }
  if (typeof value !== 'string') return JSON.stringify(value);
  return PLAIN_VALUE.test(value) ? value : JSON.stringify(value);
}
