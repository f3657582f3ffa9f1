import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FifoReader, makeFifo, openFifoForWriting } from '../lib/fifo.js';
import { HostDaemon } from '../lib/host-daemon.js';
import { ledgerGap } from '../lib/metrics.js';
import { isOfRecord } from '../lib/record-marks.js';
import { waitUntil } from '../lib/wait-until.js';

/** What the daemon does when its log cannot be written; the writer alone is tested in test/unit/event-writer.test.ts. */
let daemon: HostDaemon;
/** Of the pipe that is the daemon's stdout. */
let reader: FifoReader | undefined;

beforeEach(() => {
  daemon = new HostDaemon();
});

afterEach(async () => {
  await daemon.dispose();
  reader?.close();
  reader = undefined;
});

const OUTPUT_LOST = 'rmwatch_events_lost_total{reason="output"}';
const DELIVERED = 'rmwatch_events_delivered_total';

let deleted = 0;

function deleteFiles(count: number): void {
  for (let i = 0; i < count; i++) {
    const path = join(daemon.work, `f${deleted++}`);
    writeFileSync(path, '');
    unlinkSync(path);
  }
}

function sequences(lines: string): number[] {
  return lines
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
    .filter((line) => !isOfRecord(line))
    .map(({ event }) => event.sequence);
}

const firstNumbers = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

async function startOnPipe(): Promise<FifoReader> {
  const fifo = join(daemon.directory, 'stdout');
  makeFifo(fifo);
  reader = new FifoReader(fifo);
  const descriptor = openFifoForWriting(fifo);
  daemon.spawn({ log: descriptor });
  closeSync(descriptor);
  await daemon.ready();
  return reader;
}

/** Everywhere where an operator may look. */
async function stuckIsTold(reason: string): Promise<void> {
  const told = new RegExp(`log takes nothing since \\d+ s \\(${reason}\\)`);
  await waitUntil('the header', async () =>
    told.test(String((await daemon.get('/-/ready')).headers['rmwatch-degraded'])),
  );
  const { status, body } = await daemon.get('/-/ready');
  expect([status, body]).toEqual([200, expect.stringMatching(told)]);
  const metrics = await daemon.metrics();
  expect(metrics.get('rmwatch_output_waiting_events')).toBeGreaterThan(0);
  expect(metrics.get('rmwatch_output_waiting_bytes')).toBeGreaterThan(0);
  const idleSeconds = Date.now() / 1000 - metrics.get('rmwatch_output_last_write_timestamp_seconds')!;
  expect(idleSeconds).toBeGreaterThanOrEqual(2);
  await waitUntil('the warning', () => daemon.diagnostics().includes('"message":"the log takes nothing"'));
}

test('a disk that is full costs no event when there is room again in time', async () => {
  const small = join(daemon.directory, 'small');
  const log = join(small, 'events.json');
  mkdirSync(small);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=128k', 'tmpfs', small]);
  try {
    daemon.spawn({ log });
    await daemon.ready();
    deleteFiles(400);
    await waitUntil('the full disk is told', () => daemon.diagnostics().includes('ENOSPC'));
    const full = await daemon.settle();
    expect(full.get(DELIVERED)).toBeLessThan(400);
    expect([full.get(DELIVERED)! + ledgerGap(full), full.get(OUTPUT_LOST)]).toEqual([400, 0]);
    expect((await daemon.get('/-/healthy')).status).toBe(200);
    await stuckIsTold('ENOSPC');
    execFileSync('mount', ['-o', 'remount,size=4m', small]);
    await waitUntil('the recovery is told', () => daemon.diagnostics().includes('events can be written again'));
    deleteFiles(1);
    const written = await daemon.settle();
    const { headers, body } = await daemon.get('/-/ready');
    expect(`${headers['rmwatch-degraded']} ${body}`).not.toContain('log takes nothing');
    expect(written.get('rmwatch_output_waiting_events')).toBe(0);
    await waitUntil('that it is over is told', () => daemon.diagnostics().includes('the log takes lines again'));
    expect([written.get(DELIVERED), written.get(OUTPUT_LOST), ledgerGap(written)]).toEqual([401, 0, 0]);
    expect(await daemon.stop()).toBe(0);
    expect(sequences(readFileSync(log, 'utf8'))).toEqual(firstNumbers(401));
  } finally {
    execFileSync('umount', ['--lazy', small]);
  }
});

test('a reader that is gone for good costs its events, which are counted, and not the daemon', async () => {
  (await startOnPipe()).close();
  reader = undefined;
  deleteFiles(100);
  await waitUntil('it is told', () => daemon.diagnostics().includes('EPIPE'));
  deleteFiles(100);
  const metrics = await daemon.settle();
  expect([metrics.get(DELIVERED), metrics.get(OUTPUT_LOST), ledgerGap(metrics)]).toEqual([0, 200, 0]);
  expect(metrics.get('rmwatch_deletions_total{watch="work",operation="unlink"}')).toBe(200);
  expect((await daemon.get('/-/ready')).status).toBe(200);
  await waitUntil('the loss is told', () => daemon.diagnostics().includes('events were lost'));
  expect(await daemon.stop()).toBe(0);
});

test('a journal whose socket is closed ends nothing, and its events are counted as lost', async () => {
  const path = join(daemon.directory, 'journal');
  const listener = net.createServer().listen(path);
  await once(listener, 'listening');
  const [[peer]] = await Promise.all([
    once(listener, 'connection') as Promise<[net.Socket]>,
    daemon.spawnOnSocket(path),
  ]);
  try {
    await daemon.ready();
    peer.destroy();
    deleteFiles(100);
    await waitUntil('the loss is counted', async () => {
      deleteFiles(1);
      return (await daemon.metrics()).get(OUTPUT_LOST)! > 0;
    });
    expect((await daemon.get('/-/healthy')).status).toBe(200);
    expect(await daemon.stop()).toBe(0);
  } finally {
    listener.close();
  }
});

test('a pipe that nobody reads for a while holds nothing up, and gets all in the end', async () => {
  const pipe = await startOnPipe();
  deleteFiles(1_000);
  const blocked = await daemon.settle();
  expect(blocked.get(DELIVERED)).toBeLessThan(1_000);
  expect([blocked.get(DELIVERED)! + ledgerGap(blocked), blocked.get(OUTPUT_LOST)]).toEqual([1_000, 0]);
  await stuckIsTold('no reader');
  await waitUntil('all is read', () => {
    pipe.read();
    // And the two lines of the start, and the one of the burst.
    return pipe.text.split('\n').length > 1_003;
  });
  const metrics = await daemon.settle();
  expect([metrics.get(DELIVERED), metrics.get(OUTPUT_LOST), ledgerGap(metrics)]).toEqual([1_000, 0, 0]);
  expect(await daemon.stop()).toBe(0);
  expect(sequences(pipe.text)).toEqual(firstNumbers(1_000));
});

test('a pipe that nobody ever reads does not hold up the end, and what it cost is told', async () => {
  const pipe = await startOnPipe();
  deleteFiles(1_000);
  await daemon.settle();
  const began = performance.now();
  expect(await daemon.stop()).toBe(1);
  expect(performance.now() - began).toBeLessThan(10_000);
  expect(daemon.diagnostics()).toContain('not everything could be written');
  const { delivered, lost } = daemon.lastDiagnostic().rmwatch;
  expect(lost.output).toBeGreaterThan(0);
  expect(delivered + lost.output).toBe(1_000);
  // What the pipe holds was delivered; the end of its last line may be missing.
  while (pipe.read() > 0);
  expect(sequences(pipe.text.slice(0, pipe.text.lastIndexOf('\n')))).toEqual(firstNumbers(delivered));
});
