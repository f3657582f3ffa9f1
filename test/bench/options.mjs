/** The command line of the bench. */
import { parseArgs } from 'node:util';
import { WORKLOAD_NAMES } from './plan.mjs';

export const USAGE = `usage: npm run bench -- [--quick] [--only host|guest] [--rounds N] [--json FILE] ...
  --quick           few files and rounds: to see that it works, not to judge by
  --only            host: only this machine; guest: only the kernel in QEMU (default: both)
  --rounds N        how often each listener has its turn
  --listeners A,... only those whose name contains one of these; nobody is always measured
  --workloads A,... only those whose name contains one of these: ${WORKLOAD_NAMES.join(', ')}
  --kernel NAME     kernel of the guest, of test/guest/harness/kernels.json (default 6.12)
  --files N         files of each workload, whatever the size of the run
  --skip PART,...   leave out: rounds, kernel, idle, memory
  --json FILE       writes all samples there`;

const list = (text) => (text === undefined ? undefined : text.split(',').filter(Boolean));

/** Throws with a message for the user when the arguments are wrong. */
export function parseOptions(args) {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      rounds: { type: 'string' },
      listeners: { type: 'string' },
      workloads: { type: 'string' },
      kernel: { type: 'string', default: '6.12' },
      files: { type: 'string' },
      skip: { type: 'string', default: '' },
      json: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  const positive = (name) => {
    if (values[name] === undefined) return undefined;
    const number = Number(values[name]);
    if (!Number.isInteger(number) || number < 1) throw new Error(`--${name}: a whole number above 0`);
    return number;
  };
  if (values.only !== undefined && !['host', 'guest'].includes(values.only)) throw new Error('--only: host or guest');
  const workloads = list(values.workloads);
  const unknown = workloads?.find((part) => !WORKLOAD_NAMES.some((name) => name.includes(part)));
  if (unknown !== undefined) throw new Error(`--workloads: "${unknown}" is in none of ${WORKLOAD_NAMES.join(', ')}`);
  return {
    ...values,
    rounds: positive('rounds'),
    files: positive('files'),
    listeners: list(values.listeners),
    workloads,
    skip: list(values.skip),
  };
}
