import { prettyLine } from '../event/pretty-line.js';
import { commandText } from '../search/command-text.js';
import type { Found } from '../search/line-judge.js';
import type { LoggedDeletion, RecordLine } from '../search/logged-event.js';
import { escapeControl } from '../text/escape.js';
import { localTime } from '../text/local-time.js';
import { colorWanted, painter } from '../text/terminal-style.js';

const STDOUT = 1;
/** The column of the operations, see pretty-line.ts. */
const LABEL_WIDTH = 7;

/** As many characters as the 4 KiB that the kernel side takes can become, whatever bytes they are. */
const COMMAND_MAX = 32_768;

export interface TextForm {
  readonly json: boolean;
  /** The text goes to a terminal. */
  readonly terminal: boolean;
  /** Shows the date in the form for people. */
  readonly date: boolean;
  /** Shows the arguments of the process in a line below, in the form for people. */
  readonly args?: boolean;
}

/** Writes what was found in one form: for people, or the line as it is. */
export function foundText({ json, terminal, date, args = false }: TextForm): (found: Found) => string {
  if (json) return ({ line }) => jsonText(line, terminal);
  const color = terminal && colorWanted(STDOUT, process.env);
  return ({ deletion }) => `${prettyLine(deletion, { color, date })}\n${args ? argsText(deletion) : ''}`;
}

function argsText({ process, rmwatch }: LoggedDeletion): string {
  const { args = [], args_count: count } = process;
  if (args.length === 0) return '';
  const command = commandText({ args, cut: rmwatch.args_truncated === true, count, limit: COMMAND_MAX });
  return `    ${escapeControl(command)}\n`;
}

/** As foundText, for lines in which the record speaks of itself; of any version, so that only their message is shown. */
export function recordText({ json, terminal, date }: TextForm): (record: RecordLine, line: string) => string {
  if (json) return (_record, line) => jsonText(line, terminal);
  const paint = painter(terminal && colorWanted(STDOUT, process.env));
  return (record) => {
    const lost = record.event.kind === 'pipeline_error';
    const word = lost ? 'LOST' : record.event.kind === 'alert' ? 'BURST' : 'rmwatch';
    const label = paint(word === 'rmwatch' ? 'dim' : 'red', word.padEnd(LABEL_WIDTH));
    const time = paint('dim', localTime(record['@timestamp'], { date }));
    return `${time}  ${label}  ${escapeControl(record.message ?? record.event.action ?? '')}\n`;
  };
}

/** On a terminal with what it would obey written as JSON allows. */
function jsonText(line: string, terminal: boolean): string {
  if (!terminal) return `${line}\n`;
  const escaped = line.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu, (character) =>
    [...Array(character.length).keys()]
      .map((at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`)
      .join(''),
  );
  return `${escaped}\n`;
}
