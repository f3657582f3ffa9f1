/**
 * Runs in a guest: deletions under contention and under attack, each attach mode with daemons of its own. Arguments:
 * MODE[,MODE...] [CHECK...]. Reports one JSON line for each check to $RMWATCH_RESULTS: { mode, check, ok, ... }.
 */
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { newLineCheck } from '/opt/event-lines/event-lines.mjs';
import { GuestDaemon, ledgerGap, lost } from './daemon.mjs';

const [modes, ...only] = process.argv.slice(2);
const CONTENTION = '/opt/contention';
const PROGRAM = '/stage/usr/bin/rmwatch';
const WORK = '/tmp/work';
/** Not watched. */
const ELSEWHERE = '/tmp/elsewhere';
const CROWDS = [12, 48, 200];
const FILES = 40;
/** More than there are places for failures that wait for their return. */
const SLEEPERS = 520;
const VICTIMS = 1_000;
const FAILURES = 50;
const SKIPPED = 'rmwatch_events_lost_total{reason="probe_skipped"}';

const results = fs.openSync(process.env.RMWATCH_RESULTS, 'a');
const report = (result) => fs.writeSync(results, `${JSON.stringify(result)}\n`);
const contention = (...args) => JSON.parse(execFileSync(CONTENTION, args.map(String), { encoding: 'utf8' }));

/** Starts an attack and waits until it is under way; the returned function ends it. */
async function attack(...args) {
  const child = spawn(CONTENTION, args.map(String), { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  await new Promise((resolve, reject) => {
    child.stdout.once('data', resolve);
    child.once('exit', (code) => reject(new Error(`${args.join(' ')} ended with ${code}`)));
  });
  return async () => {
    child.stdin.end();
    await ended;
  };
}

/** What a daemon said of the deletions by one process. */
async function withDaemon(mode, watch, work) {
  const config = { watches: [{ name: 'work', include: [`${WORK}/**`], ...watch }], self_test: { interval: 'off' } };
  const dir = `/tmp/rmwatch-contention-${mode}`;
  fs.rmSync(dir, { recursive: true, force: true });
  const daemon = new GuestDaemon({ mode, config, dir, program: PROGRAM, check: newLineCheck() });
  await daemon.start();
  try {
    return await work(daemon);
  } finally {
    await daemon.stop();
  }
}

const told = (daemon, pid, outcome) =>
  daemon.events().filter(({ event, process }) => process?.pid === pid && event.outcome === outcome);

async function crowds(mode) {
  const problems = [];
  const crowd = await withDaemon(mode, {}, async (daemon) => {
    const rows = [];
    for (const threads of CROWDS) {
      for (const where of ['one', 'many']) {
        const before = await daemon.metrics();
        const { pid, count } = contention('crowd', WORK, threads, FILES, where);
        const metrics = await daemon.settle();
        const lines = told(daemon, pid, 'success');
        const complete = lines.filter(({ rmwatch }) => rmwatch.path_complete).length;
        const name = 'rmwatch_deletions_total{watch="work",operation="unlink"}';
        const counted = metrics[name] - before[name];
        const skipped = metrics[SKIPPED] - before[SKIPPED];
        rows.push({ threads, where, count, lines: lines.length, complete, counted, skipped });
        if (lines.length !== count || counted !== count || lost(metrics) !== 0 || ledgerGap(metrics) !== 0)
          problems.push(`${threads} threads, ${where}: ${JSON.stringify(rows.at(-1))}, gap ${ledgerGap(metrics)}`);
      }
    }
    return rows;
  });
  report({ mode, check: 'crowds', ok: problems.length === 0, crowd, problems });
}

/** Hundreds of calls asleep after their victim was found hold up nobody, and neither does what their returns would need. */
async function sleepers(mode) {
  const problems = [];
  await withDaemon(mode, {}, async (daemon) => {
    const end = await attack('sleep', SLEEPERS);
    const { pid, count } = contention('crowd', WORK, 1, 100, 'one');
    const metrics = await daemon.settle();
    const lines = told(daemon, pid, 'success').length;
    if (lines !== count || lost(metrics) !== 0 || ledgerGap(metrics) !== 0)
      problems.push(`${lines} of ${count} told, ${lost(metrics)} lost, gap ${ledgerGap(metrics)}`);
    await end();
  });
  report({ mode, check: 'sleepers', ok: problems.length === 0, problems });
}

/** Failures are told while there is room to keep them until their return, and counted as lost without. */
async function failures(mode) {
  const problems = [];
  const rows = await withDaemon(mode, { failures: true }, async (daemon) => {
    const found = [];
    for (const asleep of [40, SLEEPERS]) {
      const before = await daemon.metrics();
      const end = await attack('sleep', asleep);
      const failed = contention('fail', WORK, FAILURES);
      const deleted = contention('crowd', WORK, 1, FAILURES, 'one');
      const metrics = await daemon.settle();
      const row = {
        asleep,
        failures: told(daemon, failed.pid, 'failure').length,
        deletions: told(daemon, deleted.pid, 'success').length,
        lost: lost(metrics) - lost(before),
      };
      found.push(row);
      const room = asleep < SLEEPERS;
      if (row.deletions !== FAILURES || row.failures + row.lost < FAILURES || (room && row.lost > 0))
        problems.push(JSON.stringify(row));
      if (ledgerGap(metrics) !== 0) problems.push(`gap ${ledgerGap(metrics)}`);
      await end();
      await daemon.settle();
    }
    return found;
  });
  report({ mode, check: 'failures', ok: problems.length === 0, rows, problems });
}

/** Whatever keeps programs from running: each deletion is told, or counted as lost. */
async function preempted(mode, check, ...args) {
  const problems = [];
  const row = await withDaemon(mode, {}, async (daemon) => {
    const end = await attack(...args);
    const { pid, count } = contention('crowd', WORK, 1, VICTIMS, 'one');
    await end();
    const metrics = await daemon.settle();
    const lines = told(daemon, pid, 'success');
    const complete = lines.filter(({ rmwatch }) => rmwatch.path_complete).length;
    const typed = lines.filter(({ rmwatch }) => rmwatch.requested_path !== undefined).length;
    const missed = metrics.rmwatch_probe_missed_total;
    const found = { count, lines: lines.length, complete, typed, skipped: metrics[SKIPPED], missed };
    if (lines.length + lost(metrics) < count || lines.length > count) problems.push('some are neither told nor lost');
    if (ledgerGap(metrics) !== 0) problems.push(`gap ${ledgerGap(metrics)}`);
    return found;
  });
  report({ mode, check, ok: problems.length === 0, ...row, problems });
}

/** The programs' own account: what ran at the success hooks ended in one way each, and was told as often as files vanished. */
function accounts(mode) {
  const { Probe } = createRequire(import.meta.url)('/stage/usr/lib/rmwatch/build/Release/rmwatch.node');
  const probe = new Probe({ mode, ringBytes: 1 << 24 });
  const problems = [];
  try {
    const all = { prefixes: [[Buffer.from('/'), 7]], devices: [], mounts: [] };
    probe.setFilter({ ...all, successOperations: 7, failureOperations: 0 });
    probe.attach();
    const { count } = contention('crowd', WORK, 48, FILES, 'one');
    const counters = probe.readCounters();
    const skipped = probe.skippedSuccesses() ?? 0;
    const runs = counters.kprobeRuns + counters.fentryRuns;
    const passed = counters.kprobePassed + counters.fentryPassed;
    const unattributed = counters.kprobeUnattributed + counters.fentryUnattributed;
    const { told, toldBefore, seen, filtered, submitted, lostRingFull } = counters;
    if (runs !== told + toldBefore + passed + unattributed) problems.push('a run at a success hook is unaccounted for');
    if (seen !== filtered + submitted + lostRingFull) problems.push('the ledger does not close');
    if (seen + skipped < count || told < seen) problems.push('deletions are missing');
    if (problems.length > 0) problems.push(JSON.stringify({ count, skipped, ...counters }));
  } finally {
    probe.close();
  }
  report({ mode, check: 'accounts', ok: problems.length === 0, problems });
}

const CHECKS = {
  accounts,
  crowds,
  sleepers,
  failures,
  preempted: (mode) => preempted(mode, 'preempted', 'preempt', ELSEWHERE),
  updates: (mode) => preempted(mode, 'updates', 'update'),
};

// Calls sleep for as long as a check takes.
fs.writeFileSync('/proc/sys/kernel/hung_task_timeout_secs', '0');
for (const directory of [WORK, ELSEWHERE]) {
  fs.mkdirSync(directory, { recursive: true });
  fs.chmodSync(directory, 0o777);
}
for (const mode of modes.split(',')) {
  for (const [name, check] of Object.entries(CHECKS)) {
    if (only.length > 0 && !only.includes(name)) continue;
    const began = Date.now();
    try {
      await check(mode);
    } catch (error) {
      report({ mode, check: name, ok: false, problems: [String(error.stack)], seconds: (Date.now() - began) / 1000 });
    }
  }
}
