import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import { expectCheckedLines } from '../lib/checked-lines.js';
import { HostDaemon } from '../lib/host-daemon.js';
import { ledgerGap, lostEvents } from '../lib/metrics.js';
import { staticProgram } from '../lib/static-program.js';

/** In tracepoint mode, on this machine's own kernel; the other modes have their crowds in guests. */
const source = fileURLToPath(new URL('../guest/programs/contention.c', import.meta.url));
const program = staticProgram(source, '-pthread');
const FILES = 4_800;
const VICTIMS = 400;

let daemon: HostDaemon;

beforeEach(async () => {
  daemon = new HostDaemon();
  daemon.configure({
    watches: [{ name: 'work', include: [`${daemon.work}/**`] }],
    probe: { attach: 'tracepoint' },
  });
  await daemon.start();
});
afterEach(() => daemon.dispose());
afterAll(expectCheckedLines);

function crowd(threads: number, files: number, where: 'one' | 'many'): { pid: number; count: number } {
  const args = ['crowd', daemon.work, String(threads), String(files / threads), where];
  return JSON.parse(execFileSync(program, args, { encoding: 'utf8' }));
}

/** Each deletion of a crowd has one line, or is counted as lost. */
async function expectAccountOf({ pid, count }: { pid: number; count: number }): Promise<void> {
  const metrics = await daemon.settle();
  const lines = daemon.events().filter(({ process }) => process.pid === pid);
  const paths = new Set(lines.map(({ file }) => file.path));
  expect(paths.size).toBe(lines.length);
  expect(lines.length + lostEvents(metrics)).toBe(count);
  // Older kernels leave out no program on a tracepoint.
  if (Number.parseInt(release(), 10) < 7) expect(lines).toHaveLength(count);
  expect(ledgerGap(metrics)).toBe(0);
}

test.each([
  [12, 'one'],
  [48, 'many'],
  [200, 'one'],
] as const)('%i threads delete at once, in %s: each file is told once, or counted as lost', async (threads, where) => {
  await expectAccountOf(crowd(threads, FILES, where));
});

test('deletions beside tasks that are preempted half way are told once, or counted as lost', async () => {
  const elsewhere = mkdtempSync(join(tmpdir(), 'rmwatch-elsewhere-'));
  chmodSync(elsewhere, 0o777);
  const attack = spawn(program, ['preempt', elsewhere], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(attack, 'exit');
  try {
    await once(attack.stdout, 'data');
    const did = crowd(4, VICTIMS, 'one');
    attack.stdin.end();
    await ended;
    await expectAccountOf(did);
  } finally {
    attack.stdin.end();
    await ended;
    rmSync(elsewhere, { recursive: true, force: true });
  }
}, 60_000);
