import { fstatSync } from 'node:fs';
import tty from 'node:tty';
import type { Diagnostics } from '../diagnostics/diagnostics.js';
import type { EventLine } from '../event/deletion-event.js';
import { LineBuffer, type TakeLines } from '../event/line-buffer.js';
import { prettyLine } from '../event/pretty-line.js';
import type { Config } from '../model/config.js';
import { EventWriter } from '../output/event-writer.js';
import { LogRotation } from '../output/log-rotation.js';
import { DescriptorTarget, PathTarget } from '../output/output-target.js';
import { REMOVED } from '../output/sink.js';
import type { LineTap } from '../socket/event-socket.js';
import { colorWanted } from '../text/terminal-style.js';

const STDOUT = 1;

/** Where event lines go, in the form that the configuration asks for. */
export interface EventOutput {
  readonly writer: EventWriter;
  readonly lines: LineBuffer;
  /** Writes a line that is no event, behind those that were flushed, see EventWriter.writeNotice. */
  notice(line: string): boolean;
  /** Lines are JSON, and not the form for people, who read the daemon's own messages on the same terminal. */
  readonly isJson: boolean;
  /** Bounds the size of a log file; undefined: nothing does. */
  readonly rotation: LogRotation | undefined;
}

export interface EventOutputOptions {
  readonly diagnostics: Diagnostics;
  /** Gets every line as JSON, also those that the log has no room for. */
  readonly tap: LineTap;
  /** Called when standard output is a pipe without a reader. */
  readonly onReaderGone?: (() => void) | undefined;
}

/** Throws when the output cannot be opened. */
export function openEventOutput(
  log: Config['log'],
  { diagnostics, tap, onReaderGone }: EventOutputOptions,
): EventOutput {
  const toStdout = log.output === 'stdout';
  const toPipe = toStdout && fstatSync(STDOUT).isFIFO();
  const rotation = rotationOf(log, diagnostics, () => writer.reopen());
  const writer: EventWriter = new EventWriter({
    onWritten: (bytes) => rotation?.written(bytes),
    target: toStdout ? new DescriptorTarget('stdout', STDOUT) : new PathTarget(log.output),
    onTrouble: (trouble) => {
      if (trouble.code === 'EPIPE' && toPipe && onReaderGone !== undefined) onReaderGone();
      else if (trouble.code === REMOVED) diagnostics.warn({ ...trouble }, 'opening the log file again');
      else diagnostics.error({ ...trouble }, 'cannot write events');
    },
    onRecovered: (lostLines, seconds) =>
      diagnostics.warn({ lost_lines: lostLines, seconds }, 'events can be written again'),
  });
  const pretty = log.format === 'pretty' || (log.format === 'auto' && toStdout && tty.isatty(STDOUT));
  const color = toStdout && colorWanted(STDOUT, process.env);
  const form = pretty ? (line: string) => prettyLine(JSON.parse(line) as EventLine, { color }) : undefined;
  const write: TakeLines = (chunk, length, count) => writer.writeChunk(chunk, length, count);
  const take = form === undefined ? write : formed(form, write);
  // Before the log: one that takes nothing does not keep a line from those who read beside it.
  const lines = new LineBuffer((chunk, length, count) => {
    tap.offer(chunk, length, count);
    take(chunk, length, count);
  });
  const notice = (line: string): boolean => {
    // A notice without room comes again.
    const written = writer.writeNotice(form ? form(line) : line);
    if (written) tap.notice(line);
    return written;
  };
  return { writer, lines, notice, isJson: !pretty, rotation };
}

/** Hands on what `form` makes of each line. */
function formed(form: (line: string) => string, write: TakeLines): TakeLines {
  return (chunk, length, count) => {
    const lines = chunk.toString('utf8', 0, length).split('\n').slice(0, -1);
    const text = Buffer.from(lines.map((line) => `${form(line)}\n`).join(''));
    write(text, text.length, count);
  };
}

function rotationOf(log: Config['log'], diagnostics: Diagnostics, reopen: () => void): LogRotation | undefined {
  if (log.output === 'stdout' || log.maxBytes === Number.POSITIVE_INFINITY) return undefined;
  return new LogRotation({
    file: log.output,
    maxBytes: log.maxBytes,
    keep: log.keep,
    reopen,
    onRemoved: (removed) =>
      diagnostics.warn({ ...removed, keep: log.keep }, 'the oldest log file was removed (log.keep)'),
    onProblem: (message) => diagnostics.warn(message),
  });
}
