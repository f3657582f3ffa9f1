import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import { expectCheckedLines } from '../lib/checked-lines.js';
import { HostDaemon } from '../lib/host-daemon.js';
import { STATUS_TO_FILE, Terminal, tmuxMissing } from '../lib/tmux.js';
import { waitUntil } from '../lib/wait-until.js';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

let daemon: HostDaemon;
let socket: string;
let terminal: Terminal | undefined;

beforeEach(() => {
  daemon = new HostDaemon();
  socket = join(daemon.directory, 'events.sock');
  const watches = [
    { name: 'work', include: [`${daemon.work}/**`] },
    { name: 'counted', include: [`${daemon.work}/counted/**`], log: false },
  ];
  daemon.configure({ watches, socket: { path: socket } });
});

afterEach(async () => {
  terminal?.close();
  terminal = undefined;
  await daemon.dispose();
});
afterAll(expectCheckedLines);

function shows(what: string | RegExp): Promise<void> {
  const found = () => (typeof what === 'string' ? terminal!.text.includes(what) : what.test(terminal!.text));
  return waitUntil(`the terminal shows ${what}`, found, 15_000).catch((error: Error) => {
    throw new Error(`${error.message}:\n${terminal!.text}`);
  });
}

function remove(directory: string, count: number): void {
  mkdirSync(join(daemon.work, directory), { recursive: true });
  for (let i = 0; i < count; i++) {
    const path = join(daemon.work, directory, `${i}`);
    writeFileSync(path, '');
    rmSync(path);
  }
}

test('top shows on a terminal what is deleted, takes keys, and gives the terminal back', async (context) => {
  const missing = tmuxMissing();
  if (missing !== undefined && !process.env['CI']) context.skip(missing);
  await daemon.start();
  const script = 'echo before; "$@"; echo "status $?"; exec sleep 600';
  terminal = new Terminal(script, [process.execPath, MAIN, 'top', '--socket', socket], { columns: 100, rows: 30 });
  await shows(/rmwatch top .* tracepoint on .*\n/);
  expect(terminal.text).not.toContain('before');

  remove('places', 30);
  remove('\x1b[2J\u202e', 5);
  remove('counted', 12);
  await shows(/^work .* 47 /m);
  // Counted, and in no line.
  await shows(/^counted .* 12 /m);
  await shows(/^ +47 .* {2}\S*\/node *$/m);
  await shows(/^ +47 .* {2}root *$/m);
  await shows(new RegExp(`^ +30 .* {2}${daemon.work}/places *$`, 'm'));
  await shows('/\\x1b[2J\\u202e');
  await shows(/seen \S+ = filtered \S+ \+ lost 0 \+ delivered 47 \+ waiting 0/);

  terminal.press('/');
  terminal.press('places', 'Enter');
  await shows('filter: places');
  await waitUntil('the others are gone', () => !/^work /m.test(terminal!.text) && terminal!.text.includes('/places'));
  terminal.press('Escape');
  await shows(/^work /m);

  terminal.press('p');
  await shows('PAUSED');
  const paused = terminal.text;
  remove('places', 3);
  // Another one tells how the time goes: two refreshes after it shows the new deletions, the paused one would.
  const other = new Terminal(script, [process.execPath, MAIN, 'top', '--socket', socket], { columns: 100, rows: 30 });
  try {
    const clock = () => /\d\d:\d\d:\d\d/.exec(other.text)?.[0];
    await waitUntil('the other shows them', () => /^work .* 50 /m.test(other.text), 15_000);
    for (let refreshes = 0; refreshes < 2; refreshes++) {
      const before = clock();
      await waitUntil('it is refreshed', () => clock() !== before);
    }
  } finally {
    other.close();
  }
  expect(terminal.text).toBe(paused);
  terminal.press('p');
  await shows(/^work .* 50 /m);

  terminal.press('s');
  await shows('sort: total');
  terminal.resize(80, 24);
  await waitUntil('it fits', () => terminal!.text.trimEnd().split('\n').length === 24);
  expect(terminal.text.trimEnd().split('\n').at(-1)).toContain('q quit');

  await daemon.stop();
  await shows('the daemon has ended; waiting for it');
  await daemon.start();
  await shows(/rmwatch top .* tracepoint on .*\n/);
  remove('again', 4);
  await shows(/^work .* 4 /m);

  terminal.press('q');
  await shows('status 0');
  expect(terminal.text).toMatch(/^before\nstatus 0\n/);
}, 120_000);

test('top without a daemon leaves the terminal as it is', async (context) => {
  const missing = tmuxMissing();
  if (missing !== undefined && !process.env['CI']) context.skip(missing);
  const script = '"$@"; echo "status $?"; exec sleep 600';
  terminal = new Terminal(script, [process.execPath, MAIN, 'top', '--socket', socket], { columns: 100, rows: 30 });
  await shows('status 1');
  expect(terminal.text).toContain('no daemon offers its events');
});

test('top ends well when its terminal is closed', async (context) => {
  const missing = tmuxMissing();
  if (missing !== undefined && !process.env['CI']) context.skip(missing);
  await daemon.start();
  const status = join(daemon.directory, 'status');
  const command = [process.execPath, MAIN, 'top', '--socket', socket];
  terminal = new Terminal(STATUS_TO_FILE, [status, ...command], { columns: 100, rows: 30 });
  await shows(/rmwatch top .* tracepoint on .*\n/);
  terminal.close();
  const code = () => (existsSync(status) ? readFileSync(status, 'utf8') : '');
  await waitUntil('top has ended', () => code() !== '', 15_000);
  expect(code()).toBe('0\n');
}, 60_000);
