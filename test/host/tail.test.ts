import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import type { DeletionEvent } from '../../src/event/deletion-event.js';
import { expectCheckedLines } from '../lib/checked-lines.js';
import { FifoReader, makeFifo } from '../lib/fifo.js';
import { HostDaemon } from '../lib/host-daemon.js';
import { ledgerGap } from '../lib/metrics.js';
import { waitUntil } from '../lib/wait-until.js';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

let daemon: HostDaemon;
let socket: string;
const children: ChildProcess[] = [];

beforeEach(() => use(new HostDaemon({ listen: 'port', measuresLoop: true })));

afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await daemon.dispose();
});
afterAll(expectCheckedLines);

function use(made: HostDaemon): void {
  daemon = made;
  socket = join(daemon.directory, 'events.sock');
  const watches = [{ name: 'work', include: [`${daemon.work}/**`] }];
  // Lines are counted: there must be none but those of the deletions.
  daemon.configure({ watches, socket: { path: socket }, bursts: 'off' });
}

/** A command of rmwatch that runs, with what it has written. */
class Command {
  out = '';
  err = '';
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;

  constructor(args: readonly string[], options: { readonly uid?: number; readonly pipe?: string } = {}) {
    const { pipe, ...how } = options;
    const command = [process.execPath, MAIN, ...args];
    const words = pipe === undefined ? command : ['bash', '-c', `"$@" | ${pipe}; exit $PIPESTATUS`, 'bash', ...command];
    this.child = spawn(words[0]!, words.slice(1), { stdio: ['ignore', 'pipe', 'pipe'], ...how });
    children.push(this.child);
    this.child.stdout!.on('data', (data) => {
      this.out += data;
    });
    this.child.stderr!.on('data', (data) => {
      this.err += data;
    });
    this.ended = once(this.child, 'close').then(([code]) => code);
  }

  get paths(): string[] {
    const lines = this.out.split('\n').slice(0, -1);
    return lines.map((line) => (JSON.parse(line) as DeletionEvent).file!.path);
  }
}

const follow = (...args: string[]) => new Command(['tail', '--socket', socket, '--json', ...args]);
const readers = async () => (await daemon.metrics()).get('rmwatch_socket_readers');
const areThere = (count: number) =>
  waitUntil(`${count} readers are there`, async () => (await readers()) === count, 30_000);

function remove(...names: string[]): string[] {
  const paths = names.map((name) => join(daemon.work, name));
  for (const path of paths) {
    writeFileSync(path, '');
    rmSync(path);
  }
  return paths;
}

const numbered = (count: number) => Array.from({ length: count }, (_, index) => `${index}`);

test('tail follows the daemon with conditions, also over its restart, and ends with 0 at SIGINT', async () => {
  await daemon.start();
  const all = follow(daemon.work);
  const some = follow('**/*.db');
  await areThere(2);
  const before = remove('a.db', 'b.txt');
  await waitUntil('both have seen it', () => all.paths.length === 2 && some.paths.length === 1);
  await daemon.stop();
  await daemon.start();
  await areThere(2);
  const after = remove('c.db', 'd.txt');
  await waitUntil('both have seen it', () => all.paths.length === 4 && some.paths.length === 2);
  expect(all.paths).toEqual([...before, ...after]);
  expect(some.paths).toEqual([before[0], after[0]]);
  expect(all.err).toMatch(/the daemon has ended; waiting .*\n.*the daemon is back/);
  for (const command of [all, some]) {
    command.child.kill('SIGINT');
    expect(await command.ended).toBe(0);
  }
  await areThere(0);
});

test('tail ends well with its reader', async () => {
  await daemon.start();
  const command = new Command(['tail', '--socket', socket, '--json'], { pipe: 'head -1' });
  await areThere(1);
  const [first] = remove('first');
  await waitUntil('it is shown', () => command.paths[0] === first);
  // It finds out with what it writes next.
  const deleting = setInterval(() => remove('next'), 50);
  expect(await command.ended.finally(() => clearInterval(deleting))).toBe(0);
  expect(command.err).toBe('');
});

test('a log that takes nothing does not stop the readers', async () => {
  const fifo = join(daemon.directory, 'fifo');
  makeFifo(fifo);
  const reader = new FifoReader(fifo);
  try {
    daemon.spawn({ log: fifo });
    await daemon.ready();
    const command = follow();
    await areThere(1);
    // Several times what the pipe holds.
    const paths = remove(...numbered(500));
    await waitUntil('all is shown', () => command.paths.length === paths.length);
    expect(command.paths).toEqual(paths);
    expect((await daemon.metrics()).get('rmwatch_output_waiting_events')).toBeGreaterThan(0);
    while (reader.read() > 0);
  } finally {
    reader.close();
  }
});

const FLOOD = 30_000;
/** CPU of one turn of the event loop, in milliseconds: two batches, each handed to sixteen readers. */
const TURN_MS = 100;

test('readers that stop cost the log no line and the drain no time, and lose lines of their own', async () => {
  await daemon.start();
  const stopped = await Promise.all(
    numbered(15).map(async () => {
      const connection = net.connect(socket).pause();
      await once(connection, 'connect');
      return connection;
    }),
  );
  const command = follow();
  await areThere(16);
  await daemon.measureLoop();
  remove(...numbered(FLOOD));
  const metrics = await daemon.settleLog();
  const { longestBlockMs } = daemon;
  console.log(`the event loop was held ${longestBlockMs} ms at most`);
  expect(longestBlockMs).toBeLessThan(TURN_MS);
  expect(ledgerGap(metrics)).toBe(0);
  expect(daemon.events()).toHaveLength(FLOOD);
  expect(metrics.get('rmwatch_events_delivered_total')).toBe(FLOOD);
  // Some 30 MB for each, of which 4 MiB may wait.
  expect(metrics.get('rmwatch_socket_lost_lines_total')).toBeGreaterThan(15 * FLOOD * 0.5);

  const told = () =>
    [...command.err.matchAll(/(\d+) lines were lost/g)].reduce((sum, [, count]) => sum + Number(count), 0);
  await waitUntil('the other has all', () => command.out.split('\n').length - 1 + told() === FLOOD, 30_000);
  for (const connection of stopped) connection.destroy();
  await areThere(1);
}, 180_000);

test('tail says what to do without a daemon and without permission', async () => {
  const alone = follow();
  expect(await alone.ended).toBe(1);
  expect(alone.err).toContain(`no daemon offers its events at ${socket}`);
  await daemon.start();
  const stranger = new Command(['tail', '--socket', socket], { uid: 65534 });
  expect(await stranger.ended, stranger.err).toBe(4);
  expect(stranger.err).toContain('that takes root, or the group root');
});

test('a second daemon says who has the port, and what to do', async () => {
  await daemon.start();
  const { address } = daemon;
  const port = new Command(['run', '--no-config', '--listen', address]);
  expect(await port.ended).toBe(1);
  expect(port.err).toContain(`node[${daemon.pid}] uses this address; name another by --listen`);

  const second = new Command(['run', '--config', daemon.configFile, '--listen', '127.0.0.1:0']);
  expect(await second.ended).toBe(1);
  expect(second.err).toMatch(/cannot offer events on .*another process listens/);
  expect(second.err).toContain('watches a place beside it');
});

test('a run of its own beside a daemon offers nothing, and says that there is tail', async () => {
  await daemon.start();
  const run = new Command(['run', daemon.work, '--config', daemon.configFile, '--format', 'json']);
  await waitUntil('it watches', () => run.err.includes('watching for deletions'), 30_000);
  expect(run.err).toContain('a daemon runs already: \\"rmwatch tail\\" follows what it sees');
  const [path] = remove('both');
  await waitUntil('both tell it', () => run.paths.includes(path!) && daemon.events().length === 1);
  run.child.kill('SIGTERM');
  expect(await run.ended).toBe(0);
  expect(await readers()).toBe(0);
});
