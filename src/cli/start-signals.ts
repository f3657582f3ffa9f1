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

let reloadWaits = false;
let reload = (): void => {
  reloadWaits = true;
};

/** `handler` runs for each SIGHUP from now on, and at once when one came before. */
export function onReloadSignal(handler: () => void): void {
  reload = handler;
  if (reloadWaits) handler();
  reloadWaits = false;
}

/** The default command is `run`. Other commands end by any of these signals, as programs do. */
const [, , command = 'run'] = process.argv;
if (command === 'run' || command.startsWith('-')) {
  for (const signal of IGNORED) process.on(signal, () => {});
  process.on('SIGHUP', () => reload());
}
