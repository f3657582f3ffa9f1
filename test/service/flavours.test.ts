import { beforeAll, test } from 'vitest';
import { sharedPackage } from '../support/packages.js';
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
let guest: ServiceGuest;

/** A host that has the Node.js that the plain package asks for. */
beforeAll(async () => {
  const plain = sharedPackage({ flavour: 'plain' });
  const bundled = sharedPackage({ flavour: 'bundled' });
  guest = await ServiceGuest.run({
    kernel: KERNEL,
    release: RELEASE,
    packages: { [plain]: PLAIN, [bundled]: BUNDLED },
    command: `apt-get install -qq -y ${PLAIN} && node /opt/guest/flavours.mjs ${PLAIN} ${BUNDLED}`,
  });
}, 2_400_000);

test.each(CHECKS)('%s', (check) => guest.expectOk(check));

test('the guest reports success, and its kernel complains of nothing', () => guest.expectDone(CHECKS));
