/**
 * Runs in a guest: every case of test/workload on every filesystem, under a daemon in each attach mode, compared field by
 * field. Arguments: modes, directories (one for each filesystem). Reports one JSON line for each mode and directory.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { compareRun } from '/opt/workload/compare.mjs';
import { GuestDaemon, ledgerGap, lost } from './daemon.mjs';

const [modes, directories] = process.argv.slice(2).map((list) => list.split(','));
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
  await daemon.start();
  const output = `${daemon.dir}/expected.jsonl`;
  const workload = spawnSync(CASES, ['--output', output, base], { encoding: 'utf8', maxBuffer: 1 << 26 });
  const metrics = await daemon.settle();
  const expected = fs.readFileSync(output, 'utf8').split('\n').filter(Boolean);
  const compared = compareRun({ expected, events: daemon.events(), mode, rules: ['all'], users: { 0: 'root' } });
  const problems = [];
  if (workload.status !== 0) problems.push(`the workload: ${workload.status} ${workload.stderr.slice(-500)}`);
  if (lost(metrics) !== 0) problems.push(`lost ${lost(metrics)}`);
  if (ledgerGap(metrics) !== 0) problems.push(`ledger gap ${ledgerGap(metrics)}`);
  if ((await daemon.stop()).code !== 0) problems.push('exit code');
  report({
    mode,
    directory,
    ok: compared.ok && problems.length === 0,
    cases: compared.cases,
    attempts: compared.attempts,
    mismatches: compared.mismatches.length,
    missing: compared.missing.length,
    unexpected: compared.unexpected.length,
    skips: compared.skips,
    problems: [...problems, ...compared.problems.map((problem) => JSON.stringify(problem))],
    shown: [
      ...compared.mismatches.slice(0, SHOWN),
      ...compared.missing.slice(0, SHOWN).map((line) => ({ missing: line.case, call: line.call, path: line.path })),
      ...compared.unexpected.slice(0, SHOWN).map(({ message, rmwatch }) => ({ unexpected: message, rmwatch })),
    ],
  });
}

for (const mode of modes) {
  for (const directory of directories) {
    await run(mode, directory).catch((error) =>
      report({ mode, directory, ok: false, problems: [String(error.stack)], skips: [], shown: [] }),
    );
  }
}
