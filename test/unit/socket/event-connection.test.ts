import { getEventListeners } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { EventConnection } from '../../../src/socket/event-connection.js';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'rmwatch-connection-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

it('leaves nothing at the signal, however often it tries', async () => {
  const { signal } = new AbortController();
  for (let attempt = 0; attempt < 20; attempt++) {
    await expect(EventConnection.open(join(directory, 'none'), signal)).rejects.toThrow('ENOENT');
  }
  expect(getEventListeners(signal, 'abort')).toEqual([]);
});

it('rejects with the reason of an aborted signal', async () => {
  const server = net.createServer().listen(join(directory, 'events.sock'));
  const ending = new AbortController();
  const opening = EventConnection.open(join(directory, 'events.sock'), ending.signal);
  ending.abort(new Error('enough'));
  await expect(opening).rejects.toThrow('enough');
  await expect(EventConnection.open(join(directory, 'events.sock'), ending.signal)).rejects.toThrow('enough');
  await new Promise((resolve) => server.close(resolve));
});

it('reads what was sent in pieces, and then the end', async () => {
  const path = join(directory, 'events.sock');
  const server = net.createServer((socket) => socket.end('abcdefg')).listen(path);
  const connection = await EventConnection.open(path, new AbortController().signal);
  const buffer = Buffer.alloc(8);
  expect(await connection.read(buffer, 0, 3)).toBe(3);
  expect(await connection.read(buffer, 3, 5)).toBe(4);
  expect(buffer.toString('latin1', 0, 7)).toBe('abcdefg');
  expect(await connection.read(buffer, 0, 8)).toBe(0);
  await connection.close();
  await new Promise((resolve) => server.close(resolve));
});
