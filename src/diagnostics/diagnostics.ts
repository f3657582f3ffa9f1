import tty from 'node:tty';
import { type DestinationStream, type Logger, pino, symbols } from 'pino';
import type { LogLevel } from '../model/config.js';
import { colorWanted } from '../text/terminal-style.js';
import { type DiagnosticRecord, diagnosticLine } from './diagnostic-line.js';
import { diagnosticFields, ecsStart } from './ecs-form.js';
import { isJournal, priorityPrefix } from './journal.js';
import { StderrDestination } from './stderr-destination.js';

export type Diagnostics = Logger;

export interface DiagnosticsOptions {
  readonly level: LogLevel;
  /** auto: pretty on a terminal, JSON otherwise. */
  readonly format: 'auto' | 'json' | 'pretty';
  /** stderr unless a test says otherwise. */
  readonly descriptor?: number;
  readonly env?: NodeJS.ProcessEnv;
}

const STDERR = 2;

/** The daemon's messages about itself. Events never go this way: they are the product, these are about the producer. */
export function createDiagnostics(options: DiagnosticsOptions): Diagnostics {
  const { descriptor = STDERR, env = process.env } = options;
  const pretty = options.format === 'pretty' || (options.format === 'auto' && tty.isatty(descriptor));
  const color = colorWanted(descriptor, env);
  const form: Form = pretty
    ? (line) => `${diagnosticLine(JSON.parse(line) as DiagnosticRecord, color)}\n`
    : (line) => line;
  const prefix = isJournal(descriptor, env) ? priorityPrefix : () => '';
  return pino(
    {
      level: options.level,
      // The journal, or whoever collects stderr, adds process and host itself.
      base: null,
      messageKey: 'message',
      errorKey: 'error',
      timestamp: ecsStart,
      formatters: { level: (label) => ({ log: { level: label } }), log: diagnosticFields },
      // diagnosticFields() has put it into its form.
      serializers: { error: (fields: unknown) => fields },
    },
    new LevelledLines(descriptor, form, prefix),
  );
}

type Form = (jsonLine: string) => string;
type Prefix = (level: LogLevel) => string;

/** Where pino writes. pino tells the level of each line beside it, in `lastLevel`, to those who ask for metadata. */
class LevelledLines implements DestinationStream {
  readonly [symbols.needsMetadataGsym] = true;
  lastLevel = pino.levels.values['info']!;
  private readonly destination: StderrDestination;

  constructor(
    descriptor: number,
    private readonly form: Form,
    private readonly prefix: Prefix,
  ) {
    this.destination = new StderrDestination(descriptor, (count) => this.droppedLine(count));
  }

  write(jsonLine: string): void {
    const level = pino.levels.labels[this.lastLevel] as LogLevel;
    this.destination.write(`${this.prefix(level)}${this.form(jsonLine)}`);
  }

  private droppedLine(count: number): string {
    const rest = JSON.stringify({ rmwatch: { dropped: count }, message: 'diagnostics were dropped' }).slice(1);
    return `${this.prefix('warn')}${this.form(`{"log":{"level":"warn"}${ecsStart()},${rest}\n`)}`;
  }
}
