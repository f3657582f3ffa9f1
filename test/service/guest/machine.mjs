/** Commands of the guest, and what systemd says of the unit. */
import { spawnSync } from 'node:child_process';

const POLL_MS = 250;
const POLL_TIMEOUT_MS = 150_000;
const PROPERTIES = [
  'ActiveState',
  'ExecMainStatus',
  'LoadState',
  'MainPID',
  'NRestarts',
  'Result',
  'StatusText',
  'SubState',
];

export const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Runs a command to its end: { status, stdout, stderr }. */
export function run(command, ...args) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    encoding: 'utf8',
    maxBuffer: 1 << 27,
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  if (error) throw error;
  return { status, stdout, stderr };
}

/** Like run(), for a command that must succeed. */
export function runOk(command, ...args) {
  const result = run(command, ...args);
  if (result.status !== 0) {
    throw new Error(`${command} ${args.join(' ')}: exit ${result.status}: ${result.stdout}${result.stderr}`);
  }
  return result;
}

export function systemd(...args) {
  return runOk('systemctl', ...args);
}

/** Properties of the unit, by name. */
export function unit() {
  const { stdout } = systemd('show', `--property=${PROPERTIES.join()}`, 'rmwatch.service');
  return Object.fromEntries(
    stdout
      .trim()
      .split('\n')
      .map((line) => line.split(/=(.*)/s)),
  );
}

/** Waits until `holds` does. */
export async function poll(what, holds, timeout = POLL_TIMEOUT_MS) {
  const deadline = Date.now() + timeout;
  for (;;) {
    if (holds()) return;
    if (Date.now() > deadline) throw new Error(`not within ${timeout} ms: ${what}; ${JSON.stringify(unit())}`);
    await sleep(POLL_MS);
  }
}
