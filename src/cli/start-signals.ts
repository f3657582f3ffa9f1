/**
 * Takes the signals that would end the daemon by default. The program loads this module first, so that they are taken
 * from its first line on, while the other modules are still being loaded.
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

const STOP = ['SIGTERM', 'SIGINT'] as const;
const reloads = new Signals<'SIGHUP'>();
const stops = new Signals<(typeof STOP)[number]>();

/** `handler` runs for each SIGHUP from now on, and at once when one came before any handler. */
export function onReloadSignal(handler: () => void): void {
  reloads.handle(handler);
}

/** As onReloadSignal, for SIGTERM and SIGINT. */
export function onStopSignal(handler: (signal: (typeof STOP)[number]) => void): void {
  stops.handle(handler);
}

/** The default command is `run`. Other commands end by any of these signals, as programs do. */
const [, , command = ''] = process.argv;
if (command === 'run' || command.startsWith('-')) {
  for (const signal of IGNORED) process.on(signal, () => {});
  process.on('SIGHUP', () => reloads.receive('SIGHUP'));
  for (const signal of STOP) process.on(signal, () => stops.receive(signal));
}
