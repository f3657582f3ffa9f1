/**
 * Runs in a guest: every attach mode in turn, each with a daemon of its own, really deleting files. Reports one JSON line
 * for each check to $RMWATCH_RESULTS: { mode, check, ok, ... }.
 */
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import { lineProblems, newLineCheck } from '/opt/event-lines/event-lines.mjs';
import { GuestDaemon, ledgerGap, lost, sleep } from './daemon.mjs';

const [modes, burstText] = process.argv.slice(2);
const BURST = Number(burstText);
const PROGRAM = '/stage/usr/bin/rmwatch';
const DELETER = '/opt/deleter';
const WORK = '/tmp/work';
const DISK = '/mnt/ext4';
const SLEEPERS = 60;

const results = fs.openSync(process.env.RMWATCH_RESULTS, 'a');
let lastReport = Date.now();
const report = (result) => {
  const seconds = (Date.now() - lastReport) / 1000;
  lastReport = Date.now();
  fs.writeSync(results, `${JSON.stringify({ ...result, seconds })}\n`);
};

const jsonLines = (text) =>
  text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
const deleter = (...args) => jsonLines(execFileSync(DELETER, args, { encoding: 'utf8', maxBuffer: 1 << 28 }));
const ofPid = (events, pid) => events.filter((event) => event.process?.pid === pid);

function config(name) {
  return { watches: [{ name, include: [`${WORK}/**`, `${DISK}/**`] }], self_test: { interval: 'off' } };
}

/** Why an event does not say what was done, or undefined. */
function wrong(event, { path, requested, pid }, mode) {
  if (event === undefined) return 'no event';
  const expected = {
    'file.path': [event.file?.path, path],
    'event.action': [event.event.action, 'unlink'],
    'event.outcome': [event.event.outcome, 'success'],
    'process.pid': [event.process.pid, pid],
    'process.thread.id': [event.process.thread.id, pid],
    'process.name': [event.process.name, 'deleter'],
    'rule.name': [event.rule.name.join(), 'work'],
    'rmwatch.attach': [event.rmwatch.attach, mode],
    'rmwatch.requested_path': [event.rmwatch.requested_path, requested ?? event.rmwatch.requested_path],
  };
  for (const [field, [actual, wanted]] of Object.entries(expected)) {
    if (actual !== wanted) return `${field}: ${JSON.stringify(actual)} instead of ${JSON.stringify(wanted)}`;
  }
  return undefined;
}

async function basic(daemon, mode) {
  const did = deleter('basic', WORK);
  await daemon.settle();
  const events = ofPid(daemon.events(), did[0].pid);
  const problems = did.map((one, index) => wrong(events[index], one, mode)).filter(Boolean);
  if (events.length !== did.length) problems.push(`${events.length} events for ${did.length} deletions`);
  report({ mode, check: 'basic', ok: problems.length === 0, cases: did.length, problems });
}

/** How many hooks the kernel says that it left out: in tracepoint mode it may, from Linux 7.0 on. */
const leftOut = (mode, missed) => (mode === 'tracepoint' ? (missed ?? 0) : 0);

async function burst(daemon, mode) {
  const before = await daemon.metrics();
  const [did] = deleter('burst', WORK, String(BURST));
  const metrics = await daemon.settle();
  const all = daemon.events();
  const events = ofPid(all, did.pid);
  const problems = [];
  let expected = 0;
  for (const event of events) {
    // Those that are missing are counted below.
    while (mode === 'tracepoint' && expected < BURST && event.file.name !== `f${expected}`) expected += 1;
    const problem = wrong(event, { path: `${WORK}/f${expected}`, requested: `f${expected}`, pid: did.pid }, mode);
    if (problem !== undefined && problems.length < 5) problems.push(`${expected}: ${problem}`);
    expected += 1;
  }
  const name = 'rmwatch_deletions_total{watch="work",operation="unlink"}';
  const counted = metrics[name] - before[name];
  const missed = leftOut(mode, metrics.rmwatch_probe_missed_total);
  if (events.length > BURST || events.length < BURST - missed) problems.push(`${events.length} lines`);
  if (counted !== events.length) problems.push(`counter ${counted}, ${events.length} lines`);
  if (lost(metrics) > missed) problems.push(`lost ${lost(metrics)}`);
  if (ledgerGap(metrics) !== 0) problems.push(`ledger gap ${ledgerGap(metrics)}`);
  const sequence = all.every((event, index) => event.event.sequence === index + 1);
  if (!sequence) problems.push('event.sequence has gaps');
  report({ mode, check: 'burst', ok: problems.length === 0, lines: events.length, counted, problems });
}

/**
 * More calls asleep inside the kernel than it tracks returns for: every deletion is told, with its outcome. In tracepoint
 * mode the kernel may leave out hooks of tasks that it preempts half way (Linux 7.0 on): not more than it says itself may
 * be missing, and the ledger closes all the same.
 */
async function asleep(daemon, mode) {
  const before = (await daemon.metrics()).rmwatch_probe_missed_total;
  const did = deleter('frozen', DISK, String(SLEEPERS));
  await daemon.settle();
  const metrics = await daemon.metrics();
  const missed = metrics.rmwatch_probe_missed_total - before;
  const problems = [];
  const all = daemon.events();
  let unknown = 0;
  let unseen = 0;
  for (const { path, pid } of did) {
    const [event, ...more] = ofPid(all, pid);
    if (more.length > 0) problems.push(`${path}: ${1 + more.length} events`);
    if (event === undefined) unseen += 1;
    else if (event.event.outcome === undefined) unknown += 1;
    else if (event.event.outcome !== 'success') problems.push(`${path}: ${event.event.outcome}`);
    if (event !== undefined && event.file.path !== path) problems.push(`${path}: reported as ${event.file.path}`);
  }
  const unexplained = unseen + unknown - leftOut(mode, missed);
  if (unexplained > 0) problems.push(`${unseen} not told, ${unknown} without outcome`);
  if (ledgerGap(metrics) !== 0) problems.push(`ledger gap ${ledgerGap(metrics)}`);
  report({ mode, check: 'asleep', ok: problems.length === 0, unseen, unknown, missed, problems });
}

/** SIGTERM in the middle of a burst: everything that was in the ring is in the log. */
async function terminate(daemon, mode) {
  const load = spawn(DELETER, ['burst', WORK, String(BURST)], { stdio: 'ignore' });
  const loadEnded = new Promise((resolve) => load.once('exit', resolve));
  const before = daemon.eventBytes();
  while (daemon.eventBytes() === before) await sleep(5);
  const exit = await daemon.stop();
  await loadEnded;
  const stopped = jsonLines(daemon.diagnostics()).find(({ message }) => message === 'stopped');
  const lines = daemon.events().filter(({ event }) => event.kind === 'event').length;
  const problems = [];
  if (exit.code !== 0) problems.push(`exit ${JSON.stringify(exit)}`);
  if (stopped?.delivered !== lines) problems.push(`${stopped?.delivered} delivered, ${lines} lines`);
  const lostAtAll = Object.values(stopped?.lost ?? {}).reduce((sum, count) => sum + count, 0);
  if (lostAtAll > leftOut(mode, stopped?.missed)) problems.push(`lost ${lostAtAll}`);
  const { missed } = stopped ?? {};
  report({ mode, check: 'SIGTERM under load', ok: problems.length === 0, lines, lost: lostAtAll, missed, problems });
}

/** All that this mode's daemon wrote. */
function checkLines(daemon, mode) {
  const account = daemon.checkedLines();
  const problems = lineProblems(account);
  const { lines, invalid } = account;
  report({ mode, check: 'lines of the schema', ok: problems.length === 0, lines, invalid, problems });
}

/** What the verifier had to simulate for each program; its limit is a million. And that the fastest build was taken. */
function verify(mode) {
  const { Probe } = createRequire(import.meta.url)('/stage/usr/lib/rmwatch/build/Release/rmwatch.node');
  const probe = new Probe({ mode, ringBytes: 65_536, askVerifier: true });
  const { programs, variant } = probe.describe();
  probe.close();
  const problems = programs.filter(({ verifiedInstructions: n }) => n === 0 || n > 500_000).map(({ name }) => name);
  const [major, minor] = os.release().split('.').map(Number);
  const since = (...version) => major > version[0] || (major === version[0] && minor >= version[1]);
  const fastest = since(6, 2) ? 'direct' : since(5, 17) ? 'loop' : 'plain';
  if (variant !== fastest) problems.push(`the ${variant} build instead of the ${fastest} one`);
  report({ mode, check: 'verifier', ok: problems.length === 0, variant, programs, problems });
}

fs.mkdirSync(WORK, { recursive: true });
for (const mode of modes.split(',')) {
  const daemon = new GuestDaemon({
    mode,
    config: config('work'),
    dir: `/tmp/rmwatch-${mode}`,
    program: PROGRAM,
    check: newLineCheck(),
  });
  try {
    verify(mode);
    await daemon.start();
    await basic(daemon, mode);
    await burst(daemon, mode);
    await asleep(daemon, mode);
    await terminate(daemon, mode);
    checkLines(daemon, mode);
  } catch (error) {
    report({ mode, check: 'run', ok: false, problems: [String(error.stack)] });
    daemon.child?.kill('SIGKILL');
  }
}
