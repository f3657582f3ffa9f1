import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, test } from 'vitest';
import { makePackage } from '../support/packages.js';
import { ServiceGuest } from './service-guest.js';

/** Debian 13 with its own kernel; all else is tried on Debian 12, see service.test.ts. */
const RELEASE = '13';
const KERNEL = '6.12';
const CHECKS = [
  'installed, not started',
  'is READY with the Node.js of the host, and tells a deletion',
  'the package with Node.js takes over and keeps the configuration',
  'the package without takes over again and keeps the configuration',
  'every event line is of the schema',
  'purge leaves nothing but the user',
];

const PLAIN = '/opt/packages/plain.deb';
const BUNDLED = '/opt/packages/bundled.deb';
let scratch: string;
let guest: ServiceGuest;

/** A host that has the Node.js that the plain package asks for. */
beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'rmwatch-flavours-'));
  const plain = makePackage(scratch, { flavour: 'plain' });
  const bundled = makePackage(scratch, { flavour: 'bundled' });
  guest = await ServiceGuest.run({
    kernel: KERNEL,
    release: RELEASE,
    packages: { [plain]: PLAIN, [bundled]: BUNDLED },
    command: `apt-get install -qq -y ${PLAIN} && node /opt/guest/flavours.mjs ${PLAIN} ${BUNDLED}`,
  });
}, 2_400_000);

afterAll(() => rmSync(scratch, { recursive: true, force: true }));

test.each(CHECKS)('%s', (check) => guest.expectOk(check));

test('the guest reports success, and its kernel complains of nothing', () => guest.expectDone(CHECKS));
