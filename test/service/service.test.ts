import { beforeAll, test } from 'vitest';
import { sharedPackage } from '../support/packages.js';
import { findPrometheus } from '../support/prometheus.js';
import { ServiceGuest } from './service-guest.js';

/** The kernel of Debian 13, under the systemd of Debian 12, which is the oldest that the package is for. */
const KERNEL = '6.12';
const CHECKS = [
  'installed, not started',
  'READY only after the first self-test',
  'has two capabilities and is confined',
  'deletions of other users, namespaces and units are told right',
  'the journal has every line as JSON, and a warning of none',
  'a Prometheus with the configuration that is shipped has the rate of deletions',
  'reload takes over a good configuration and refuses a bad one',
  'stops in order',
  'the kprobe drop-in lets it attach by kprobes',
  'logrotate moves the log away and nothing is lost',
  'the root drop-in runs it as root',
  'the watchdog ends a daemon that stands still, and it is started again',
  'an upgrade keeps the edited configuration and goes on',
  'removal stops it and keeps configuration and log',
  'every event line is of the schema',
  'purge leaves nothing but the user',
];

const PACKAGES = '/opt/packages';
let guest: ServiceGuest;

/** The package that brings its own Node.js, under a real systemd: the Debian root has none. */
beforeAll(async () => {
  const prometheus = findPrometheus();
  if ('missing' in prometheus) throw new Error(prometheus.missing);
  const first = sharedPackage({ flavour: 'bundled' });
  const second = sharedPackage({ flavour: 'bundled', revision: 2 });
  guest = await ServiceGuest.run({
    kernel: KERNEL,
    release: '12',
    packages: {
      [first]: `${PACKAGES}/first.deb`,
      [second]: `${PACKAGES}/second.deb`,
      [prometheus.server]: '/opt/prometheus',
    },
    command: `apt-get install -qq -y ${PACKAGES}/first.deb &&
      /usr/lib/rmwatch/node /opt/guest/service.mjs ${PACKAGES}/second.deb`,
  });
}, 2_400_000);

test.each(CHECKS)('%s', (check) => guest.expectOk(check));

test('the guest reports success, and its kernel complains of nothing', () => guest.expectDone(CHECKS));
