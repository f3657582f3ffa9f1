import { dispatch } from './cli/dispatch.js';
import { doctor } from './cli/doctor.js';
import { EXIT } from './cli/exit-codes.js';
import { run } from './cli/run.js';

const io = { stdout: process.stdout, stderr: process.stderr };

dispatch(process.argv.slice(2), { run, doctor }, io).then(
  (code) => {
    process.exitCode = code;
    // What still waits in timers and sockets must not keep a finished command alive; written text must get out first.
    process.stdout.write('', () => process.stderr.write('', () => process.exit()));
  },
  (error: unknown) => {
    process.stderr.write(`rmwatch: ${(error as Error).stack ?? error}\n`);
    process.exit(EXIT.failure);
  },
);
