import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import type { ReadStream, WriteStream } from 'node:tty';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EXIT } from '../../../src/cli/exit-codes.js';
import { top } from '../../../src/cli/top.js';
import { EventSocket } from '../../../src/socket/event-socket.js';
import { logLine } from '../../lib/log-lines.js';
import { waitUntil } from '../../lib/wait-until.js';

const ALTERNATE_SCREEN = '\x1b[?1049h';
const FIRST_SCREEN = '\x1b[?1049l';

let directory: string;
let path: string;
let socket: EventSocket;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'rmwatch-top-'));
  path = join(directory, 'events.sock');
  socket = await EventSocket.open(path, { limits: { graceMs: 200 }, onProblem: () => {} });
});

afterEach(async () => {
  process.emit('SIGTERM');
  await socket.close();
  rmSync(directory, { recursive: true });
});

/** What `rmwatch top` takes for the two ends of a terminal. */
class Terminal {
  shown = '';
  raw = false;
  readonly input: ReadStream;
  readonly output: WriteStream;

  constructor(isTTY = true) {
    const setRawMode = (raw: boolean) => {
      this.raw = raw;
    };
    this.input = Object.assign(new PassThrough(), { isTTY, setRawMode }) as unknown as ReadStream;
    const output = Object.assign(new PassThrough(), { isTTY, columns: 100, rows: 30 });
    output.setEncoding('utf8').on('data', (text: string) => {
      this.shown += text;
    });
    this.output = output as unknown as WriteStream;
  }

  press(keys: string): void {
    (this.input as unknown as PassThrough).write(keys);
  }

  async shows(text: string): Promise<void> {
    await waitUntil(`the terminal shows ${text}`, () => this.shown.includes(text));
  }
}

function start(terminal: Terminal, at = path) {
  const run = { err: '', ended: Promise.resolve(-1) };
  const stderr = {
    write: (text: string) => {
      run.err += text;
    },
  };
  run.ended = top({ socket: at, config: undefined }, { stdout: terminal.output, stderr }, terminal.input);
  return run;
}

function offer(file: string): void {
  const chunk = Buffer.from(`${logLine({ path: file, time: Date.now() })}\n`);
  socket.offer(chunk, chunk.length, 1);
}

describe('rmwatch top', () => {
  it('shows what is deleted, takes keys, and gives the terminal back', async () => {
    const terminal = new Terminal();
    const run = start(terminal);
    await terminal.shows(ALTERNATE_SCREEN);
    expect(terminal.raw).toBe(true);
    offer('/srv/reports/q3.pdf');
    await terminal.shows('/srv/reports');
    terminal.press('p');
    await terminal.shows('PAUSED');
    terminal.press('p');
    const before = terminal.shown.length;
    terminal.output.emit('resize');
    await waitUntil('it is drawn again', () => terminal.shown.length > before);
    terminal.press('q');
    expect(await run.ended).toBe(EXIT.ok);
    expect(terminal.shown.endsWith(FIRST_SCREEN)).toBe(true);
    expect(terminal.raw).toBe(false);
    expect(run.err).toBe('');
  });

  it('says when the daemon is gone, and goes on when it is back', async () => {
    const terminal = new Terminal();
    const run = start(terminal);
    await terminal.shows(ALTERNATE_SCREEN);
    await socket.close();
    await terminal.shows('the daemon has ended');
    socket = await EventSocket.open(path, { limits: { graceMs: 200 }, onProblem: () => {} });
    await waitUntil('top is back', () => socket.readerCount === 1);
    offer('/srv/later/file');
    await terminal.shows('/srv/later');
    process.emit('SIGTERM');
    expect(await run.ended).toBe(EXIT.ok);
  });

  it('leaves the terminal alone when no daemon offers its events', async () => {
    const terminal = new Terminal();
    const run = start(terminal, join(directory, 'none.sock'));
    expect(await run.ended).toBe(EXIT.failure);
    expect(run.err).toContain('no daemon offers its events at ');
    expect(terminal.shown).toBe('');
  });

  it('needs a terminal', async () => {
    const run = start(new Terminal(false));
    expect(await run.ended).toBe(EXIT.usage);
    expect(run.err).toContain('top needs a terminal');
  });
});
