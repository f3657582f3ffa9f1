import { mkdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import { expectCheckedLines } from '../lib/checked-lines.js';
import { HostDaemon } from '../lib/host-daemon.js';
import { NotifyListener } from '../lib/notify-listener.js';
import { waitUntil } from '../lib/wait-until.js';

/** What the daemon tells systemd; what systemd makes of it is tested in a guest. */
let daemon: HostDaemon;
let listener: NotifyListener;

beforeEach(async () => {
  daemon = new HostDaemon();
  listener = new NotifyListener(join(daemon.directory, 'notify.sock'));
  await listener.listening();
});

afterEach(async () => {
  await daemon.dispose();
  listener.close();
});

afterAll(expectCheckedLines);

const told = (line: string) => listener.messages().filter((message) => message.includes(line));
const hears = (line: string) => waitUntil(line, () => told(line).length > 0, 20_000);

test('readiness waits for a self-test that passes; then watchdog, reload and end are told', async () => {
  const selfTests = join(daemon.directory, 'later');
  const fromSystemd = { NOTIFY_SOCKET: listener.path, RUNTIME_DIRECTORY: selfTests, WATCHDOG_USEC: '400000' };
  daemon.spawn({ environment: { ...process.env, ...fromSystemd } });
  await waitUntil(
    'a status',
    () =>
      listener
        .messages()
        .flat()
        .some((line) => line.startsWith('STATUS=SELF-TEST FAILING')),
    20_000,
  );
  // A reload now must not look like the end of the start either.
  daemon.signal('SIGHUP');
  await waitUntil('the reload', () => daemon.diagnostics().includes('configuration reloaded'), 10_000);
  expect(told('READY=1')).toEqual([]);
  expect((await daemon.get('/-/ready')).status).toBe(503);

  mkdirSync(selfTests);
  await hears('READY=1');
  expect(told('READY=1')).toEqual([['READY=1', expect.stringMatching(/^STATUS=watching: 1 watches, /)]]);
  await hears('WATCHDOG=1');
  const watched = join(daemon.work, 'watched');
  mkdirSync(watched);
  rmdirSync(watched);
  await waitUntil('its line', () => daemon.events().length === 1, 5_000);

  daemon.signal('SIGHUP');
  await hears('RELOADING=1');
  expect(told('RELOADING=1')).toEqual([['RELOADING=1', expect.stringMatching(/^MONOTONIC_USEC=\d+$/)]]);
  await waitUntil('ready again', () => told('READY=1').length === 2, 10_000);

  expect(await daemon.stop()).toBe(0);
  await hears('STOPPING=1');
  expect(listener.messages().at(-1)).toEqual(['STOPPING=1']);
});
