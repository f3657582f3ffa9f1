import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runGuest } from '../guest/guest.mjs';
import { ensureDebianRoot } from '../guest/systemd-root.mjs';
import { makePackage } from '../support/packages.js';

/** The kernel of Debian 13, under the systemd of Debian 12, which is the oldest that the package is for. */
const KERNEL = '6.12';
const CHECKS = [
  'installed, not started',
  'READY only after the first self-test',
  'has two capabilities and is confined',
  'deletions of other users, namespaces and units are told right',
  'the journal has every line as JSON, and a warning of none',
  'reload takes over a good configuration and refuses a bad one',
  'stops in order',
  'the kprobe drop-in lets it attach by kprobes',
  'logrotate moves the log away and nothing is lost',
  'the root drop-in runs it as root',
  'the watchdog ends a daemon that stands still, and it is started again',
  'an upgrade keeps the edited configuration and goes on',
  'removal stops it and keeps configuration and log',
  'purge leaves nothing but the user',
];

/** What guest/service.mjs reports. */
interface Check {
  readonly check: string;
  readonly ok: boolean;
  readonly problems: readonly string[];
  readonly seconds: number;
}

interface GuestResult {
  readonly exitCode: number;
  readonly results: readonly Check[];
  readonly splats: readonly string[];
  readonly seconds: number;
  readonly runDir: string;
}

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const PACKAGES = '/opt/packages';
let scratch: string;
let result: GuestResult;

/** The package that brings its own Node.js, under a real systemd: the Debian root has none. */
beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'rmwatch-service-'));
  const first = makePackage(scratch, { flavour: 'bundled' });
  const second = makePackage(scratch, { flavour: 'bundled', revision: 2 });
  result = (await runGuest({
    kernel: KERNEL,
    label: 'service',
    root: await ensureDebianRoot(),
    initrdFiles: {
      [first]: `${PACKAGES}/first.deb`,
      [second]: `${PACKAGES}/second.deb`,
      [here('guest')]: '/opt/guest',
      [here('../kernel/guest')]: '/opt/kernel-guest',
    },
    command: `apt-get install -qq -y ${PACKAGES}/first.deb &&
      /usr/lib/rmwatch/node /opt/guest/service.mjs ${PACKAGES}/second.deb`,
    timeoutSeconds: 1_500,
  })) as GuestResult;
  console.log(`the service on Linux ${KERNEL}: ${result.seconds} s, see ${result.runDir}`);
  for (const { check, ok, seconds, problems: _, ...facts } of result.results) {
    console.log(`  ${ok ? 'ok' : 'NOT OK'} ${check}: ${seconds} s ${JSON.stringify(facts)}`);
  }
}, 2_400_000);

afterAll(() => rmSync(scratch, { recursive: true, force: true }));

test.each(CHECKS)('%s', (check) => {
  const found = result.results.filter((one) => one.check === check);
  expect(
    found.map(({ ok, problems }) => ({ ok, problems })),
    `see ${result.runDir}`,
  ).toEqual([{ ok: true, problems: [] }]);
});

test('the guest reports success, and its kernel complains of nothing', () => {
  expect(result.exitCode, `see ${result.runDir}`).toBe(0);
  expect(result.splats).toEqual([]);
  expect(result.results.map(({ check }) => check)).toEqual(CHECKS);
});
