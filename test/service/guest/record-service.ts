/**
 * Records the session `service`, by the Node.js that the package under test has installed: the service as an administrator
 * meets it, from the first start to the purge.
 */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import {
  SERVICE_CHECKS,
  type ServiceCheck,
  type ServiceSession,
  type SystemdRecording,
  serviceChecks,
} from '../sessions.js';
import {
  Checks,
  CONFIG,
  configure,
  DROP_INS,
  deletionIsCounted,
  dropIn,
  EVENT_SOCKET,
  type Expect,
  type Facts,
  nothingIsLeft,
  TEST_SETTINGS,
} from './checks.js';
import { daemonLines, deletions, journal, metrics, rmwatchLines } from './daemon-view.js';
import { poll, run, runOk, systemd, unit } from './machine.js';

const SHIPPED_DROP_INS = '/usr/lib/rmwatch/systemd';
const LOG = '/var/log/rmwatch/events.json';
/** CAP_PERFMON and CAP_BPF by their numbers. */
const TWO_CAPABILITIES = (1n << 38n) | (1n << 39n);
const THRESHOLD = 30;
const PROMETHEUS = '/opt/prometheus';
/** service.test.ts gives the guest a disk that is mounted there. */
const BTRFS = '/srv/btrfs';
/** What a line may have without arguments, and what arguments may add to it: log.process_args. */
const PLAIN_LINE_BYTES = 1_228;
const ARGS_BYTES = 512;
const API = 'http://127.0.0.1:9090/api/v1';

/** A service of somebody else, with a /tmp of its own. */
const PRIVATE_UNIT = `[Service]
Type=oneshot
User=alice
PrivateTmp=yes
ExecStart=/bin/sh -c 'touch /tmp/private && rm /tmp/private'
`;

function installed(expect: Expect): undefined {
  expect('enabled', run('systemctl', 'is-enabled', 'rmwatch').stdout.trim(), 'disabled');
  expect('active', unit().ActiveState, 'inactive');
  expect('user', run('getent', 'passwd', 'rmwatch').stdout, /^rmwatch:x:\d+:\d+:[^:]*:\/:\/usr\/sbin\/nologin$/m);
  expect('configuration', run('rmwatch', 'validate').stdout, `${CONFIG} is valid: 1 watch\n`);
  // The log is there to be looked at before the first start.
  const { mode } = fs.statSync('/var/log/rmwatch');
  expect('directory of the log', (mode & 0o777).toString(8), '750');
  expect('node of the host', run('sh', '-c', 'command -v node').status, 127);
}

async function readyAfterSelfTest(expect: Expect): Promise<Facts> {
  configure('first');
  // A directory that is not there yet: self-tests fail until it is.
  dropIn('test.conf', `${TEST_SETTINGS}Environment=RUNTIME_DIRECTORY=/run/rmwatch/later\n`);
  systemd('enable', '--now', '--no-block', 'rmwatch');
  await poll('the status', () => unit().StatusText.startsWith('SELF-TEST FAILING'));
  await poll('another self-test', () => daemonLines().split('self-test failed').length > 2);
  expect('state', unit().ActiveState, 'activating');
  expect('not ready', run('curl', '-s', 'http://127.0.0.1:29293/-/ready').stdout, /^self-test/);
  runOk('install', '-d', '-o', 'rmwatch', '-g', 'rmwatch', '/run/rmwatch/later');
  await poll('the unit is active', () => unit().ActiveState === 'active');
  expect('status', unit().StatusText, /^watching: 1 watches, kprobe on do_unlinkat$/);
  expect(
    'ready',
    run('curl', '-s', '-o', '/dev/null', '-w', '%{http_code}', 'http://127.0.0.1:29293/-/ready').stdout,
    '200',
  );
  dropIn('test.conf', TEST_SETTINGS);
  return { paranoid: Number(fs.readFileSync('/proc/sys/kernel/perf_event_paranoid', 'utf8')) };
}

function confined(expect: Expect): Facts {
  const status = fs.readFileSync(`/proc/${unit().MainPID}/status`, 'utf8');
  const field = (name: string) => new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)?.[1];
  for (const set of ['CapEff', 'CapPrm', 'CapBnd', 'CapAmb']) {
    expect(set, field(set), TWO_CAPABILITIES.toString(16).padStart(16, '0'));
  }
  const uid = run('id', '-u', 'rmwatch').stdout.trim();
  expect('uid', field('Uid'), [uid, uid, uid, uid].join('\t'));
  expect('NoNewPrivs', field('NoNewPrivs'), '1');
  expect('Seccomp', field('Seccomp'), '2');
  const own = fs.readlinkSync(`/proc/${unit().MainPID}/ns/mnt`);
  expect('a mount namespace of its own', own !== fs.readlinkSync('/proc/1/ns/mnt'), true);
  const analysis = run('systemd-analyze', 'security', '--no-pager', `--threshold=${THRESHOLD}`, 'rmwatch.service');
  expect('systemd-analyze security', analysis.status, 0);
  return { score: /exposure level for rmwatch\.service: ([\d.]+)/.exec(analysis.stdout)?.[1] };
}

async function deletionsOfOthers(expect: Expect): Promise<undefined> {
  runOk('useradd', '--create-home', 'alice');
  runOk('runuser', '-u', 'alice', '--', 'sh', '-c', 'cd && touch letter && rm letter');
  // Another mount namespace.
  fs.writeFileSync('/run/systemd/system/private.service', PRIVATE_UNIT);
  systemd('start', 'private');
  // A filesystem that was mounted after the daemon had started, seen at another place in another namespace.
  runOk('mkdir', '-p', '/srv/late', '/mnt/elsewhere');
  runOk('mount', '-t', 'tmpfs', 'late', '/srv/late');
  fs.writeFileSync('/srv/late/file', '');
  runOk('unshare', '--mount', 'sh', '-c', 'mount --bind /srv/late /mnt/elsewhere && rm /mnt/elsewhere/file');
  fs.writeFileSync('/etc/unwatched', '');
  fs.rmSync('/etc/unwatched');
  const wanted = ['letter', 'private', 'file'];
  const named = (name: string) => deletions(rmwatchLines()).find(({ file }) => file.name === name);
  await poll('the events', () => wanted.every(named));
  const letter = named('letter');
  expect('letter', letter.file.path, '/home/alice/letter');
  expect('who', letter.user.name, 'alice');
  expect('program', letter.process.executable, '/usr/bin/rm');
  expect('arguments', letter.process.args.join(' '), 'rm letter');
  expect('directory', letter.process.working_directory, '/home/alice');
  expect('inode', typeof letter.file.inode, 'string');
  expect('host path of what has the same there', letter.rmwatch.host_path, undefined);
  expect('private', named('private').file.path, '/tmp/private');
  expect('private on the host', named('private').rmwatch.host_path, /^\/tmp\/systemd-private-[^/]+\/tmp\/private$/);
  expect('its unit', named('private').rmwatch.cgroup, '/system.slice/private.service');
  expect('late', named('file').file.path, '/mnt/elsewhere/file');
  expect('late on the host', named('file').rmwatch.host_path, '/srv/late/file');
  expect('unwatched', named('unwatched'), undefined);
  const self = deletions(rmwatchLines()).filter(({ file }) => file.path.startsWith('/run/rmwatch'));
  expect('self-tests', self.length, 0);
  runOk('umount', '/srv/late');
}

/** The user alice, who is in the group, follows the service. */
async function follows(expect: Expect): Promise<void> {
  const command = ['-u', 'alice', '--', 'rmwatch', 'tail', '--json', '--limit', '1', '/srv'];
  const tail = spawn('runuser', command);
  let line = '';
  tail.stdout.on('data', (data) => (line += data));
  const ended = new Promise((resolve) => tail.on('close', resolve));
  await poll('alice is connected', () => metrics().get('rmwatch_socket_readers') === 1);
  fs.writeFileSync('/srv/followed', '');
  fs.rmSync('/srv/followed');
  expect('exit code', Number(await ended), 0);
  expect('the line', line, /"path":"\/srv\/followed"/);
}

async function followers(expect: Expect): Promise<undefined> {
  const { mode } = fs.statSync(EVENT_SOCKET);
  expect('mode', (mode & 0o777).toString(8), '660');
  const stranger = run('runuser', '-u', 'alice', '--', 'rmwatch', 'tail');
  expect('exit code of a stranger', stranger.status, 4);
  expect('what a stranger is told', stranger.stderr, /that takes root, or the group rmwatch/);
  runOk('usermod', '--append', '--groups', 'rmwatch', 'alice');
  await follows(expect);
}

function journalIsJson(expect: Expect): undefined {
  const lines = rmwatchLines();
  expect('lines', lines.length > 3, true);
  // Lines about the record itself have an event, and may warn.
  const messages = lines.filter(({ event }) => event === undefined);
  expect('messages', messages.length > 3, true);
  const complaints = messages.filter(({ log }) => ['warn', 'error', 'fatal'].includes(log.level));
  // The self-test that was made to fail.
  const others = complaints.filter(({ message }) => !/^self-test failed/.test(message));
  expect('complaints', JSON.stringify(others), '[]');
}

/** The events are in the journal, together with the messages of the daemon. */
function searchesJournal(expect: Expect): undefined {
  const letter = '/home/alice/letter';
  const found = run('rmwatch', 'search', '--json', letter);
  expect('exit code of search', found.status, 0);
  expect('what search found', found.stdout, /^{"@timestamp":.*"path":"\/home\/alice\/letter".*}\n$/);
  expect('torn or foreign lines', found.stderr.includes('no lines of rmwatch'), false);
  const who = run('rmwatch', 'who', letter);
  expect('exit code of who', who.status, 0);
  expect('what who says', who.stdout, /\/home\/alice\/letter was deleted\.\n.*\nBy user alice, /);
  expect('exit code when there is nothing', run('rmwatch', 'search', '/home/alice/none').status, 3);
}

async function linesStaySmall(expect: Expect): Promise<Facts> {
  const directory = '/srv/list';
  fs.mkdirSync(directory);
  for (let file = 0; file < 600; file++) fs.writeFileSync(`${directory}/file-${file}`, '');
  runOk('sh', '-c', `cd ${directory} && rm *`);
  const about = () =>
    daemonLines()
      .split('\n')
      .filter((line) => line.includes(`"path":"${directory}/file-`));
  await poll('the events', () => about().length === 600);
  const bytes = Math.max(...about().map((line) => Buffer.byteLength(line)));
  const most = PLAIN_LINE_BYTES + ARGS_BYTES;
  expect(`at most ${most} bytes, not ${bytes}`, bytes <= most, true);
  const { stdout } = run('rmwatch', 'search', '--args', '--json', '--limit', '1', directory);
  const { args, args_count } = JSON.parse(stdout).process;
  expect('number of arguments', args_count, 601);
  // The first 4 KiB of them.
  expect('arguments', args.length > 400 && args.join(' ').startsWith('rm file-0 file-1 '), true);
  fs.rmdirSync(directory);
  return { bytes };
}

/** On btrfs and overlayfs stat(2) tells other numbers of a file than the kernel has, which are those in the line. */
async function copiesBack(expect: Expect): Promise<undefined> {
  const [lower, upper, overlay] = ['/srv/lower', `${BTRFS}/upper`, '/srv/overlay'];
  runOk('mkdir', '-p', lower, upper, `${BTRFS}/work`, overlay, '/root/recovered');
  fs.writeFileSync(`${lower}/below`, 'the data of /srv/overlay/below');
  const layers = `lowerdir=${lower},upperdir=${upper},workdir=${BTRFS}/work`;
  runOk('mount', '-t', 'overlay', '-o', layers, 'overlay', overlay);
  const made = ['/srv/on-ext4', `${BTRFS}/on-btrfs`, `${overlay}/above`];
  for (const file of made) fs.writeFileSync(file, `the data of ${file}`);
  const files = [...made, `${overlay}/below`];
  const held = files.map((file) => fs.openSync(file, 'r'));
  runOk('rm', ...files);
  await poll('the events', () => {
    const deleted = new Set(deletions(rmwatchLines()).map(({ file }) => file.path));
    return files.every((file) => deleted.has(file));
  });
  for (const file of files) {
    const { stdout } = run('rmwatch', 'who', file);
    const command = new RegExp(`^Process ${process.pid} still holds its data.*\\n  (cp -n -- .*)$`, 'm').exec(
      stdout,
    )?.[1];
    run('sh', '-c', `cd /root/recovered && ${command}`);
    const copy = `/root/recovered/recovered-${file.split('/').at(-1)}`;
    const text = fs.existsSync(copy) ? fs.readFileSync(copy, 'utf8') : stdout;
    expect(`what comes back of ${file}`, text, `the data of ${file}`);
  }
  for (const fd of held) fs.closeSync(fd);
  runOk('umount', overlay);
}

async function prometheus(expect: Expect): Promise<Facts> {
  const server = spawn(PROMETHEUS, [
    '--config.file=/usr/share/rmwatch/prometheus/prometheus.example.yml',
    '--storage.tsdb.path=/tmp/prometheus',
    '--web.listen-address=127.0.0.1:9090',
    '--log.level=error',
  ]);
  let messages = '';
  server.stderr.on('data', (data) => (messages += data));
  try {
    const query = (expression: string): number | undefined => {
      const { stdout } = run('curl', '-sf', '-G', `${API}/query`, '--data-urlencode', `query=${expression}`);
      const [series] = stdout === '' ? [] : JSON.parse(stdout).data.result;
      return series === undefined ? undefined : Number(series.value[1]);
    };
    const counted = () => query('rmwatch_deletions_total{operation="unlink"}');
    await poll('a scrape', () => counted() !== undefined);
    const before = counted()!;
    for (let i = 0; i < 10; i++) {
      fs.writeFileSync('/home/alice/counted', '');
      fs.rmSync('/home/alice/counted');
    }
    await poll('the counter of ten deletions', () => counted() === before + 10);
    expect('rate', query('increase(rmwatch_deletions_total{operation="unlink"}[5m]) > bool 0'), 1);
    const rules = JSON.parse(run('curl', '-s', `${API}/rules`).stdout).data.groups.flatMap(
      ({ rules }: { rules: unknown[] }) => rules,
    );
    expect('rules', rules.length > 5 && rules.every(({ health }: { health: string }) => health !== 'err'), true);
    return { rules: rules.length };
  } catch (error) {
    throw new Error(`${(error as Error).message}; ${messages}`);
  } finally {
    server.kill('SIGKILL');
  }
}

async function reload(expect: Expect): Promise<undefined> {
  const { MainPID } = unit();
  configure('second');
  systemd('reload', 'rmwatch');
  await poll('the new watch', () => metrics().has('rmwatch_deletions_total{watch="second",operation="unlink"}'));
  await deletionIsCounted('second', expect);
  fs.writeFileSync(CONFIG, 'watches: [{ name: third }]\n');
  const refused = run('systemctl', 'reload', 'rmwatch');
  expect('exit code of a bad reload', refused.status !== 0, true);
  expect('the reason is in the journal', /rmwatch\.yaml:1:\d+: watches\[0\]\.include/.test(journal()), true);
  await deletionIsCounted('second', expect);
  expect('state', unit().ActiveState, 'active');
  expect('the same process', unit().MainPID, MainPID);
}

function stops(expect: Expect): undefined {
  const { MainPID } = unit();
  systemd('stop', 'rmwatch');
  const { ActiveState, Result, ExecMainStatus } = unit();
  expect('result', `${ActiveState} ${Result} ${ExecMainStatus}`, 'inactive success 0');
  expect('process', fs.existsSync(`/proc/${MainPID}`), false);
  expect('runtime directory', fs.existsSync('/run/rmwatch'), false);
  const stopped = rmwatchLines().findLast((line) => line.message === 'stopped');
  expect('lost', JSON.stringify(Object.values(stopped?.rmwatch.lost ?? { none: 1 }).filter(Boolean)), '[]');
}

async function journalNamespace(expect: Expect): Promise<undefined> {
  configure('second');
  runOk('install', '-Dm644', '-t', DROP_INS, `${SHIPPED_DROP_INS}/journal.conf`);
  systemd('daemon-reload');
  systemd('start', 'rmwatch');
  await deletionIsCounted('second', expect);
  const found = (path: string) => run('rmwatch', 'search', '--count', path).stdout;
  await poll('the deletion is found', () => found('/srv/counted') !== '2\n');
  expect('found, before and since', found('/srv/counted'), '3\n');
  expect('found, before', found('/home/alice/letter'), '1\n');
  const own = run('journalctl', '--namespace=rmwatch', '--no-pager', '-o', 'cat', '-u', 'rmwatch').stdout;
  expect('in its own journal', own.split('\n').filter((line) => line.includes('"path":"/srv/counted"')).length, 1);
  systemd('stop', 'rmwatch');
  fs.rmSync(`${DROP_INS}/journal.conf`);
  systemd('daemon-reload');
}

async function kprobeDropIn(expect: Expect): Promise<undefined> {
  configure('files', { output: LOG });
  runOk('install', '-Dm644', '-t', DROP_INS, `${SHIPPED_DROP_INS}/kprobe.conf`);
  systemd('daemon-reload');
  systemd('start', 'rmwatch');
  expect('status', unit().StatusText, 'watching: 1 watches, kprobe on do_unlinkat');
  await deletionIsCounted('files', expect);
  await poll('the line', () => deletions(rmwatchLines(LOG)).length === 1);
  expect('attach', deletions(rmwatchLines(LOG))[0]?.rmwatch.attach, 'kprobe');
}

async function logrotate(expect: Expect): Promise<undefined> {
  const rotate = () => runOk('logrotate', '--force', '/etc/logrotate.d/rmwatch');
  const count = (file: string) => deletions(rmwatchLines(file)).length;
  rotate();
  await poll('a new log', () => fs.existsSync(LOG));
  await deletionIsCounted('files', expect);
  await poll('its line', () => count(LOG) === 1);
  const { mode, uid } = fs.statSync(LOG);
  expect('mode', (mode & 0o777).toString(8), '640');
  expect('owner', String(uid), run('id', '-u', 'rmwatch').stdout.trim());
  rotate();
  await poll('another new log', () => fs.existsSync(LOG));
  const rotated = fs.readdirSync('/var/log/rmwatch').filter((name) => name.startsWith('events.json-'));
  expect('rotated', rotated.sort().join(), /^events\.json-\d{8}-\d{6}\.gz,events\.json-\d{8}-\d{6}$/);
  const [oldest, older] = rotated.map((name) => `/var/log/rmwatch/${name}`) as [string, string];
  runOk('gzip', '-d', '--keep', oldest);
  const files = [oldest.replace(/\.gz$/, ''), older, LOG];
  const sequence = files.flatMap((file) => deletions(rmwatchLines(file)).map(({ event }) => event.sequence));
  expect('event.sequence', sequence.join(), '1,2');
  fs.rmSync(files[0]!);
  const found = run('rmwatch', 'search', '--count', '--watch', 'files');
  expect('what search finds in the rotated files', `${found.status} ${found.stdout}`, '0 2\n');
  const stranger = run('runuser', '-u', 'nobody', '--', 'rmwatch', 'search');
  expect('exit code of a user who may not read the log', stranger.status, 4);
}

async function rootDropIn(expect: Expect): Promise<undefined> {
  fs.rmSync(`${DROP_INS}/kprobe.conf`);
  runOk('install', '-Dm644', '-t', DROP_INS, `${SHIPPED_DROP_INS}/root.conf`);
  systemd('daemon-reload');
  systemd('restart', 'rmwatch');
  expect('status', unit().StatusText, 'watching: 1 watches, kprobe on do_unlinkat');
  expect('uid', /^Uid:\t(\d+)/m.exec(fs.readFileSync(`/proc/${unit().MainPID}/status`, 'utf8'))?.[1], '0');
  await deletionIsCounted('files', expect);
  await follows(expect);
}

async function watchdog(expect: Expect): Promise<undefined> {
  dropIn('root.conf');
  configure('files', { output: LOG, attach: 'fentry' });
  const { MainPID } = unit();
  process.kill(Number(MainPID), 'SIGSTOP');
  await poll('another process', () => unit().MainPID !== MainPID && unit().ActiveState === 'active');
  expect('status, without the drop-in', unit().StatusText, 'watching: 1 watches, fentry on do_unlinkat');
  expect('restarts', unit().NRestarts, '1');
  expect('the reason is in the journal', journal().includes('Watchdog timeout'), true);
  await deletionIsCounted('files', expect);
}

async function upgraded(expect: Expect, upgrade: string): Promise<undefined> {
  const { MainPID } = unit();
  const edited = fs.readFileSync(CONFIG, 'utf8');
  runOk('apt-get', 'install', '-qq', '-y', upgrade);
  expect('version', run('dpkg-query', '--show', 'rmwatch-bundled').stdout, /-2$/m);
  expect('configuration', fs.readFileSync(CONFIG, 'utf8'), edited);
  await poll('another process', () => unit().MainPID !== MainPID && unit().ActiveState === 'active');
  expect('enabled', run('systemctl', 'is-enabled', 'rmwatch').stdout.trim(), 'enabled');
  await deletionIsCounted('files', expect);
}

async function removal(expect: Expect): Promise<undefined> {
  const { MainPID } = unit();
  expect('state before', unit().ActiveState, 'active');
  runOk('apt-get', 'remove', '-qq', '-y', 'rmwatch-bundled');
  expect('process', fs.existsSync(`/proc/${MainPID}`), false);
  expect('unit', unit().LoadState, 'not-found');
  expect('program', fs.existsSync('/usr/bin/rmwatch') || fs.existsSync('/usr/lib/rmwatch'), false);
  expect('configuration', fs.existsSync(CONFIG), true);
  expect('log', fs.existsSync(LOG), true);
}

function purge(expect: Expect): undefined {
  fs.rmSync(DROP_INS, { recursive: true });
  runOk('apt-get', 'purge', '-qq', '-y', 'rmwatch-bundled');
  nothingIsLeft(expect);
}

type Made = Promise<Facts | undefined> | Facts | undefined;

/** Makes every check, in their order: each begins where the one before has left the machine. */
export async function recordService(
  { upgrade }: ServiceSession,
  directory: string,
  part: (name: string) => void,
): Promise<SystemdRecording> {
  const makers: Readonly<Record<ServiceCheck, (expect: Expect) => Made>> = {
    installed,
    readyAfterSelfTest,
    confined,
    deletionsOfOthers,
    followers,
    journalIsJson,
    searchesJournal,
    linesStaySmall,
    copiesBack,
    prometheus,
    reload,
    stops,
    journalNamespace,
    kprobeDropIn,
    logrotate,
    rootDropIn,
    watchdog,
    upgrade: (expect) => upgraded(expect, upgrade),
    removal,
    purge,
  };
  const checks = new Checks(directory, part);
  for (const check of serviceChecks) {
    // The last one takes the logs away.
    if (check === 'purge') checks.keepLines();
    await checks.check(SERVICE_CHECKS[check], makers[check]);
  }
  checks.keepJournal();
  return checks.recording;
}
