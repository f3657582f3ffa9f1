import { closeSync, existsSync, linkSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import { logLine, logText } from '../lib/log-lines.js';
import { Terminal, tmuxMissing } from '../lib/tmux.js';
import { waitUntil } from '../lib/wait-until.js';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const LARGE_BYTES = 256 * 2 ** 20;
const LARGE_TIMES = 4;
const WAIT_MS = 30_000;

const directory = mkdtempSync(join(tmpdir(), 'rmwatch-terminal-'));
afterAll(() => rmSync(directory, { recursive: true }));

let terminal: Terminal | undefined;

beforeEach((context) => {
  const missing = tmuxMissing();
  if (missing !== undefined && !process.env['CI']) context.skip(missing);
});
afterEach(() => {
  terminal?.close();
  terminal = undefined;
});

/** Runs rmwatch on a terminal of its own, with the pager that it takes by itself. */
function onTerminal(...args: string[]): void {
  const script = 'unset PAGER RMWATCH_PAGER LESS; echo before; "$@"; echo "status $?"; exec sleep 600';
  terminal = new Terminal(script, [process.execPath, MAIN, ...args], { columns: 100, rows: 24 });
}

function shows(what: string | RegExp): Promise<void> {
  const found = () => (typeof what === 'string' ? terminal!.text.includes(what) : what.test(terminal!.text));
  return waitUntil(`the terminal shows ${what}`, found, WAIT_MS).catch((error: Error) => {
    throw new Error(`${error.message}:\n${terminal!.text}`);
  });
}

const numbered = (count: number) => Array.from({ length: count }, (_, index) => ({ path: `/srv/file-${index}-` }));

test('search shows what fills more than the terminal in a pager that runs no commands', async () => {
  const file = join(directory, 'pages.json');
  writeFileSync(file, logText([{ path: '/srv/\x1b[31mred' }, ...numbered(200)]));
  onTerminal('search', '--input', file);
  // The first page, with what a terminal obeys made visible.
  await shows('freed  /srv/\\x1b[31mred');
  await shows('/srv/file-10-');
  expect(terminal!.text).not.toContain('/srv/file-150-');
  expect(terminal!.text).not.toContain('status');

  terminal!.press('/');
  terminal!.press('file-150-', 'Enter');
  await shows('/srv/file-150-');
  for (const key of ['!', 'v', '|']) {
    terminal!.press(key);
    await shows('Command not available');
    terminal!.press('Enter');
    await waitUntil('less goes on', () => !terminal!.text.includes('Command not available'), WAIT_MS);
  }
  const copy = join(directory, 'copy');
  terminal!.press('s');
  await shows('log file:');
  terminal!.press(copy, 'Enter');
  await shows(/not available/);
  terminal!.press('Enter');
  expect(existsSync(copy)).toBe(false);

  terminal!.press('G');
  await shows('/srv/file-199-');
  // What is to be known about the result is its end.
  await shows(/^# .*coverage unknown/m);

  terminal!.press('q');
  await shows('status 0');
}, 120_000);

test('search leaves what fits on the terminal there', async () => {
  const file = join(directory, 'short.json');
  writeFileSync(file, logText(numbered(3)));
  onTerminal('search', '--input', file);
  await shows('status 0');
  expect(terminal!.text).toMatch(/^before\n.*\/srv\/file-0-.*\/srv\/file-2-/s);
}, 60_000);

test('a search that takes long shows how far it is, and takes that away', async () => {
  const file = join(directory, 'large.json');
  const block = Buffer.from(`${logLine({ path: '/srv/some' })}\n`.repeat(1000));
  const output = openSync(file, 'w');
  for (let bytes = 0; bytes < LARGE_BYTES; bytes += block.length) writeSync(output, block);
  closeSync(output);
  // Read again and again, so that the bar is there for seconds on a fast machine, too.
  const files = Array.from({ length: LARGE_TIMES }, (_, index) => `${file}.${index}`);
  for (const name of files) linkSync(file, name);
  // Of every line the path must be read.
  onTerminal('search', '--count', ...files.flatMap((name) => ['--input', name]), '/**/other');
  await shows(/^searching \[#+ +\] \d+(\.\d)? MiB$/m);
  await shows('# no deletion found');
  expect(terminal!.text).not.toContain('searching');
  // What is to be known about the result fills more than the terminal.
  terminal!.press('q');
  await shows('status 3');
}, 120_000);
