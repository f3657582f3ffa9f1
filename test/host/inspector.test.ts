import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { waitUntil } from '../lib/wait-until.js';

/**
 * The inspector of Node.js lets every local user who reaches its port run code as the daemon. Neither a signal nor a
 * variable of the environment may open it, from the first instruction of the command to the last.
 */
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const INSPECTOR_PORT = 9229;
const USELESS_SIGNALS = [
  'SIGUSR1',
  'SIGUSR2',
  'SIGALRM',
  'SIGVTALRM',
  'SIGPROF',
  'SIGIO',
  'SIGPWR',
  'SIGSTKFLT',
] as const;

let scratch: string;
let installed: string;
let child: ChildProcess | undefined;
let stderr: string;

beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'rmwatch-inspector-'));
  const tree = join(scratch, 'tree');
  execFileSync(process.execPath, [join(ROOT, 'scripts/stage.mjs'), tree], { stdio: 'pipe' });
  installed = join(tree, 'usr/bin/rmwatch');
});

afterEach(async () => {
  if (child?.exitCode === null && child.signalCode === null) {
    const ended = new Promise((resolve) => child!.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }
});

afterAll(() => rmSync(scratch, { recursive: true, force: true }));

function start(command: string, args: readonly string[], environment: NodeJS.ProcessEnv = {}): ChildProcess {
  const config = join(scratch, 'rmwatch.yaml');
  const watches = [{ name: 'work', include: [join(scratch, 'work-*')] }];
  writeFileSync(config, JSON.stringify({ watches, http: { listen: 'off' }, self_test: { interval: 'off' } }));
  stderr = '';
  child = spawn(command, [...args, '--config', config, '--format', 'json', '--log', join(scratch, 'events.json')], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...environment },
  });
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return child;
}

/** Ports on which process `pid` listens. */
function listeningPorts(pid: number): number[] {
  let descriptors: string[];
  try {
    descriptors = readdirSync(`/proc/${pid}/fd`);
  } catch {
    return [];
  }
  const sockets = new Set<string>();
  for (const descriptor of descriptors) {
    try {
      sockets.add(/^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${descriptor}`))?.[1] ?? '');
    } catch {
      // Closed meanwhile.
    }
  }
  return ['tcp', 'tcp6']
    .flatMap((table) => readFileSync(`/proc/net/${table}`, 'utf8').split('\n').slice(1))
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , , state, , , , , , inode]) => state === '0A' && sockets.has(inode ?? ''))
    .map(([, local = '']) => Number.parseInt(local.split(':')[1]!, 16));
}

function expectNoInspector(pid: number): void {
  expect(stderr).not.toContain('Debugger listening');
  expect(listeningPorts(pid)).toEqual([]);
}

/** Whether some process, of whomever, accepts connections on the inspector's port. */
function portAnswers(): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = net.connect(INSPECTOR_PORT, '127.0.0.1');
    connection.once('connect', () => {
      connection.destroy();
      resolve(true);
    });
    connection.once('error', () => resolve(false));
  });
}

const commands = [
  ['the installed command', () => [installed, ['run']] as const],
  ['npm start', () => [join(ROOT, 'scripts/start.sh'), []] as const],
] as const;

test.each(commands)(
  '%s: no variable and no signal opens the inspector of a daemon that runs',
  async (_, commandLine) => {
    const [command, args] = commandLine();
    const coverage = join(scratch, 'coverage');
    const taken = await portAnswers();
    const { pid } = start(command, args, { NODE_OPTIONS: '--inspect=127.0.0.1:9229', NODE_V8_COVERAGE: coverage });
    await waitUntil('the daemon watches', () => stderr.includes('watching for deletions'), 60_000);
    expectNoInspector(pid!);
    for (let round = 0; round < 20; round++) {
      for (const signal of USELESS_SIGNALS) child!.kill(signal);
      await sleep(5);
    }
    const path = join(scratch, 'work-1');
    writeFileSync(path, '');
    unlinkSync(path);
    const told = () => readFileSync(join(scratch, 'events.json'), 'utf8').includes(path);
    await waitUntil('the deletion is told after all these signals', told);
    expectNoInspector(pid!);
    if (!taken) expect(await portAnswers()).toBe(false);
    const ended = new Promise((resolve) => child!.once('exit', resolve));
    child!.kill('SIGTERM');
    expect(await ended).toBe(0);
    rmSync(join(scratch, 'events.json'));
  },
);

test('SIGUSR1 opens no inspector at any moment of the start', async () => {
  let survivors = 0;
  for (let delayMs = 0; delayMs <= 400; delayMs += 25) {
    const { pid } = start(installed, ['run']);
    await sleep(delayMs);
    for (let i = 0; i < 50 && child!.signalCode === null; i++) {
      // Until Node.js handles the signal it ends the process, as it does with any other.
      child!.kill('SIGUSR1');
      await sleep(2);
      expectNoInspector(pid!);
    }
    if (child!.signalCode === null) survivors += 1;
    child!.kill('SIGKILL');
  }
  expect(survivors).toBeGreaterThan(5);
}, 120_000);

test('a SIGHUP is a reload from the first line of the program on', async () => {
  const { pid } = start(installed, ['run']);
  const hangupIsCaught = () => {
    const [, caught = '0'] = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return (BigInt(`0x${caught}`) & 1n) === 1n;
  };
  await waitUntil('the program takes SIGHUP', hangupIsCaught);
  expect(stderr).toBe('');
  child!.kill('SIGHUP');
  await waitUntil('the reload', () => stderr.includes('configuration reloaded'), 20_000);
  await waitUntil('the daemon watches', () => stderr.includes('watching for deletions'), 20_000);
});
