import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { DeletionEvent } from '../../src/event/deletion-event.js';
import { STATUS_TO_FILE, Terminal, tmuxMissing } from '../lib/tmux.js';
import { waitUntil } from '../lib/wait-until.js';

const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

test('a run of its own reports what the command line asks for, and ends well with its reader', async () => {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'rmwatch-ad-hoc-')));
  try {
    const script = '"$@" | head -2; echo "status $PIPESTATUS"';
    const run = [process.execPath, main, 'run', join(directory, '*.db'), '--user', 'root', '--process', 'node'];
    const child = spawn('bash', ['-c', script, 'bash', ...run], { stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk) => {
      out += chunk;
    });
    child.stderr.on('data', (chunk) => {
      err += chunk;
    });
    const ended = new Promise((resolve) => child.on('close', resolve));
    let deleted = 0;
    // Until it is ready its own start decides, so files go until it has ended.
    const deleting = setInterval(() => {
      if (!err.includes('watching for deletions')) return;
      for (const name of [`${deleted}.tmp`, `${deleted}.db`]) {
        writeFileSync(join(directory, name), '');
        rmSync(join(directory, name));
      }
      deleted += 1;
    }, 20);
    await ended;
    clearInterval(deleting);
    const lines = out.trim().split('\n');
    expect(lines.at(-1), err).toBe('status 0');
    const paths = lines.slice(0, -1).map((line) => (JSON.parse(line) as DeletionEvent).file!.path);
    expect(paths).toEqual([join(directory, '0.db'), join(directory, '1.db')]);
    expect(err).not.toContain('serving metrics');
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('a run of its own leaves out what others delete', async () => {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'rmwatch-ad-hoc-')));
  const log = join(directory, 'log.json');
  const run = [main, 'run', directory, '--user', '65534', '--log', log];
  const child = spawn(process.execPath, run, { stdio: ['ignore', 'ignore', 'pipe'] });
  try {
    let err = '';
    await new Promise<void>((resolve, reject) => {
      child.stderr.on('data', (chunk) => {
        err += chunk;
        if (err.includes('watching for deletions')) resolve();
      });
      child.on('close', () => reject(new Error(err)));
    });
    writeFileSync(join(directory, 'x'), '');
    rmSync(join(directory, 'x'));
    const closed = new Promise((resolve) => child.on('close', resolve));
    child.kill('SIGTERM');
    expect(await closed, err).toBe(0);
    expect(err).toMatch(/"delivered":0/);
  } finally {
    child.kill('SIGKILL');
    rmSync(directory, { recursive: true });
  }
});

test('a run of its own ends well when its terminal is closed', async (context) => {
  const missing = tmuxMissing();
  if (missing !== undefined && !process.env['CI']) context.skip(missing);
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'rmwatch-ad-hoc-')));
  const status = join(directory, 'status');
  const errors = join(directory, 'errors');
  const toErrors = ['sh', '-c', 'exec "$@" 2> "$0"', errors];
  const run = [...toErrors, process.execPath, main, 'run', join(directory, '*.db')];
  const terminal = new Terminal(STATUS_TO_FILE, [status, ...run], { columns: 100, rows: 30 });
  try {
    const said = () => (existsSync(errors) ? readFileSync(errors, 'utf8') : '');
    await waitUntil('it is ready', () => said().includes('watching for deletions'), 30_000);
    terminal.close();
    const code = () => (existsSync(status) ? readFileSync(status, 'utf8') : '');
    await waitUntil('it has ended', () => code() !== '', 15_000);
    expect(code(), said()).toBe('0\n');
    expect(said()).toContain('the terminal is gone');
  } finally {
    terminal.close();
    rmSync(directory, { recursive: true });
  }
}, 60_000);
