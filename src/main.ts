// Loaded before everything else: see there.
import './cli/start-signals.js';
import { dispatch } from './cli/dispatch.js';
import { doctor } from './cli/doctor.js';
import { EXIT } from './cli/exit-codes.js';
import { run } from './cli/run.js';

const io = { stdout: process.stdout, stderr: process.stderr };

let unwritten: NodeJS.ErrnoException | undefined;
process.stdout.on('error', (error) => {
  unwritten ??= error;
});
// There is no other place to complain.
process.stderr.on('error', () => {});

dispatch(process.argv.slice(2), { run, doctor }, io).then(
  (code) => {
    process.exitCode = code;
    // What still waits in timers and sockets must not keep a finished command alive; written text must get out first.
    whenWritten(process.stdout, () => {
      if (unwritten !== undefined) reportUnwritten(unwritten);
      whenWritten(process.stderr, () => process.exit());
    });
  },
  (error: unknown) => {
    process.stderr.write(`rmwatch: ${(error as Error).stack ?? error}\n`);
    process.exit(EXIT.failure);
  },
);

/** Nothing is written to a stream that has nothing to write: it may be closed, and then nobody has missed it. */
function whenWritten(stream: NodeJS.WriteStream, next: () => void): void {
  if (stream.writableLength > 0) stream.write('', next);
  else setImmediate(next);
}

/** A reader who has seen enough, such as head(1), needs no message. */
function reportUnwritten(error: NodeJS.ErrnoException): void {
  process.exitCode ||= EXIT.failure;
  if (error.code !== 'EPIPE') process.stderr.write(`rmwatch: cannot write to standard output: ${error.message}\n`);
}
