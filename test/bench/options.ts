/** The command line of the bench. */
import { parseArgs } from 'node:util';
import { PARTS, type Part, type PlanOptions, WORKLOAD_NAMES } from './plan.js';

export const USAGE = `usage: npm run bench -- [--quick] [--only host|guest] [--rounds N] [--json FILE] ...
  --quick           few files and rounds: to see that it works, not to judge by
  --only            host: only this machine; guest: only the kernel in QEMU (default: both)
  --rounds N        how often each listener has its turn
  --listeners A,... only those whose name contains one of these; nobody is always measured
  --workloads A,... only those whose name contains one of these: ${WORKLOAD_NAMES.join(', ')}
  --kernel NAME     kernel of the guest, of test/guest/harness/kernels.json (default 6.12)
  --files N         files of each workload, and lines of the log that is searched, whatever the size of the run
  --skip PART,...   leave out: ${PARTS.join(', ')}
  --json FILE       writes all samples there`;

export interface BenchOptions extends PlanOptions {
  readonly only?: 'host' | 'guest' | undefined;
  readonly kernel: string;
  readonly json?: string | undefined;
  readonly help: boolean;
}

const list = (text: string | undefined) => text?.split(',').filter(Boolean);
const isPart = (name: string): name is Part => (PARTS as readonly string[]).includes(name);

function positive(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) throw new Error(`--${name}: a whole number above 0, not "${text}"`);
  return number;
}

/** Throws with a message for the user when the arguments are wrong. */
export function parseOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
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
  const { only } = values;
  if (only !== undefined && only !== 'host' && only !== 'guest')
    throw new Error(`--only: host or guest, not "${only}"`);
  const workloads = list(values.workloads);
  const unknown = workloads?.find((part) => !WORKLOAD_NAMES.some((name) => name.includes(part)));
  if (unknown !== undefined) throw new Error(`--workloads: "${unknown}" is in none of ${WORKLOAD_NAMES.join(', ')}`);
  const skip = list(values.skip) ?? [];
  const unknownPart = skip.find((part) => !isPart(part));
  if (unknownPart !== undefined) throw new Error(`--skip: "${unknownPart}" is none of ${PARTS.join(', ')}`);
  return {
    quick: values.quick,
    only,
    kernel: values.kernel,
    json: values.json,
    help: values.help,
    rounds: positive('rounds', values.rounds),
    files: positive('files', values.files),
    listeners: list(values.listeners),
    workloads,
    skip: skip.filter(isPart),
  };
}
