/** Checks of the service in a guest, each reported as one JSON line: { check, ok, problems, seconds, ... }. */
import fs from 'node:fs';
import { lineProblems } from '/opt/event-lines/event-lines.mjs';
import { checkEventLines, journal, metrics } from './daemon-view.mjs';
import { poll, run, runOk, systemd } from './machine.mjs';

export const CONFIG = '/etc/rmwatch/rmwatch.yaml';
export const DROP_INS = '/etc/systemd/system/rmwatch.service.d';
/** Emulation is slow, more so beside others: programs take their time to load. The watchdog should not take all of its own. */
export const TEST_SETTINGS = '[Service]\nTimeoutStartSec=5min\nWatchdogSec=20s\n';

const results = fs.openSync(process.env.RMWATCH_RESULTS, 'a');
let failed = 0;

/** Runs one check; what it returns, beside problems, is told. A check that throws does not keep the next from running. */
export async function check(name, body) {
  const began = Date.now();
  const problems = [];
  const expect = (what, actual, wanted) => {
    const matches = wanted instanceof RegExp ? wanted.test(String(actual)) : actual === wanted;
    if (!matches) problems.push(`${what}: ${JSON.stringify(actual)?.slice(0, 500)} instead of ${wanted}`);
  };
  let facts;
  try {
    facts = await body(expect);
  } catch (error) {
    problems.push(String(error.stack));
  }
  if (problems.length > 0) {
    failed += 1;
    console.log(journal().slice(-4_000));
  }
  const seconds = (Date.now() - began) / 1000;
  fs.writeSync(results, `${JSON.stringify({ check: name, ok: problems.length === 0, problems, seconds, ...facts })}\n`);
}

/** The exit code of a guest's script whose last check was made. */
export const exitCode = () => (failed === 0 ? 0 : 1);

/** JSON is YAML. To load programs takes most of the time here: `attach` saves those of the modes that are not meant. */
export function configure(watch, { output = 'stdout', attach = 'auto' } = {}) {
  const watches = [{ name: watch, include: ['/srv/**', '/home/**', '/tmp/**'] }];
  fs.writeFileSync(CONFIG, JSON.stringify({ watches, log: { output }, probe: { attach } }));
}

/** Writes a drop-in of the unit, or removes it. */
export function dropIn(name, text) {
  fs.mkdirSync(DROP_INS, { recursive: true });
  if (text === undefined) fs.rmSync(`${DROP_INS}/${name}`, { force: true });
  else fs.writeFileSync(`${DROP_INS}/${name}`, text);
  systemd('daemon-reload');
}

/** Deletes a file below /srv by rm, as root, and waits until the daemon counts one more for `watch`. */
export async function deletionIsCounted(watch, expect) {
  const name = `rmwatch_deletions_total{watch="${watch}",operation="unlink"}`;
  const before = metrics()[name];
  fs.writeFileSync('/srv/counted', '');
  runOk('rm', '/srv/counted');
  await poll('the deletion is counted', () => metrics()[name] > before);
  expect('counted', metrics()[name], before + 1);
}

/** To be made when nothing more is written and the logs are still there. */
export function everyLineIsOfTheSchema(expect) {
  const account = checkEventLines('/var/log/rmwatch');
  expect('problems', JSON.stringify(lineProblems(account)), '[]');
  return { lines: account.lines, invalid: account.invalid };
}

/** What is left of the package after a purge. */
export function nothingIsLeft(expect) {
  const { stdout } = run('find', '/etc', '/usr', '/var', '/run', '-xdev', '-name', '*rmwatch*');
  // The guest itself has units of that name.
  const left = stdout.split('\n').filter((file) => file !== '' && !/rmwatch-guest/.test(file));
  expect('left', left.join(' '), '');
  expect('enabled', fs.existsSync('/etc/systemd/system/multi-user.target.wants/rmwatch.service'), false);
  expect('conffiles', fs.existsSync('/etc/logrotate.d/rmwatch'), false);
}
