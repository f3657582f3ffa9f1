import { beforeAll, test } from 'vitest';
import { sharedPackage } from '../lib/packages.js';
import { SCHEMA_CHECK } from './judge-systemd.js';
import { ServiceGuest } from './service-guest.js';
import { FLAVOURS_CHECKS } from './sessions.js';

const CHECKS = [...Object.values(FLAVOURS_CHECKS), SCHEMA_CHECK];
const PLAIN = '/opt/packages/plain.deb';
const BUNDLED = '/opt/packages/bundled.deb';

let guest: ServiceGuest;

/** Debian 13, which has the Node.js that the plain package asks for, with its own kernel. */
beforeAll(async () => {
  guest = await ServiceGuest.run({
    kernel: '6.12',
    release: '13',
    session: { kind: 'flavours', name: 'flavours', plain: PLAIN, bundled: BUNDLED },
    files: { [sharedPackage({ flavour: 'plain' })]: PLAIN, [sharedPackage({ flavour: 'bundled' })]: BUNDLED },
    installed: PLAIN,
    node: 'node',
  });
}, 2_400_000);

test.each(CHECKS)('%s', (check) => guest.expectOk(check));

test('the guest reports success, and its kernel complains of nothing', () => guest.expectDone(CHECKS));
