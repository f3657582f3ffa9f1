import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dispatch } from '../../../src/cli/dispatch.js';
import { daemonLine } from '../../../src/event/daemon-line.js';
import type { DeletionEvent } from '../../../src/event/deletion-event.js';
import { EventSocket } from '../../../src/socket/event-socket.js';
import { type LineParts, logLine } from '../../lib/log-lines.js';
import { EVENTS_LOST } from '../../lib/sample-events.js';
import { waitUntil } from '../../lib/wait-until.js';

let directory: string;
let path: string;
let socket: EventSocket;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'rmwatch-tail-'));
  path = join(directory, 'events.sock');
  socket = await offering();
});

afterEach(async () => {
  process.emit('SIGTERM');
  await socket.close();
  rmSync(directory, { recursive: true });
});

const offering = () => EventSocket.open(path, { limits: { graceMs: 200 }, onProblem: () => {} });

/** A running `rmwatch tail`. */
class Tail {
  out = '';
  err = '';
  readonly ended: Promise<number>;

  constructor(...argv: string[]) {
    const writer = (key: 'out' | 'err') => ({
      write: (text: string) => {
        this[key] += text;
      },
    });
    const commands = { run: () => -1, doctor: () => -1 };
    this.ended = dispatch(['tail', '--socket', path, ...argv], commands, {
      stdout: writer('out'),
      stderr: writer('err'),
    });
  }

  async connected(): Promise<this> {
    await waitUntil('tail is there', () => socket.readerCount === 1);
    return this;
  }

  get paths(): string[] {
    const lines = this.out.split('\n').filter(Boolean);
    return lines.map((line) => (JSON.parse(line) as Partial<DeletionEvent>).file?.path ?? '-');
  }
}

function offer(...lines: LineParts[]): void {
  const chunk = Buffer.from(lines.map((parts) => `${logLine({ time: Date.now(), ...parts })}\n`).join(''));
  socket.offer(chunk, chunk.length, lines.length);
}

const changed = (path: string, change: (event: DeletionEvent) => object): LineParts => ({
  path,
  change: (event) => ({ ...event, ...change(event) }),
});

const STARTED = daemonLine('started', {
  at: new Date(0),
  message: 'started: 1 watch, kprobe',
  host: { name: 'h' },
  details: { run: '0123456789abcdef', attach: 'kprobe', config_hash: '0'.repeat(64) },
});

describe('rmwatch tail', () => {
  it.each<[string[], string[]]>([
    [['/srv/app'], ['/srv/app/a']],
    [['--process', 'python3'], ['/srv/python']],
    [['--user', '33', '--user', '34'], ['/srv/user']],
    [['--larger-than', '64KiB'], ['/srv/large']],
    [['/srv/**', '--watch', 'other', '--operation', 'rmdir'], ['/srv/watch']],
    [['/srv/unknown'], ['/srv/unknown']],
  ])('shows what meets the conditions of search: %j', async (conditions, expected) => {
    const tail = await new Tail('--json', '--limit', String(expected.length), ...conditions).connected();
    offer(
      { path: '/srv/app/a' },
      changed('/srv/python', ({ process }) => ({ process: { ...process, name: 'python3' } })),
      changed('/srv/user', () => ({ user: { id: '33' } })),
      changed('/srv/large', ({ file }) => ({ file: { ...file, size: 65_537 } })),
      changed('/srv/watch', ({ event }) => ({ rule: { name: ['other'] }, event: { ...event, action: 'rmdir' } })),
      changed('/srv/unknown', () => ({ message: 'unlink of a name that is not known' })),
    );
    expect(await tail.ended).toBe(0);
    expect(tail.paths).toEqual(expected);
  });

  it('shows every line without conditions, as it is, and losses with any', async () => {
    const tail = await new Tail('--json', '--limit', '1').connected();
    socket.notice(STARTED);
    socket.notice(JSON.stringify(EVENTS_LOST));
    offer({ path: '/srv/a' }, { path: '/srv/b' });
    expect(await tail.ended).toBe(0);
    expect(tail.out.split('\n').slice(0, 2)).toEqual([STARTED, JSON.stringify(EVENTS_LOST)]);
    expect(tail.paths).toEqual(['-', '-', '/srv/a']);

    await waitUntil('it has gone', () => socket.readerCount === 0);
    const asking = await new Tail('--limit', '1', '/srv/a').connected();
    socket.notice(STARTED);
    socket.notice(JSON.stringify(EVENTS_LOST));
    offer({ path: '/srv/a' });
    expect(await asking.ended).toBe(0);
    expect(asking.out).not.toContain('started');
    expect(asking.out).toMatch(/LOST.*127 events were lost\n.*unlink.*\/srv\/a.*\n$/);
  });

  it('shows the bursts of the watches that the conditions allow: a watch that folds writes nothing else', async () => {
    const burst = (watch: string) => {
      const { event, ...rest } = JSON.parse(STARTED);
      const alert = { ...event, kind: 'alert', action: 'mass-deletion-started', dataset: 'rmwatch.burst' };
      return JSON.stringify({ ...rest, event: alert, message: `burst in ${watch}`, rule: { name: [watch] } });
    };
    const tail = await new Tail('--json', '--limit', '1', '--watch', 'spool', '/srv/a').connected();
    for (const watch of ['data', 'spool']) socket.notice(burst(watch));
    const { rule, ...without } = JSON.parse(burst('spool'));
    expect(rule).toEqual({ name: ['spool'] });
    socket.notice(JSON.stringify({ ...without, message: 'names no watch' }));
    offer(changed('/srv/a', () => ({ rule: { name: ['spool'] } })));
    expect(await tail.ended).toBe(0);
    expect(tail.out.split('\n')[0]).toBe(burst('spool'));
    expect(tail.paths).toEqual(['-', '/srv/a']);
  });

  it('escapes what names and messages hold for a terminal', async () => {
    const tail = await new Tail('--limit', '1').connected();
    socket.notice(STARTED.replace('1 watch', '\\u001b[2J'));
    offer({ path: '/srv/\u001b]0;x\u0007\n' });
    expect(await tail.ended).toBe(0);
    expect(tail.out).toContain('\\x1b[2J');
    expect(tail.out).toContain('/srv/\\x1b]0;x\\x07\\n');
    expect(tail.out).not.toMatch(/[\x00-\x09\x0b-\x1f]/);
  });

  it('says which lines it has lost, and goes on', async () => {
    const tail = await new Tail('--json').connected();
    const chunk = Buffer.alloc(5 * 2 ** 20, `${logLine({ path: '/srv/too-much' })}\n`);
    socket.offer(chunk, chunk.length, 7);
    offer({ path: '/srv/after' });
    await waitUntil('the next is there', () => tail.out.includes('/srv/after'));
    expect(tail.err).toContain('rmwatch: 7 lines were lost, because they were not read fast enough');
    process.emit('SIGINT');
    expect(await tail.ended).toBe(0);
  });

  it('says that the daemon has ended, waits for it, and says what came before', async () => {
    const tail = await new Tail('--json', '--limit', '2').connected();
    offer({ path: '/srv/before' });
    await waitUntil('it is shown', () => tail.paths.length === 1);
    await socket.close();
    await waitUntil('it is said', () => tail.err.includes('the daemon has ended; waiting'));
    socket = await offering();
    offer({ path: '/srv/unseen' });
    await tail.connected();
    offer({ path: '/srv/after' });
    expect(await tail.ended).toBe(0);
    expect(tail.paths).toEqual(['/srv/before', '/srv/after']);
    expect(tail.err).toMatch(/the daemon is back, and 1 events? came before this; .*rmwatch search --since 20\S+Z\n/);
  });

  it('ends with 0 at SIGINT, also while it waits for a daemon', async () => {
    const tail = await new Tail().connected();
    await socket.close();
    await waitUntil('it waits', () => tail.err.includes('waiting'));
    process.emit('SIGINT');
    expect(await tail.ended).toBe(0);
  });

  it('ends at --until', async () => {
    expect(await new Tail('--until', '+50ms').ended).toBe(0);
  });

  it('tells how to turn the socket on where there is none', async () => {
    await socket.close();
    const tail = new Tail();
    expect(await tail.ended).toBe(1);
    expect(tail.err).toContain(`no daemon offers its events at ${path}`);
    expect(tail.err).toContain(`socket: { path: ${path} }`);
  });

  it('says that there are too many', async () => {
    const others = Array.from({ length: 16 }, () => new Tail());
    await waitUntil('all are there', () => socket.readerCount === 16);
    const tail = new Tail();
    expect(await tail.ended).toBe(1);
    expect(tail.err).toContain('16 programs read the events already');
    process.emit('SIGTERM');
    expect(await Promise.all(others.map(({ ended }) => ended))).toEqual(Array(16).fill(0));
  });

  it.each([
    [['--since', '-1h'], 'rmwatch search --since'],
    [['--until', '-1h'], '--until is over'],
    [['--limit', '0'], '--limit must be a number'],
    [['--operation', 'unlnk'], 'did you mean "unlink"?'],
    [['--count'], 'unknown option --count for tail'],
  ])('%j is wrong usage', async (argv, message) => {
    const tail = new Tail(...argv);
    expect(await tail.ended).toBe(2);
    expect(tail.err).toContain(message);
  });

  it('finds the socket by the configuration', async () => {
    const file = join(directory, 'rmwatch.yaml');
    writeFileSync(file, `socket: { path: ${path} }\n`);
    const out: string[] = [];
    const io = { stdout: { write: (text: string) => out.push(text) }, stderr: { write: () => {} } };
    const ended = dispatch(['tail', '--config', file, '--limit', '1'], { run: () => -1, doctor: () => -1 }, io);
    await waitUntil('tail is there', () => socket.readerCount === 1);
    offer({ path: '/srv/found' });
    expect(await ended).toBe(0);
    expect(out.join('')).toContain('/srv/found');
  });
});
