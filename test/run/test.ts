/**
 * npm test, after the set-up: an answer in ten minutes. Arguments: seconds that the set-up took.
 *
 * The parts run one after the other, each with a budget; a part over its budget fails the run. Kernels and tools for the
 * guests are fetched meanwhile.
 */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureKernel, kernelNotes } from '../guest/harness/kernels.js';
import { ensureQemu } from '../guest/harness/qemu.js';
import { ensureBusybox } from '../guest/harness/tools.js';
import { budgetFactor, countsLine, type Outcome, timeTable } from './outcome.js';
import { PART_BUDGETS, type PartName } from './part-budgets.js';
import { savePassedRows, sourcesDigest } from './passed-rows.js';
import { Products } from './products.js';
import { GUEST_ROWS, ROWS, type Row, rowName, SUITES } from './rows.js';
import { type Part, Results, runRows } from './run-rows.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const results = new Results();
const parts: Part[] = [];
const overBudget: string[] = [];

function finish(name: PartName, seconds: number): void {
  const budget = PART_BUDGETS[name] * budgetFactor();
  parts.push({ name, seconds, budget });
  if (seconds > budget) overBudget.push(`${name} took ${seconds.toFixed(0)} s, its budget is ${budget} s`);
  console.log(`---- ${seconds.toFixed(1).padStart(6)} s  ${name}`);
}

async function part(name: PartName, body: () => Promise<void> | void): Promise<void> {
  const began = performance.now();
  await body();
  finish(name, (performance.now() - began) / 1_000);
}

/** A part that has no row: it passes or fails as a whole. */
function addCheck(name: string, problems: readonly string[]): Outcome {
  const row: Row = { ...SUITES[0]!, name, budgetSeconds: Number.POSITIVE_INFINITY };
  const failed = problems.length > 0 ? [{ name, problems }] : [];
  const outcome = { row, seconds: 0, passed: 1 - failed.length, failed, skipped: 0, notes: [] };
  results.outcomes.push(outcome);
  return outcome;
}

/** One after the other: they wait for the same lock. */
async function fetchForGuests(kernels: readonly string[]): Promise<void> {
  for (const name of kernels) await ensureKernel(name);
  await ensureQemu();
  await ensureBusybox();
}

const quick = ROWS.filter((row) => row.quick);
const sources = sourcesDigest();
const products = new Products();
try {
  finish('set-up and build', Number(process.argv[2] ?? 0));
  const kernels = [...new Set(GUEST_ROWS.filter((row) => row.quick).map(({ kernel }) => kernel))];
  const fetched = fetchForGuests(kernels);
  fetched.catch(() => undefined);
  await part('checks', () => {
    const { status } = spawnSync(path.join(ROOT, 'scripts/check.sh'), { stdio: 'inherit' });
    addCheck('scripts/check.sh', status === 0 ? [] : [`ended with ${status}`]);
  });
  for (const row of SUITES.filter((each) => each.quick)) {
    await part(row.name as PartName, () => runRows([row], products, results));
  }
  await part('kernels and tools', () => fetched);
  await part('guests', () =>
    runRows(
      quick.filter((row) => row.kind === 'guest'),
      products,
      results,
    ),
  );
} finally {
  products.dispose();
}

const passed = results.outcomes.filter(({ failed }) => failed.length === 0).map(({ row }) => rowName(row));
savePassedRows(sources, passed);
for (const problem of overBudget) addCheck(problem, [problem]);
const total = parts.reduce((sum, { seconds }) => sum + seconds, 0);
console.log(`\nWhere the time went, ${total.toFixed(0)} s in all:`);
for (const line of timeTable(parts)) console.log(line);
for (const problem of overBudget) console.log(`OVER ITS BUDGET: ${problem}`);
for (const note of kernelNotes) console.log(note);
const rest = ROWS.filter((row) => !row.quick);
console.log(
  `Not run: ${rest.length} rows of the matrix (other kernels, modes and file systems, service, packages, floods, soak). ` +
    'Run them with: npm run test:matrix',
);
console.log(countsLine(results.outcomes));
process.exitCode = results.outcomes.some(({ failed }) => failed.length > 0) ? 1 : 0;
