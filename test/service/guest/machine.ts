/** Commands of the guest, and what systemd says of the unit. */
import { spawnSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 250;
const POLL_TIMEOUT_MS = 150_000;
/** Of the unit, as systemctl names them. */
const PROPERTIES = [
  'ActiveState',
  'ExecMainStatus',
  'LoadState',
  'MainPID',
  'NRestarts',
  'Result',
  'StatusText',
  'SubState',
] as const;

export type Unit = Readonly<Record<(typeof PROPERTIES)[number], string>>;

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end. Throws when it cannot be run. */
export function run(command: string, ...args: string[]): Ended {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    encoding: 'utf8',
    maxBuffer: 1 << 27,
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  if (error) throw error;
  return { status, stdout, stderr };
}

/** Like run(), for a command that must succeed. */
export function runOk(command: string, ...args: string[]): Ended {
  const result = run(command, ...args);
  if (result.status !== 0) {
    throw new Error(`${command} ${args.join(' ')}: exit ${result.status}: ${result.stdout}${result.stderr}`);
  }
  return result;
}

export function systemd(...args: string[]): Ended {
  return runOk('systemctl', ...args);
}

export function unit(): Unit {
  const { stdout } = systemd('show', `--property=${PROPERTIES.join()}`, 'rmwatch.service');
  const found = Object.fromEntries(stdout.trim().split('\n').map(splitAtEquals));
  const values = PROPERTIES.map((name) => [name, found[name] ?? '']);
  return Object.fromEntries(values) as Unit;
}

function splitAtEquals(line: string): [string, string] {
  const at = line.indexOf('=');
  return [line.slice(0, at), line.slice(at + 1)];
}

/** Waits until `holds` does. */
export async function poll(what: string, holds: () => boolean, timeout = POLL_TIMEOUT_MS): Promise<void> {
  const deadline = Date.now() + timeout;
  for (;;) {
    if (holds()) return;
    if (Date.now() > deadline) throw new Error(`not within ${timeout} ms: ${what}; ${JSON.stringify(unit())}`);
    await sleep(POLL_MS);
  }
}
