/**
 * Runs in a guest: every case of test/workload under a daemon, compared field by field. Arguments: MODE:DIRECTORY ...,
 * each with a daemon of its own. Reports one JSON line for each.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { compareRun } from '/opt/workload/compare.mjs';
import { GuestDaemon, ledgerGap, lost } from './daemon.mjs';
import { attachedHooks, killLeavesNothing } from './hooks.mjs';

/** What is left out, and why. */
const LEFT_OUT = {
  'reused-device': 'a private mount that gets the number of one just unmounted is placed on the host for a moment',
};
/** Two hundred tasks at once: where the kernel preempts trampolines and tracepoints it leaves some out (see `asleep`). */
const LEFT_OUT_WITHOUT_KPROBES = { crowd: 'the kernel may leave out hooks of tasks that it preempts half way' };

const CASES = '/opt/cases';
/** More would drown the first. */
const SHOWN = 12;

const results = fs.openSync(process.env.RMWATCH_RESULTS, 'a');
const report = (result) => fs.writeSync(results, `${JSON.stringify(result)}\n`);

async function run(mode, directory) {
  const base = `${directory}/${mode}`;
  fs.mkdirSync(base, { recursive: true });
  // Everything, so that what a case deletes elsewhere, or from another namespace, is compared too.
  const config = { watches: [{ name: 'all', include: ['/**'], failures: true }], self_test: { interval: 'off' } };
  const daemon = new GuestDaemon({
    mode,
    config,
    dir: `/tmp/rmwatch-${mode}-${directory.replaceAll('/', '_')}`,
    program: '/stage/usr/bin/rmwatch',
  });
  const hooks = attachedHooks();
  await daemon.start();
  const output = `${daemon.dir}/expected.jsonl`;
  const leftOut = mode === 'kprobe' ? LEFT_OUT : { ...LEFT_OUT, ...LEFT_OUT_WITHOUT_KPROBES };
  const skips = Object.keys(leftOut).flatMap((name) => ['--skip', name]);
  const workload = spawnSync(CASES, [...skips, '--output', output, base], { encoding: 'utf8', maxBuffer: 1 << 26 });
  const metrics = await daemon.settle();
  const expected = fs.readFileSync(output, 'utf8').split('\n').filter(Boolean);
  // From Linux 7.0 on the kernel may leave out trampolines and tracepoints of tasks that it preempts; it says how often.
  const left = mode === 'kprobe' ? 0 : metrics.rmwatch_probe_missed_total;
  const compared = compareRun({
    expected,
    events: daemon.events(),
    mode,
    rules: ['all'],
    users: { 0: 'root' },
    missedReturns: mode === 'kprobe' || left > 0,
  });
  const { mismatches, missing, unexpected } = compared;
  const explained = missing.length <= left && mismatches.length === 0 && unexpected.length === 0;
  const problems = [];
  if (workload.status !== 0) problems.push(`the workload: ${workload.status} ${workload.stderr.slice(-500)}`);
  if (lost(metrics) > left) problems.push(`lost ${lost(metrics)}`);
  if (ledgerGap(metrics) !== 0) problems.push(`ledger gap ${ledgerGap(metrics)}`);
  const afterKill = await killLeavesNothing(daemon, hooks);
  report({ mode, check: 'SIGKILL leaves nothing attached', ok: afterKill.length === 0, problems: afterKill });
  report({
    mode,
    directory,
    ok: explained && compared.attempts > 0 && compared.problems.length === 0 && problems.length === 0,
    cases: compared.cases,
    attempts: compared.attempts,
    mismatches: compared.mismatches.length,
    missing: compared.missing.length,
    unexpected: compared.unexpected.length,
    missedReturns: compared.missedReturns,
    skips: [...compared.skips, ...Object.entries(leftOut).map(([name, reason]) => ({ case: name, reason }))],
    problems: [...problems, ...compared.problems.map((problem) => JSON.stringify(problem))],
    shown: explained
      ? []
      : [
          ...compared.mismatches.slice(0, SHOWN),
          ...compared.missing.slice(0, SHOWN).map((line) => ({ missing: line.case, call: line.call, path: line.path })),
          ...compared.unexpected.slice(0, SHOWN).map(({ message, rmwatch }) => ({ unexpected: message, rmwatch })),
        ],
  });
}

for (const [mode, directory] of process.argv.slice(2).map((argument) => argument.split(':'))) {
  await run(mode, directory).catch((error) =>
    report({ mode, directory, ok: false, problems: [String(error.stack)], skips: [], shown: [] }),
  );
}
