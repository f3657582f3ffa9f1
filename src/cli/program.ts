import { dispatch, type ProbeCommands } from './dispatch.js';
import { EXIT } from './exit-codes.js';
import { closeGoneTerminals, outputTerminalIsGone } from './gone-terminal.js';
import type { StartSignals } from './start-signals.js';

const io = { stdout: process.stdout, stderr: process.stderr };

/** Carries out the command line `argv`, and ends the process with its exit code. */
export async function program(argv: readonly string[], signals: StartSignals): Promise<void> {
  let unwritten: NodeJS.ErrnoException | undefined;
  process.stdout.on('error', (error) => {
    unwritten ??= error;
  });
  process.on('exit', closeGoneTerminals);
  // There is no other place to complain.
  process.stderr.on('error', () => {});
  try {
    const commands: ProbeCommands = {
      run: async (options) => (await import('./run.js')).run(options, io, signals),
      doctor: async (options) => (await import('./doctor.js')).doctor(options, io),
    };
    process.exitCode = await dispatch(argv, commands, io);
  } catch (error) {
    process.stderr.write(`rmwatch: ${(error as Error).stack ?? error}\n`);
    process.exit(EXIT.failure);
  }
  // What still waits in timers and sockets must not keep a finished command alive; written text must get out first.
  whenWritten(process.stdout, () => {
    if (unwritten !== undefined) reportUnwritten(unwritten);
    whenWritten(process.stderr, () => process.exit());
  });
}

/** Nothing is written to a stream that has nothing to write: it may be closed, and then no text is missing. */
function whenWritten(stream: NodeJS.WriteStream, next: () => void): void {
  if (stream.writableLength > 0) stream.write('', next);
  else setImmediate(next);
}

/** A reader who has seen enough, such as head(1), is no failure, and neither is a terminal that was closed. */
function reportUnwritten(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE' || outputTerminalIsGone()) return;
  process.exitCode ||= EXIT.failure;
  process.stderr.write(`rmwatch: cannot write to standard output: ${error.message}\n`);
}
