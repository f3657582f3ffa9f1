import { fstatSync } from 'node:fs';
import tty from 'node:tty';
import type { Config } from '../config/config.js';
import { LineBuffer } from '../deletion/line-buffer.js';
import type { EventLine } from '../output/deletion-event.js';
import type { Diagnostics } from '../output/diagnostics.js';
import { EventWriter } from '../output/event-writer.js';
import { DescriptorTarget, PathTarget } from '../output/output-target.js';
import { prettyLine } from '../output/pretty-line.js';
import { REMOVED } from '../output/sink.js';
import { colorWanted } from '../output/terminal-style.js';

const STDOUT = 1;

/** Where event lines go, in the form that the configuration asks for. */
export interface EventOutput {
  readonly writer: EventWriter;
  readonly lines: LineBuffer;
  /** Writes a line that is no event, behind those that were flushed, see EventWriter.writeNotice. */
  notice(line: string): boolean;
}

/** Throws when the output cannot be opened. */
export function openEventOutput(log: Config['log'], diagnostics: Diagnostics): EventOutput {
  const toStdout = log.output === 'stdout';
  if (toStdout) fstatSync(STDOUT);
  const writer = new EventWriter({
    target: toStdout ? new DescriptorTarget('stdout', STDOUT) : new PathTarget(log.output),
    onTrouble: (trouble) => {
      if (trouble.code === REMOVED) diagnostics.warn({ ...trouble }, 'opening the log file anew');
      else diagnostics.error({ ...trouble }, 'cannot write events');
    },
    onRecovered: (lostLines, seconds) => diagnostics.warn({ lostLines, seconds }, 'events can be written again'),
  });
  const pretty = log.format === 'pretty' || (log.format === 'auto' && toStdout && tty.isatty(STDOUT));
  const color = toStdout && colorWanted(STDOUT, process.env);
  const form = pretty ? (line: string) => prettyLine(JSON.parse(line) as EventLine, { color }) : undefined;
  const lines = new LineBuffer((chunk, length, count) => writer.writeChunk(chunk, length, count), form);
  return { writer, lines, notice: (line) => writer.writeNotice(form ? form(line) : line) };
}
