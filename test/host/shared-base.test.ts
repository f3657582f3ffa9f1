import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import { expectCheckedLines } from '../lib/checked-lines.js';
import { HostDaemon } from '../lib/host-daemon.js';
import { staticProgram } from '../lib/static-program.js';

/** In tracepoint mode, which reads the directory that a name starts from only when the call returns. */
const COUNT = 300;

const program = staticProgram(fileURLToPath(new URL('shared-base.c', import.meta.url)), '-pthread');
let daemon: HostDaemon;
let other: string;

beforeEach(() => {
  daemon = new HostDaemon();
  other = mkdtempSync(join(tmpdir(), 'rmwatch-other-'));
});

afterEach(async () => {
  rmSync(other, { recursive: true });
  await daemon.dispose();
});
afterAll(expectCheckedLines);

test.each(['dup', 'chdir'])('a thread that changes the base with %s makes no wrong path complete', async (how) => {
  const watched = join(daemon.work, 'watched');
  mkdirSync(watched);
  daemon.configure({
    watches: [{ name: 'work', include: [`${daemon.work}/**`, `${other}/**`] }],
    probe: { attach: 'tracepoint' },
  });
  await daemon.start();
  execFileSync(program, [how, watched, other, String(COUNT)]);
  const events = (await daemon.settledEvents()).filter(({ process }) => process.name === 'program');
  expect(events).toHaveLength(COUNT);
  const complete = events.filter(({ rmwatch }) => rmwatch.path_complete);
  expect(complete.map(({ file }) => file.path)).toEqual([]);
  expect(new Set(events.map(({ rmwatch }) => rmwatch.requested_path))).toEqual(new Set(['file']));
});
