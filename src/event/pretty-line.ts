import { byteText } from '../text/byte-count.js';
import { escapeControl } from '../text/escape.js';
import { localTime } from '../text/local-time.js';
import { type Paint, painter } from '../text/terminal-style.js';
import {
  type BurstEvent,
  type DaemonEvent,
  type DeletionEvent,
  type EventLine,
  type EventsLostEvent,
  isBurst,
  isDaemonLine,
  isDeletion,
  isEventsLost,
  type ProcessArgsEvent,
} from './deletion-event.js';

export interface PrettyOptions {
  readonly color: boolean;
  /** Shows the date, for lines that may be of any day. */
  readonly date?: boolean;
}

/** Widths of the columns, in characters; what is wider moves the rest of its line. */
const ACTION_WIDTH = 7;
const OUTCOME_WIDTH = 9;
const SIZE_WIDTH = 15;
const PATH_WIDTH = 40;
const PROCESS_WIDTH = 20;
const USER_WIDTH = 10;

/** One line for a person at a terminal, without its newline. */
export function prettyLine(event: EventLine, { color, date = false }: PrettyOptions): string {
  const paint = painter(color);
  const time = paint('dim', localTime(event['@timestamp'], { date }));
  if (isDeletion(event)) return deletionLine(event, time, paint);
  if (isBurst(event)) return burstLine(event, time, paint);
  if (isDaemonLine(event)) return daemonLine(event, time, paint);
  return isEventsLost(event) ? lostLine(event, time, paint) : argsLine(event, time, paint);
}

function deletionLine(event: DeletionEvent, time: string, paint: Paint): string {
  const succeeded = event.event.outcome === 'success';
  const outcome = succeeded ? 'ok' : escapeControl(event.error?.code ?? event.event.outcome ?? 'unknown');
  return [
    time,
    paint(succeeded ? 'red' : 'yellow', event.event.action.padEnd(ACTION_WIDTH)),
    paint(succeeded ? 'green' : 'yellow', outcome.padEnd(OUTCOME_WIDTH)),
    sizes(event).padStart(SIZE_WIDTH),
    paint('bold', path(event).padEnd(PATH_WIDTH)),
    `${escapeControl(event.process.name)}[${event.process.pid}]`.padEnd(PROCESS_WIDTH),
    escapeControl(event.user.name ?? event.user.id).padEnd(USER_WIDTH),
    paint('cyan', event.rule.name.map(escapeControl).join(',')),
  ].join('  ');
}

function lostLine(event: EventsLostEvent, time: string, paint: Paint): string {
  const counts = Object.entries(event.rmwatch.lost).map(([reason, count]) => `${reason}=${count}`);
  return [time, paint('red', 'LOST'.padEnd(ACTION_WIDTH)), escapeControl(counts.join(' '))].join('  ');
}

function daemonLine({ log, message }: DaemonEvent, time: string, paint: Paint): string {
  return [time, paint(log.level === 'warn' ? 'yellow' : 'dim', 'rmwatch'), escapeControl(message)].join('  ');
}

function burstLine({ log, message }: BurstEvent, time: string, paint: Paint): string {
  return [
    time,
    paint(log.level === 'warn' ? 'red' : 'yellow', 'BURST'.padEnd(ACTION_WIDTH)),
    escapeControl(message),
  ].join('  ');
}

function argsLine(event: ProcessArgsEvent, time: string, paint: Paint): string {
  return [
    time,
    paint('dim', 'args'.padEnd(ACTION_WIDTH)),
    `${escapeControl(event.message)}: ${event.process.args?.map(escapeControl).join(' ') ?? ''}`,
  ].join('  ');
}

/** The released space says more than the size, which only stands for it when nothing was released. */
function sizes(event: DeletionEvent): string {
  const size = event.file?.size;
  const freed = event.rmwatch.freed_bytes;
  if (freed !== undefined) return `${byteText(freed)} freed`;
  return size === undefined ? '' : byteText(size);
}

function path(event: DeletionEvent): string {
  const { path_complete, moved_to, moved_to_complete, former_paths } = event.rmwatch;
  const text = shownPath(event.file?.path, path_complete);
  if (event.event.action === 'move') return `${text} -> ${shownPath(moved_to, moved_to_complete === true)}`;
  return former_paths === undefined ? text : `${text} (was ${former_paths.map(escapeControl).join(', ')})`;
}

function shownPath(path: string | undefined, complete: boolean): string {
  const text = escapeControl(path ?? '?');
  return complete ? text : `${text} (incomplete)`;
}
