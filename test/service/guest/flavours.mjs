/**
 * Runs in a guest with systemd and a Node.js of its own: from the package that uses that to the one that brings another,
 * and back. Reports as service.mjs does. Arguments: the plain package, which has been installed by the caller, and the
 * bundled one.
 */
import fs from 'node:fs';
import {
  CONFIG,
  check,
  configure,
  DROP_INS,
  deletionIsCounted,
  dropIn,
  everyLineIsOfTheSchema,
  exitCode,
  nothingIsLeft,
  TEST_SETTINGS,
} from './checks.mjs';
import { deletions, rmwatchLines } from './daemon-view.mjs';
import { poll, run, runOk, systemd, unit } from './machine.mjs';

const [PLAIN, BUNDLED] = process.argv.slice(2);
const OWN_NODE = '/usr/lib/rmwatch/node';

/** What dpkg wants of a package and what it has: "ii" when it is installed, "rc" when configuration is left of it. */
const state = (name) => run('dpkg', '--list', name).stdout.trim().split('\n').at(-1).slice(0, 2);
const executable = () => fs.readlinkSync(`/proc/${unit().MainPID}/exe`);

/** Installs the other flavour over the one that runs. `from`, `to`: names of packages; `node`: the program that runs then. */
async function switchTo(file, { from, to, node }, expect) {
  const { MainPID } = unit();
  const edited = fs.readFileSync(CONFIG, 'utf8');
  runOk('apt-get', 'install', '-qq', '-y', file);
  expect(to, state(to), 'ii');
  expect(from, state(from), 'rc');
  expect('configuration', fs.readFileSync(CONFIG, 'utf8'), edited);
  await poll('another process', () => unit().MainPID !== MainPID && unit().ActiveState === 'active');
  expect('enabled', run('systemctl', 'is-enabled', 'rmwatch').stdout.trim(), 'enabled');
  expect('Node.js', executable(), node);
  await deletionIsCounted('kept', expect);
  // What is left of the other one takes nothing along.
  runOk('dpkg', '--purge', from);
  expect('configuration after the purge', fs.readFileSync(CONFIG, 'utf8'), edited);
  expect('enabled after the purge', run('systemctl', 'is-enabled', 'rmwatch').stdout.trim(), 'enabled');
  expect('logrotate after the purge', fs.existsSync('/etc/logrotate.d/rmwatch'), true);
  await deletionIsCounted('kept', expect);
}

await check('installed, not started', (expect) => {
  expect('enabled', run('systemctl', 'is-enabled', 'rmwatch').stdout.trim(), 'disabled');
  expect('active', unit().ActiveState, 'inactive');
  expect('configuration', run('rmwatch', 'validate').stdout, `${CONFIG} is valid: 1 watch\n`);
  expect('a Node.js of its own', fs.existsSync(OWN_NODE), false);
});

await check('is READY with the Node.js of the host, and tells a deletion', async (expect) => {
  configure('kept', { attach: 'fentry' });
  dropIn('test.conf', TEST_SETTINGS);
  systemd('enable', '--now', 'rmwatch');
  expect('status', unit().StatusText, 'watching: 1 watches, fentry on do_unlinkat');
  expect('Node.js', executable(), fs.realpathSync('/usr/bin/node'));
  await deletionIsCounted('kept', expect);
  await poll('its line', () => deletions(rmwatchLines()).length === 1);
  expect('path', deletions(rmwatchLines())[0].file.path, '/srv/counted');
});

await check('the package with Node.js takes over and keeps the configuration', (expect) =>
  switchTo(BUNDLED, { from: 'rmwatch', to: 'rmwatch-bundled', node: OWN_NODE }, expect),
);

await check('the package without takes over again and keeps the configuration', (expect) =>
  switchTo(PLAIN, { from: 'rmwatch-bundled', to: 'rmwatch', node: fs.realpathSync('/usr/bin/node') }, expect),
);

await check('every event line is of the schema', (expect) => {
  systemd('stop', 'rmwatch');
  return everyLineIsOfTheSchema(expect);
});

await check('purge leaves nothing but the user', (expect) => {
  fs.rmSync(DROP_INS, { recursive: true });
  runOk('apt-get', 'purge', '-qq', '-y', 'rmwatch');
  nothingIsLeft(expect);
});

process.exitCode = exitCode();
