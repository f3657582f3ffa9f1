/**
 * Records the session `flavours`: from the package that uses the Node.js of the guest to the one that brings another, and
 * back.
 */
import fs from 'node:fs';
import { FLAVOURS_CHECKS, type FlavoursSession, type SystemdRecording } from '../sessions.js';
import {
  Checks,
  CONFIG,
  configure,
  DROP_INS,
  deletionIsCounted,
  dropIn,
  type Expect,
  nothingIsLeft,
  TEST_SETTINGS,
} from './checks.js';
import { deletions, rmwatchLines } from './daemon-view.js';
import { poll, run, runOk, systemd, unit } from './machine.js';

const OWN_NODE = '/usr/lib/rmwatch/node';

/** What dpkg wants of a package and what it has: "ii" when it is installed, "rc" when configuration is left of it. */
const state = (name: string) => run('dpkg', '--list', name).stdout.trim().split('\n').at(-1)?.slice(0, 2);
const executable = () => fs.readlinkSync(`/proc/${unit().MainPID}/exe`);

/** `from`, `to`: names of packages; `node`: the program that runs then. */
interface Switch {
  readonly from: string;
  readonly to: string;
  readonly node: string;
}

/** Installs the other flavour over the one that runs. */
async function switchTo(file: string, { from, to, node }: Switch, expect: Expect): Promise<undefined> {
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

function installed(expect: Expect): undefined {
  expect('enabled', run('systemctl', 'is-enabled', 'rmwatch').stdout.trim(), 'disabled');
  expect('active', unit().ActiveState, 'inactive');
  expect('configuration', run('rmwatch', 'validate').stdout, `${CONFIG} is valid: 1 watch\n`);
  expect('a Node.js of its own', fs.existsSync(OWN_NODE), false);
}

async function ready(expect: Expect): Promise<undefined> {
  configure('kept', { attach: 'fentry' });
  dropIn('test.conf', TEST_SETTINGS);
  systemd('enable', '--now', 'rmwatch');
  expect('status', unit().StatusText, 'watching: 1 watches, fentry on do_unlinkat');
  expect('Node.js', executable(), fs.realpathSync('/usr/bin/node'));
  await deletionIsCounted('kept', expect);
  await poll('its line', () => deletions(rmwatchLines()).length === 1);
  expect('path', deletions(rmwatchLines())[0].file.path, '/srv/counted');
}

function purge(expect: Expect): undefined {
  fs.rmSync(DROP_INS, { recursive: true });
  runOk('apt-get', 'purge', '-qq', '-y', 'rmwatch');
  nothingIsLeft(expect);
}

/** Makes every check, in their order: each begins where the one before has left the machine. */
export async function recordFlavours(
  { plain, bundled }: FlavoursSession,
  directory: string,
  part: (name: string) => void,
): Promise<SystemdRecording> {
  const checks = new Checks(directory, part);
  const toBundled = { from: 'rmwatch', to: 'rmwatch-bundled', node: OWN_NODE };
  const toPlain = { from: 'rmwatch-bundled', to: 'rmwatch', node: fs.realpathSync('/usr/bin/node') };
  await checks.check(FLAVOURS_CHECKS.installed, installed);
  await checks.check(FLAVOURS_CHECKS.ready, ready);
  await checks.check(FLAVOURS_CHECKS.toBundled, (expect) => switchTo(bundled, toBundled, expect));
  await checks.check(FLAVOURS_CHECKS.toPlain, (expect) => switchTo(plain, toPlain, expect));
  systemd('stop', 'rmwatch');
  checks.keepLines();
  await checks.check(FLAVOURS_CHECKS.purge, purge);
  checks.keepJournal();
  return checks.recording;
}
