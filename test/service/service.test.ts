import { beforeAll, test } from 'vitest';
import { sharedPackage } from '../lib/packages.js';
import { findPrometheus } from '../lib/prometheus.js';
import { SCHEMA_CHECK } from './judge-systemd.js';
import { ServiceGuest } from './service-guest.js';
import { SERVICE_CHECKS } from './sessions.js';

const CHECKS = [...Object.values(SERVICE_CHECKS), SCHEMA_CHECK];
const FIRST = '/opt/packages/first.deb';
const SECOND = '/opt/packages/second.deb';

let guest: ServiceGuest;

/**
 * The package that brings its own Node.js, as the Debian root has none. The kernel of Debian 13, under the systemd of Debian
 * 12, which is the oldest that the package is for.
 */
beforeAll(async () => {
  const prometheus = findPrometheus();
  if ('missing' in prometheus) throw new Error(prometheus.missing);
  guest = await ServiceGuest.run({
    kernel: '6.12',
    release: '12',
    session: { kind: 'service', name: 'service', upgrade: SECOND },
    files: {
      [sharedPackage({ flavour: 'bundled' })]: FIRST,
      [sharedPackage({ flavour: 'bundled', revision: 2 })]: SECOND,
      [prometheus.server]: '/opt/prometheus',
    },
    disks: [{ fs: 'btrfs', sizeMiB: 256, mountAt: '/srv/btrfs' }],
    modules: ['overlay'],
    installed: FIRST,
    node: '/usr/lib/rmwatch/node',
  });
}, 2_400_000);

test.each(CHECKS)('%s', (check) => guest.expectOk(check));

test('the guest reports success, and its kernel complains of nothing', () => guest.expectDone(CHECKS));
