/**
 * Takes the signals that would end the daemon by default. main.ts does so before it loads the other modules, and this one
 * imports nothing, so that they are taken from the first statement on.
 */

/** These have no meaning for the daemon. SIGUSR1 would make Node.js open its inspector. */
const IGNORED = [
  'SIGUSR1',
  'SIGUSR2',
  'SIGALRM',
  'SIGVTALRM',
  'SIGPROF',
  'SIGIO',
  'SIGPWR',
  'SIGSTKFLT',
] as const satisfies readonly NodeJS.Signals[];

const STOP = ['SIGTERM', 'SIGINT'] as const;
export type StopSignal = (typeof STOP)[number];

export interface StartSignals {
  /** `handler` runs for each SIGHUP from now on, and at once when one came before any handler. */
  onReload(handler: () => void): void;
  /** As onReload, for SIGTERM and SIGINT. */
  onStop(handler: (signal: StopSignal) => void): void;
}

/** The signals that mean something, and what came of each before there was a handler. */
class Signals<S extends NodeJS.Signals> {
  private handler: ((signal: S) => void) | undefined;
  private waiting: S | undefined;

  receive(signal: S): void {
    if (this.handler === undefined) this.waiting = signal;
    else this.handler(signal);
  }

  handle(handler: (signal: S) => void): void {
    const { waiting } = this;
    this.handler = handler;
    this.waiting = undefined;
    if (waiting !== undefined) handler(waiting);
  }
}

/** `argv`: the command line. Commands other than `run` are ended by any of these signals, as programs are. */
export function takeSignals(argv: readonly string[]): StartSignals {
  const reloads = new Signals<'SIGHUP'>();
  const stops = new Signals<StopSignal>();
  const [command = ''] = argv;
  // Options alone belong to `run`.
  if (command === 'run' || command.startsWith('-')) {
    process.on('SIGHUP', (signal) => reloads.receive(signal as 'SIGHUP'));
    for (const signal of STOP) process.on(signal, () => stops.receive(signal));
    for (const signal of IGNORED) process.on(signal, () => {});
  }
  return { onReload: (handler) => reloads.handle(handler), onStop: (handler) => stops.handle(handler) };
}
