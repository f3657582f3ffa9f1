/** Checks of the service in a guest: what was found and what must be is recorded, and the host compares. */
import fs from 'node:fs';
import path from 'node:path';
import { type CheckRecord, type Expectation, JOURNAL_FILE, type SystemdRecording, type Value } from '../sessions.js';
import { daemonLines, journal, metrics } from './daemon-view.js';
import { poll, run, runOk, systemd } from './machine.js';

export const CONFIG = '/etc/rmwatch/rmwatch.yaml';
export const DROP_INS = '/etc/systemd/system/rmwatch.service.d';
const LOGS = '/var/log/rmwatch';
/** Emulation is slow, more so beside others: programs take their time to load. The watchdog should not take all of its own. */
export const TEST_SETTINGS = '[Service]\nTimeoutStartSec=5min\nWatchdogSec=20s\n';

/** Records that `actual` must be `wanted`, or must match it. */
export type Expect = (what: string, actual: Value | undefined, wanted: Value | RegExp | undefined) => void;

/** Figures worth printing. */
export type Facts = NonNullable<CheckRecord['facts']>;

export class Checks {
  readonly recording: SystemdRecording = { checks: [], lineFiles: [] };

  /** `directory`: of the session; `part` is told the name of each check that is over. */
  constructor(
    private readonly directory: string,
    private readonly part: (name: string) => void,
  ) {}

  /** Makes one check; what it returns is printed. A check that throws does not keep the next from being made. */
  async check(name: string, body: (expect: Expect) => Promise<Facts | undefined> | Facts | undefined): Promise<void> {
    const began = performance.now();
    const expectations: Expectation[] = [];
    const expect: Expect = (what, actual, wanted) => {
      expectations.push({
        what,
        ...(actual !== undefined && { actual }),
        ...(wanted !== undefined && {
          wanted: wanted instanceof RegExp ? { pattern: wanted.source, flags: wanted.flags } : wanted,
        }),
      });
    };
    let facts: Facts | undefined;
    let error: string | undefined;
    try {
      facts = await body(expect);
    } catch (thrown) {
      error = String((thrown as Error).stack);
    }
    const seconds = (performance.now() - began) / 1_000;
    const ended = { ...(error !== undefined && { error }), ...(facts !== undefined && { facts }) };
    this.recording.checks.push({ name, expectations, seconds, ...ended });
    this.part(name);
  }

  /** To be called when nothing more is written and the logs are still there. */
  keepLines(): void {
    fs.writeFileSync(path.join(this.directory, 'journal.json'), daemonLines());
    const logs = fs.existsSync(LOGS) ? fs.readdirSync(LOGS) : [];
    for (const name of logs) fs.copyFileSync(path.join(LOGS, name), path.join(this.directory, `log-${name}`));
    this.recording.lineFiles = ['journal.json', ...logs.map((name) => `log-${name}`)];
  }

  /** To be called at the end. */
  keepJournal(): void {
    fs.writeFileSync(path.join(this.directory, JOURNAL_FILE), journal());
  }
}

export interface TestConfig {
  readonly output?: string;
  readonly attach?: string;
}

/** JSON is YAML. To load programs takes most of the time here: `attach` saves those of the modes that are not meant. */
export const EVENT_SOCKET = '/run/rmwatch/events.sock';

export function configure(watch: string, { output = 'stdout', attach = 'auto' }: TestConfig = {}): void {
  const watches = [{ name: watch, include: ['/srv/**', '/home/**', '/tmp/**'] }];
  fs.writeFileSync(
    CONFIG,
    JSON.stringify({ watches, log: { output }, probe: { attach }, socket: { path: EVENT_SOCKET } }),
  );
}

/** Writes a drop-in of the unit, or removes it. */
export function dropIn(name: string, text?: string): void {
  fs.mkdirSync(DROP_INS, { recursive: true });
  if (text === undefined) fs.rmSync(`${DROP_INS}/${name}`, { force: true });
  else fs.writeFileSync(`${DROP_INS}/${name}`, text);
  systemd('daemon-reload');
}

/** Deletes a file below /srv by rm, as root, and waits until the daemon counts one more for `watch`. */
export async function deletionIsCounted(watch: string, expect: Expect): Promise<void> {
  const counted = () => metrics().get(`rmwatch_deletions_total{watch="${watch}",operation="unlink"}`);
  const before = counted();
  if (before === undefined) throw new Error(`the daemon counts nothing for ${watch}`);
  fs.writeFileSync('/srv/counted', '');
  runOk('rm', '/srv/counted');
  await poll('the deletion is counted', () => (counted() ?? before) > before);
  expect('counted', counted(), before + 1);
}

/** What is left of the package after a purge. */
export function nothingIsLeft(expect: Expect): void {
  const { stdout } = run('find', '/etc', '/usr', '/var', '/run', '-xdev', '-name', '*rmwatch*');
  // The guest itself has units of that name.
  const left = stdout.split('\n').filter((file) => file !== '' && !/rmwatch-guest/.test(file));
  expect('left', left.join(' '), '');
  expect('enabled', fs.existsSync('/etc/systemd/system/multi-user.target.wants/rmwatch.service'), false);
  expect('conffiles', fs.existsSync('/etc/logrotate.d/rmwatch'), false);
}
