import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { waitUntil } from '../lib/wait-until.js';

/**
 * A signal at any moment from the first statement of the program on is a stop or a reload, and never the death of the
 * process. Before that statement the disposition is that of the kernel, which the unit answers by a restart.
 */
const program = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'rmwatch-start-'));
/** From the first statement on, through loading the modules and opening the probe, until after the start. */
const MOMENTS_MS = [0, 2, 5, 10, 20, 40, 70, 120, 200, 400, 1000];
/** With so many watches the start takes seconds: they are read in a thread, compiled in slices, and given to the kernel. */
const MANY = 10_000;
const MOMENTS_OF_MANY_MS = [300, 1000, 2500];

interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  stderr: string;
}

let started: Started | undefined;

afterEach(async () => {
  started?.child.kill('SIGKILL');
  await started?.ended;
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

function start(count: number): Started {
  const config = join(scratch, 'rmwatch.yaml');
  const watches = Array.from({ length: count }, (_, index) => ({
    name: `work-${index}`,
    include: [join(scratch, `work-${index}-*`)],
    exclude: [`*.${index}`],
  }));
  writeFileSync(config, JSON.stringify({ watches, http: { listen: 'off' }, self_test: { interval: 'off' } }));
  const args = [program, 'run', '--config', config, '--format', 'json', '--log', join(scratch, 'events.json')];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = new Promise<Awaited<Started['ended']>>((resolve) =>
    child.once('close', (code, signal) => resolve({ code, signal })),
  );
  const result: Started = { child, ended, stderr: '' };
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    result.stderr += text;
  });
  started = result;
  return result;
}

/** Whether the first statement has run: it takes SIGSTKFLT last, which Node.js does not handle by itself as it does SIGTERM. */
function takesSignals({ child }: Started): boolean {
  const [, caught = '0'] = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8')) ?? [];
  return ((BigInt(`0x${caught}`) >> BigInt(constants.signals.SIGSTKFLT - 1)) & 1n) === 1n;
}

async function signalled(signal: 'SIGTERM' | 'SIGHUP', afterMs: number, watches = 1): Promise<Started> {
  const process = start(watches);
  await waitUntil('the program takes signals', () => takesSignals(process));
  await sleep(afterMs);
  process.child.kill(signal);
  if (watches === MANY && afterMs === MOMENTS_OF_MANY_MS[0])
    expect(process.stderr).not.toContain('watching for deletions');
  return process;
}

const RELOAD_TIMEOUT_MS = 120_000;

async function expectStop({ ended, child }: Started): Promise<void> {
  expect(await ended, `pid ${child.pid}`).toEqual({ code: 0, signal: null });
}

async function expectReload(process: Started): Promise<void> {
  await waitUntil('the reload', () => process.stderr.includes('configuration reloaded'), RELOAD_TIMEOUT_MS);
  process.child.kill('SIGTERM');
  await expectStop(process);
}

describe('a signal during the start', () => {
  it.each(MOMENTS_MS)('SIGTERM %i ms after the first statement is a stop', async (afterMs) => {
    await expectStop(await signalled('SIGTERM', afterMs));
  });

  it.each(MOMENTS_MS)('SIGHUP %i ms after the first statement is a reload', async (afterMs) => {
    await expectReload(await signalled('SIGHUP', afterMs));
  });
});

describe(`a signal during the start with ${MANY} watches`, { timeout: 180_000 }, () => {
  it.each(MOMENTS_OF_MANY_MS)('SIGTERM %i ms after the first statement is a stop', async (afterMs) => {
    await expectStop(await signalled('SIGTERM', afterMs, MANY));
  });

  it.each(MOMENTS_OF_MANY_MS)('SIGHUP %i ms after the first statement is a reload', async (afterMs) => {
    await expectReload(await signalled('SIGHUP', afterMs, MANY));
  });
});
