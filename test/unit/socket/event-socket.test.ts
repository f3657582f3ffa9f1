import { lstatSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EventSocket, type SocketLimits } from '../../../src/socket/event-socket.js';
import { waitUntil } from '../../lib/wait-until.js';

let directory: string;
let path: string;
const open: { close(): unknown }[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'rmwatch-socket-'));
  path = join(directory, 'events.sock');
});

afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
  rmSync(directory, { recursive: true });
});

async function offering(limits: Partial<SocketLimits> = {}): Promise<EventSocket> {
  const socket = await EventSocket.open(path, { limits: { graceMs: 200, ...limits }, onProblem: () => {} });
  open.push(socket);
  return socket;
}

/** A program at the socket, that reads unless it is told to pause. */
class Reader {
  text = '';
  closed = false;
  readonly connection: net.Socket;

  constructor(at = path) {
    this.connection = net.connect(at);
    this.connection.on('data', (data) => {
      this.text += data;
    });
    this.connection.on('error', () => {});
    this.connection.on('close', () => {
      this.closed = true;
    });
    open.push({ close: () => this.connection.destroy() });
  }

  get lines(): string[] {
    return this.text.split('\n').slice(0, -1);
  }

  /** Lines of events, without what the socket itself says. */
  get events(): string[] {
    return this.lines.filter((line) => !line.includes('rmwatch.socket'));
  }

  /** What the socket says, by action. */
  told(action: string): Record<string, number>[] {
    const lines = this.lines.filter((line) => line.includes('rmwatch.socket')).map((line) => JSON.parse(line));
    return lines.filter(({ event }) => event.action === action).map(({ rmwatch }) => rmwatch.socket);
  }

  /** Waits until it is served. */
  async connected(): Promise<this> {
    await waitUntil('the reader is welcome', () => this.told('connected').length > 0);
    return this;
  }
}

function offer(socket: EventSocket, ...lines: string[]): void {
  const chunk = Buffer.from(lines.map((line) => `${line}\n`).join(''));
  socket.offer(chunk, chunk.length, lines.length);
  // As LineBuffer does: the chunk is used again.
  chunk.fill(0);
}

/** Numbered lines of a kilobyte each. */
const kilobytes = (from: number, count: number) =>
  Array.from({ length: count }, (_, index) => String(from + index).padEnd(1023, '.'));
const numberOf = (line: string) => Number.parseInt(line, 10);

describe('EventSocket', () => {
  it('gives every reader each line from its connection on, in order', async () => {
    const socket = await offering();
    offer(socket, 'before');
    const readers = await Promise.all([new Reader().connected(), new Reader().connected()]);
    offer(socket, 'one', 'two');
    socket.notice('about none');
    offer(socket, 'three');
    for (const reader of readers) {
      await waitUntil('all is read', () => reader.events.length === 4);
      expect(reader.events).toEqual(['one', 'two', 'about none', 'three']);
      expect(reader.told('connected')).toEqual([{ events: 1 }]);
    }
    expect(socket.readerCount).toBe(2);
  });

  it('lets only the owner and the group connect', async () => {
    await offering();
    expect(statSync(path).mode & 0o777).toBe(0o660);
  });

  it('costs a reader that stops lines of its own, counts and tells them, and costs others nothing', async () => {
    const socket = await offering({ waitingBytes: 1 << 20 });
    const [stopped, swift] = await Promise.all([new Reader().connected(), new Reader().connected()]);
    stopped.connection.pause();
    for (let from = 0; from < 8000; from += 100) {
      offer(socket, ...kilobytes(from, 100));
      await waitUntil('the swift one has it', () => swift.text.length >= (from + 100) * 1024);
    }
    expect(swift.events.map(numberOf)).toEqual([...Array(8000).keys()]);
    expect(swift.told('reader-lost')).toEqual([]);
    stopped.connection.resume();
    await waitUntil('it is told', () => stopped.told('reader-lost').length > 0);
    offer(socket, 'later');
    await waitUntil('it goes on', () => stopped.events.at(-1) === 'later');
    const got = stopped.events.slice(0, -1).map(numberOf);
    const lost = stopped.told('reader-lost').reduce((sum, { lines }) => sum + lines!, 0);
    expect(got).toEqual([...Array(got.length).keys()]);
    // What the kernel holds beside the limit differs from host to host.
    expect(got.length).toBeGreaterThanOrEqual(1000);
    expect(got.length).toBeLessThan(4000);
    expect(lost + got.length).toBe(8000);
    expect(socket.lostLines).toBe(lost);
  });

  it('gives a slow reader long pieces: after a loss it goes on when half of what waited is read', async () => {
    const socket = await offering({ waitingBytes: 100_000 });
    const slow = await new Reader().connected();
    slow.connection.pause();
    for (let from = 0; from < 2000; from += 10) offer(socket, ...kilobytes(from, 10));
    expect(socket.lostLines).toBeGreaterThan(0);
    slow.connection.resume();
    await waitUntil('it is told', () => slow.told('reader-lost').length > 0);
    expect(slow.told('reader-lost')).toEqual([{ lines: socket.lostLines }]);
  });

  it('takes sixteen readers, tells a further one so, and takes another when one has gone', async () => {
    const socket = await offering();
    const readers = await Promise.all(Array.from({ length: 16 }, () => new Reader().connected()));
    const refused = new Reader();
    await waitUntil('it is sent away', () => refused.closed);
    expect(refused.told('refused')).toEqual([{ readers: 16 }]);
    readers[0]!.connection.destroy();
    await waitUntil('its place is free', () => socket.readerCount === 15);
    await new Reader().connected();
  });

  it.each([
    ['sends something', (reader: Reader) => reader.connection.write('GET / HTTP/1.1\r\n\r\n')],
    ['ends its side', (reader: Reader) => reader.connection.end()],
  ])('cuts a reader that %s', async (_name, act) => {
    const socket = await offering();
    const reader = await new Reader().connected();
    act(reader);
    await waitUntil('it is cut', () => reader.closed && socket.readerCount === 0);
  });

  it('replaces a socket that nobody listens on', async () => {
    const dead = net.createServer().listen(path);
    await waitUntil('it listens', () => dead.listening);
    // As a process that is killed leaves it: the descriptor goes, the name stays.
    const kept = `${path}.kept`;
    const { linkSync, renameSync } = await import('node:fs');
    linkSync(path, kept);
    await new Promise((resolve) => dead.close(resolve));
    renameSync(kept, path);
    await offering();
    await new Reader().connected();
  });

  it.each([
    [
      'a socket that somebody listens on',
      () => void open.push(net.createServer().listen(path)),
      'another process listens',
    ],
    ['a file', () => writeFileSync(path, 'mine'), 'exists and is not a socket'],
    [
      'a symbolic link, also to a dead socket',
      () => symlinkSync(join(directory, 'elsewhere'), path),
      'exists and is not a socket',
    ],
  ])('leaves alone %s', async (_name, prepare, message) => {
    prepare();
    const before = lstatSync(path).ino;
    await expect(offering()).rejects.toThrow(new RegExp(`cannot offer events on ${path}: .*${message}`));
    expect(lstatSync(path).ino).toBe(before);
  });

  it('names the directory that is missing', async () => {
    path = join(directory, 'none', 'events.sock');
    await expect(offering()).rejects.toThrow(`there is no directory ${directory}/none`);
  });

  it('moves to another path when the change is kept, and stays when it is given up', async () => {
    const socket = await offering();
    const reader = await new Reader().connected();
    const next = join(directory, 'next.sock');
    await (await socket.prepare(next)).abandon();
    expect(() => lstatSync(next)).toThrow('ENOENT');
    offer(socket, 'still here');
    await waitUntil('it is read', () => reader.events.length === 1);

    await (await socket.prepare(next)).commit();
    await waitUntil('the old readers have gone', () => reader.closed);
    expect(() => lstatSync(path)).toThrow('ENOENT');
    const other = await new Reader(next).connected();
    offer(socket, 'there');
    await waitUntil('it is read', () => other.events.length === 1);

    await (await socket.prepare(undefined)).commit();
    expect(() => lstatSync(next)).toThrow('ENOENT');
    expect(socket.readerCount).toBe(0);
  });

  it('lets readers have what waits when it closes, but not for ever', async () => {
    const socket = await offering({ graceMs: 300 });
    const [reader, stopped] = await Promise.all([new Reader().connected(), new Reader().connected()]);
    stopped.connection.pause();
    offer(socket, ...kilobytes(0, 2000));
    await socket.close();
    await waitUntil('the end comes', () => reader.closed);
    expect(reader.events).toHaveLength(2000);
    expect(() => lstatSync(path)).toThrow('ENOENT');
  });

  it('closes with as many readers as there may be, without a warning of Node', async () => {
    const warned: Error[] = [];
    const hear = (warning: Error) => void warned.push(warning);
    process.on('warning', hear);
    try {
      const socket = await offering();
      await Promise.all(Array.from({ length: 16 }, () => new Reader().connected()));
      await socket.close();
      await new Promise((resolve) => setImmediate(resolve));
      expect(warned).toEqual([]);
    } finally {
      process.off('warning', hear);
    }
  });
});
