import { getEventListeners } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { followEvents } from '../../../src/socket/event-follower.js';
import { EventSocket } from '../../../src/socket/event-socket.js';
import { logLine } from '../../lib/log-lines.js';
import { waitUntil } from '../../lib/wait-until.js';

let directory: string;
let path: string;
let socket: EventSocket;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'rmwatch-follower-'));
  path = join(directory, 'events.sock');
  socket = await EventSocket.open(path, { limits: { graceMs: 200 }, onProblem: () => {} });
});
afterEach(async () => {
  await socket.close();
  rmSync(directory, { recursive: true });
});

const IGNORING = {
  ...{ needles: [], onDeletion: () => {}, onRecord: () => {}, onNews: () => {}, onOversized: () => {} },
  ...{ onGone: () => {}, onBack: () => {} },
};

function offer(): void {
  const chunk = Buffer.from(`${logLine({})}\n`);
  socket.offer(chunk, chunk.length, 1);
}

it('leaves nothing at the signal, however many pieces it has read', async () => {
  const ending = new AbortController();
  let lines = 0;
  const onCandidate = () => {
    lines += 1;
  };
  const end = followEvents({ ...IGNORING, path, signal: ending.signal, onCandidate, rest: async () => {} });
  await waitUntil('it is connected', () => socket.readerCount === 1);
  for (let piece = 1; piece <= 50; piece++) {
    offer();
    await waitUntil('it is read', () => lines === piece);
  }
  expect(getEventListeners(ending.signal, 'abort').length).toBeLessThanOrEqual(2);
  ending.abort();
  expect(await end).toEqual({ kind: 'ended' });
  expect(getEventListeners(ending.signal, 'abort')).toEqual([]);
});

it('ends at the signal while the output takes nothing', async () => {
  const ending = new AbortController();
  let waits = false;
  const rest = () => {
    waits = true;
    return new Promise<void>(() => {});
  };
  const end = followEvents({ ...IGNORING, path, signal: ending.signal, onCandidate: () => {}, rest });
  await waitUntil('it waits', () => waits);
  ending.abort();
  expect(await end).toEqual({ kind: 'ended' });
});
