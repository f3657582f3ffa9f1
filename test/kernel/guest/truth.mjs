/**
 * Runs in a guest: every case of test/workload under a daemon, compared field by field. Arguments:
 * MODE:DIRECTORY[,DIRECTORY...] ..., each mode with a daemon of its own. Reports one JSON line for each directory.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { lineProblems, newLineCheck } from '/opt/event-lines/event-lines.mjs';
import { compareRun } from '/opt/workload/compare.mjs';
import { GuestDaemon, ledgerGap, lost } from './daemon.mjs';
import { attachedHooks, killLeavesNothing } from './hooks.mjs';

/** What is left out, and why. Two hundred tasks at once: from Linux 7.0 on the kernel preempts tracepoints. */
const LEFT_OUT_BY_TRACEPOINT = { crowd: 'the kernel may leave out the tracepoint of tasks that it preempts half way' };
/** What a line lacks when a hook before its success hook was left out. */
const DETAILS = [
  'rmwatch.requested_path',
  'rmwatch.requested_path_bytes',
  'rmwatch.path_complete',
  'rmwatch.host_path',
];

const CASES = '/opt/cases';
/** More would drown the first. */
const SHOWN = 12;

const results = fs.openSync(process.env.RMWATCH_RESULTS, 'a');
let lastReport = Date.now();
const report = (result) => {
  const seconds = (Date.now() - lastReport) / 1000;
  lastReport = Date.now();
  fs.writeSync(results, `${JSON.stringify({ ...result, seconds })}\n`);
};

function isLeftOut({ case: name, field, actual }) {
  return name === 'crowd' && DETAILS.includes(field) && (actual === undefined || actual === false);
}

/** Runs all cases in one directory; the events are those that came since `seen`. */
async function compareIn(directory, { mode, daemon, seen }) {
  const base = `${directory}/${mode}`;
  fs.mkdirSync(base, { recursive: true });
  const missedBefore = (await daemon.metrics()).rmwatch_probe_missed_total;
  const output = `${daemon.dir}/expected${directory.replaceAll('/', '_')}.jsonl`;
  const leftOut = mode === 'tracepoint' ? LEFT_OUT_BY_TRACEPOINT : {};
  const skips = Object.keys(leftOut).flatMap((name) => ['--skip', name]);
  const workload = spawnSync(CASES, [...skips, '--output', output, base], { encoding: 'utf8', maxBuffer: 1 << 26 });
  const metrics = await daemon.settle();
  const expected = fs.readFileSync(output, 'utf8').split('\n').filter(Boolean);
  // From Linux 7.0 on the kernel may leave out tracepoints of tasks that it preempts; it says how often.
  const missed = metrics.rmwatch_probe_missed_total - missedBefore;
  const left = mode === 'tracepoint' ? missed : 0;
  const compared = compareRun({
    expected,
    events: daemon.events().slice(seen),
    mode,
    rules: ['all'],
    users: { 0: 'root' },
  });
  // Of trampolines it may leave out those that find the typed name and the mount: never the deletion itself.
  const lacking = mode === 'fentry' ? compared.mismatches.filter((one) => isLeftOut(one)) : [];
  const mismatches = compared.mismatches.filter((one) => !lacking.includes(one));
  if (lacking.length > missed * DETAILS.length) mismatches.push(...lacking);
  const { missing, unexpected } = compared;
  const explained = missing.length <= left && mismatches.length === 0 && unexpected.length === 0;
  const problems = [];
  if (workload.status !== 0) problems.push(`the workload: ${workload.status} ${workload.stderr.slice(-500)}`);
  if (lost(metrics) > left) problems.push(`lost ${lost(metrics)}`);
  if (ledgerGap(metrics) !== 0) problems.push(`ledger gap ${ledgerGap(metrics)}`);
  report({
    mode,
    directory,
    ok: explained && compared.attempts > 0 && compared.problems.length === 0 && problems.length === 0,
    cases: compared.cases,
    attempts: compared.attempts,
    mismatches: mismatches.length,
    lacking: lacking.length,
    missing: missing.length,
    unexpected: unexpected.length,
    missedReturns: compared.missedReturns,
    skips: [...compared.skips, ...Object.entries(leftOut).map(([name, reason]) => ({ case: name, reason }))],
    problems: [...problems, ...compared.problems.map((problem) => JSON.stringify(problem))],
    shown: explained
      ? []
      : [
          ...mismatches.slice(0, SHOWN),
          ...missing.slice(0, SHOWN).map((line) => ({ missing: line.case, call: line.call, path: line.path })),
          ...unexpected.slice(0, SHOWN).map(({ message, rmwatch }) => ({ unexpected: message, rmwatch })),
        ],
  });
}

async function run(mode, directories) {
  // Everything, so that what a case deletes elsewhere, or from another namespace, is compared too.
  const config = {
    watches: [{ name: 'all', include: ['/**'], failures: true }],
    log: { process_args: 'full', command_line: true, redact: [] },
    self_test: { interval: 'off' },
  };
  const daemon = new GuestDaemon({
    mode,
    config,
    dir: `/tmp/rmwatch-truth-${mode}`,
    program: '/stage/usr/bin/rmwatch',
    check: newLineCheck(),
  });
  const hooks = attachedHooks();
  await daemon.start();
  for (const directory of directories) await compareIn(directory, { mode, daemon, seen: daemon.events().length });
  const problems = await killLeavesNothing(daemon, hooks);
  report({ mode, check: 'SIGKILL leaves nothing attached', ok: problems.length === 0, problems });
  const account = daemon.checkedLines();
  const wrong = lineProblems(account);
  const { lines, invalid } = account;
  report({ mode, check: 'lines of the cases of the schema', ok: wrong.length === 0, lines, invalid, problems: wrong });
}

for (const [mode, directories] of process.argv.slice(2).map((argument) => argument.split(':'))) {
  await run(mode, directories.split(',')).catch((error) =>
    report({ mode, check: 'run', ok: false, problems: [String(error.stack)], skips: [], shown: [] }),
  );
}
