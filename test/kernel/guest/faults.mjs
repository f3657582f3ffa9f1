/**
 * Runs in a guest: faults that a machine in use must not be given, each under the real daemon. Reports one JSON line for
 * each to $RMWATCH_RESULTS: { check, ok, problems }.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { lineProblems, newLineCheck } from '/opt/event-lines/event-lines.mjs';
import { GuestDaemon, get, ledgerGap, lost, sleep } from './daemon.mjs';
import {
  differences,
  directoryMadeAgain,
  directoryReplaced,
  filesystemReplaced,
  watchesFor,
} from './filesystem-faults.mjs';

const PROGRAM = '/stage/usr/bin/rmwatch';
const DELETER = '/opt/deleter';
const WORK = '/tmp/work/watched';
const HOOKS_ENABLED = '/proc/sys/kernel/ftrace_enabled';
const HOUR_MS = 3_600_000;
const SELF_TEST_MS = 1_000;
/** Until a line is in the log: a guest can stand still for a while. */
const LINE_MS = 5_000;
/** A self-test waits 2 s for each of its three deletions; a guest is slow. */
const NOTICE_MS = 30_000;

const results = fs.openSync(process.env.RMWATCH_RESULTS, 'a');

/** Runs one check; `act` returns what is wrong. */
async function check(name, act) {
  const began = performance.now();
  const problems = [];
  try {
    problems.push(...(await act()));
  } catch (error) {
    problems.push(String(error.stack));
  }
  const seconds = Math.round((performance.now() - began) / 1000);
  fs.writeSync(results, `${JSON.stringify({ check: name, ok: problems.length === 0, problems, seconds })}\n`);
}

/** Nothing is lost and the ledger closes. */
async function accounted(daemon) {
  const metrics = await daemon.settle();
  const problems = [];
  if (ledgerGap(metrics) !== 0) problems.push(`ledger gap ${ledgerGap(metrics)}`);
  if (lost(metrics) !== 0) problems.push(`lost ${lost(metrics)}`);
  return problems;
}

async function within(milliseconds, condition) {
  const end = performance.now() + milliseconds;
  while (!(await condition())) {
    if (performance.now() > end) return false;
    await sleep(20);
  }
  return true;
}

async function filesystemFaults(daemon) {
  const problems = [];
  for (const act of [directoryMadeAgain, directoryReplaced, filesystemReplaced]) {
    const seen = daemon.events().length;
    const did = await act(WORK);
    await daemon.settle();
    problems.push(...differences(daemon.events().slice(seen), did).map((problem) => `${act.name}: ${problem}`));
  }
  return problems;
}

const selfTestsOk = async (daemon) => {
  const metrics = await daemon.metrics();
  return ['unlink', 'rmdir', 'replace'].map((operation) => metrics[`rmwatch_self_test_ok{operation="${operation}"}`]);
};

const ready = async (daemon) => (await get(daemon.socket, '/-/ready')).status;

/** Kprobes and trampolines at the entry of functions stop running while files are deleted, and run again. */
async function disarmed(daemon) {
  const problems = [];
  const load = spawn(DELETER, ['paced', WORK, '100', '12'], { stdio: 'ignore' });
  const ended = once(load, 'exit');
  await sleep(1_000);
  fs.writeFileSync(HOOKS_ENABLED, '0');
  try {
    // The self-test that runs at that moment has passed in part.
    const noticed = await within(NOTICE_MS, async () => (await selfTestsOk(daemon)).every((one) => one === 0));
    if (!noticed) problems.push(`rmwatch_self_test_ok ${await selfTestsOk(daemon)} without probes`);
    if ((await ready(daemon)) !== 503) problems.push('still ready');
    const { body } = await get(daemon.socket, '/-/ready');
    if (!body.includes('unlink: no event within')) problems.push(`/-/ready says: ${body}`);
    if (!daemon.diagnostics().includes('self-test failed')) problems.push('the log does not tell');
    if ((await get(daemon.socket, '/-/healthy')).status !== 200) problems.push('not healthy');
  } finally {
    fs.writeFileSync(HOOKS_ENABLED, '1');
  }
  if (!(await within(NOTICE_MS, async () => (await ready(daemon)) === 200))) problems.push('not ready again');
  if (!daemon.diagnostics().includes('self-test passes again')) problems.push('the log does not tell the recovery');
  const ok = await selfTestsOk(daemon);
  if (ok.some((one) => one !== 1)) problems.push(`rmwatch_self_test_ok ${ok.join()} after the recovery`);
  await ended;
  const seen = daemon.events().length;
  fs.writeFileSync(`${WORK}/after`, '');
  fs.unlinkSync(`${WORK}/after`);
  await daemon.settle();
  const names = daemon.events().slice(seen);
  if (names.filter(({ file }) => file.path === `${WORK}/after`).length !== 1) problems.push('what follows is not told');
  return problems;
}

const setClock = (milliseconds) => execFileSync('date', ['-s', `@${Math.round(milliseconds / 1000)}`]);

/** A file is deleted now: its event must say so at once, by the clock of now. */
async function markedNow(daemon, name) {
  const path = `${WORK}/${name}`;
  fs.writeFileSync(path, '');
  // Reading what has come until now takes a while.
  daemon.events();
  const before = Date.now();
  fs.unlinkSync(path);
  const after = Date.now();
  const event = () => daemon.events().find(({ file }) => file?.path === path);
  if (!(await within(LINE_MS, () => event() !== undefined))) return [`${name}: no event within ${LINE_MS} ms`];
  const at = Date.parse(event()['@timestamp']);
  // Milliseconds, rounded down.
  return at < before - 1 || at > after + 1 ? [`${name}: ${at} is not between ${before} and ${after}`] : [];
}

/** The wall clock is set an hour forward, and back again, while files are deleted. */
async function clockJumps(daemon, selfTests) {
  const problems = [];
  const before = await daemon.metrics();
  const load = spawn(DELETER, ['paced', WORK, '200', '15'], { stdio: 'ignore' });
  const ended = once(load, 'exit');
  await sleep(500);
  for (const [name, jump] of [
    ['forward', HOUR_MS],
    ['back', -HOUR_MS],
  ]) {
    setClock(Date.now() + jump);
    problems.push(...(await markedNow(daemon, name)));
    const count = selfTests();
    await sleep(5 * SELF_TEST_MS);
    if (selfTests() - count < 2) problems.push(`${selfTests() - count} self-tests in 5 s after the jump ${name}`);
    problems.push(...(await markedNow(daemon, `${name}-later`)));
    if ((await ready(daemon)) !== 200) problems.push(`not ready after the jump ${name}`);
  }
  await ended;
  const after = await daemon.settle();
  const unlinked = 'rmwatch_deletions_total{watch="work",operation="unlink"}';
  const added = (name) => after[name] - before[name];
  if (added(unlinked) !== 3_004) problems.push(`${added(unlinked)} deletions counted`);
  const slow = added('rmwatch_event_delay_seconds_count') - added('rmwatch_event_delay_seconds_bucket{le="2.5"}');
  const sum = added('rmwatch_event_delay_seconds_sum');
  if (slow !== 0 || !(sum > 0 && sum < 0.5 * added('rmwatch_event_delay_seconds_count'))) {
    problems.push(`${slow} delays above 2.5 s, ${sum} s in all`);
  }
  return problems;
}

/** How many self-tests have begun: each makes a directory. */
function countSelfTests(directory) {
  let count = 0;
  const watcher = fs.watch(directory, (event, name) => {
    if (event === 'rename' && name?.startsWith('rmwatch-self-test-')) count += 1;
  });
  // One event when it is made, one when it is removed.
  return { count: () => count / 2, close: () => watcher.close() };
}

/** The daemon in a memory cgroup that the maps do not fit into. */
function tooLittleMemory() {
  const problems = [];
  const group = '/sys/fs/cgroup/small';
  fs.writeFileSync('/sys/fs/cgroup/cgroup.subtree_control', '+memory');
  fs.mkdirSync(group);
  fs.writeFileSync(`${group}/memory.max`, '160M');
  const config = '/tmp/small.yaml';
  fs.writeFileSync(config, JSON.stringify({ probe: { ring_buffer: '256MiB' }, http: { listen: 'off' } }));
  const { status, stderr } = spawnSync(
    'sh',
    ['-c', `echo $$ > ${group}/cgroup.procs && exec ${PROGRAM} run --attach kprobe --config ${config} --format json`],
    { encoding: 'utf8', timeout: 180_000 },
  );
  if (status !== 1) problems.push(`exit ${status}`);
  const { level, message } = JSON.parse(stderr.trimEnd().split('\n').at(-1));
  if (level !== 'fatal' || !/^not enough memory .*probe\.ring_buffer/.test(message)) problems.push(stderr);
  return problems;
}

fs.mkdirSync(WORK, { recursive: true });
const daemon = new GuestDaemon({
  mode: 'kprobe',
  config: { watches: watchesFor(WORK), self_test: { interval: `${SELF_TEST_MS}ms` } },
  dir: '/tmp/rmwatch-faults',
  program: PROGRAM,
  check: newLineCheck(),
});
const selfTests = countSelfTests('/tmp');
await check('start', async () => {
  await daemon.start();
  return [];
});
for (const [name, fault] of [
  ['filesystems that go away', filesystemFaults],
  ['a probe that is disarmed', disarmed],
  ['a clock that jumps', () => clockJumps(daemon, selfTests.count)],
]) {
  await check(name, async () => [...(await fault(daemon)), ...(await accounted(daemon))]);
}
await check('stop', async () => {
  const { code } = await daemon.stop();
  return [...(code === 0 ? [] : [`exit ${code}: ${daemon.diagnostics()}`]), ...lineProblems(daemon.checkedLines())];
});
selfTests.close();
await check('too little memory', tooLittleMemory);
