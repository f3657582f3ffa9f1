/** npm run test:matrix, after the set-up: every row of the table, or those that the arguments choose. */
import { execFileSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { kernelNames } from '../guest/harness/kernel-table.js';
import { kernelNotes } from '../guest/harness/kernels.js';
import { MODES, type Mode } from '../guest/scenarios/mode.js';
import { DIRECTORIES } from '../guest/scenarios/plan.js';
import { buildWorkload } from '../workload/build.js';
import { budgetOf, countsLine, timeTable } from './outcome.js';
import { readPassedRows } from './passed-rows.js';
import { PREPARED_FILESYSTEMS } from './prepared-filesystems.js';
import { Products } from './products.js';
import { commandOf, GUEST_ROWS, type GuestRow, PLAIN, ROWS, type Row, rowName, SCENARIOS } from './rows.js';
import { Results, runRows } from './run-rows.js';

const USAGE = `usage: npm run test:matrix -- [OPTION]...
  --kernel NAME       rows of one kernel: ${kernelNames.join(', ')}
  --variant NAME      rows of kernels that are set up in this way: plain, ...
  --mode MODE         rows of one mode: ${MODES.join(', ')}
  --filesystem NAME   rows of one file system: ${Object.keys(DIRECTORIES).join(', ')}
  --case NAME         rows of one scenario (${SCENARIOS.join(', ')}), or one case of the workload
  --row NAME          the row of this name
  --all               also what npm test has just passed
  --list              prints the table instead of running it`;

class UsageError extends Error {}

function readOptions() {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const options = {
    kernel: text,
    variant: text,
    mode: text,
    filesystem: text,
    case: text,
    row: text,
    all: flag,
    list: flag,
  };
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

type Options = ReturnType<typeof readOptions>;

function known<Value extends string>(
  option: string,
  value: string | undefined,
  values: readonly Value[],
): Value | undefined {
  const found = values.find((each) => each === value);
  if (value !== undefined && found === undefined) {
    throw new UsageError(`--${option} ${value}: there is none of that name. There are: ${values.join(', ')}`);
  }
  return found;
}

function workloadCases(): string[] {
  return execFileSync(buildWorkload(), ['--list'], { encoding: 'utf8' }).split('\n').filter(Boolean);
}

/** A cell that the table may not have: what is not given is taken from its likest row. */
function cellOf(chosen: Partial<GuestRow>, rows: readonly GuestRow[]): GuestRow[] {
  if (rows.length > 0) return [...rows];
  const like = GUEST_ROWS.find(({ scenario }) => scenario === chosen.scenario);
  const { kernel, mode, filesystem } = chosen;
  if (like === undefined || kernel === undefined || mode === undefined) return [];
  return [{ ...like, ...chosen, kernel, mode, filesystem: filesystem ?? like.filesystem, quick: false }];
}

/** The rows that the options choose. */
function choose(options: Options): Row[] {
  if (options.row !== undefined) {
    known('row', options.row, ROWS.map(rowName));
    return ROWS.filter((row) => rowName(row) === options.row);
  }
  const variantNames = [...new Set([PLAIN, ...GUEST_ROWS.map(({ variant }) => variant)])];
  const variantName = known(
    'variant',
    options.variant,
    variantNames.map(({ name }) => name),
  );
  const given = {
    kernel: known('kernel', options.kernel, kernelNames),
    mode: known<Mode>('mode', options.mode, MODES),
    filesystem: known('filesystem', options.filesystem, Object.keys(DIRECTORIES)),
    variant: variantNames.find(({ name }) => name === variantName),
  };
  const isScenario = SCENARIOS.find((each) => each === options.case);
  const oneCase = options.case !== undefined && isScenario === undefined;
  if (oneCase) known('case', options.case, [...SCENARIOS, ...workloadCases()]);
  const scenario = oneCase ? ('workload' as const) : isScenario;
  const chosen = Object.fromEntries(
    Object.entries({ ...given, scenario }).filter(([, value]) => value !== undefined),
  ) as Partial<GuestRow>;
  if (Object.keys(chosen).length === 0) return [...ROWS];
  const matches = (row: GuestRow) =>
    Object.entries(chosen).every(([key, value]) => row[key as keyof GuestRow] === value);
  const rows = cellOf(chosen, GUEST_ROWS.filter(matches));
  if (!oneCase) return rows;
  // One case is one cell: on the first of the file systems unless one is given, and on one that needs no Debian if there is one.
  const first = new Map<string, GuestRow>();
  const isPrepared = ({ filesystem }: GuestRow) => PREPARED_FILESYSTEMS[filesystem] !== undefined;
  const isLikely = (row: GuestRow) =>
    !isPrepared(row) ||
    !rows.some((other) => other.kernel === row.kernel && other.mode === row.mode && !isPrepared(other));
  for (const row of rows.filter(isLikely)) {
    const key = `${row.kernel} ${row.variant.name} ${row.mode}`;
    if (!first.has(key)) first.set(key, { ...row, only: [options.case!] });
  }
  return [...first.values()];
}

function printTable(rows: readonly Row[]): void {
  for (const row of rows) {
    console.log(
      `${String(row.budgetSeconds).padStart(5)} s${row.quick ? ' (npm test)' : ''}  ${rowName(row)}\n         ${row.reason}`,
    );
  }
}

async function main(): Promise<void> {
  const options = readOptions();
  const chosen = choose(options);
  if (chosen.length === 0) throw new UsageError('no row of the table is like that: give --kernel, --mode and --case');
  if (options.list) return printTable(chosen);
  const isWhole = chosen.length === ROWS.length && !options.all;
  const justPassed = isWhole ? readPassedRows() : new Set<string>();
  const rows = chosen.filter((row) => !justPassed.has(rowName(row)));
  const leftOut = chosen.length - rows.length;
  const began = performance.now();
  const results = new Results();
  const products = new Products();
  try {
    await runRows(rows, products, results);
  } finally {
    products.dispose();
  }
  const seconds = (performance.now() - began) / 1_000;
  console.log(`\nWhere the time went, ${seconds.toFixed(0)} s in all, two at a time:`);
  for (const line of timeTable(results.parts)) console.log(line);
  const failed = results.outcomes.filter((each) => each.failed.length > 0);
  for (const each of results.outcomes) {
    if (each.seconds > budgetOf(each.row)) console.log(`OVER ITS BUDGET: ${rowName(each.row)}`);
  }
  for (const { row } of failed) console.log(`FAILED ${rowName(row)}; again: ${commandOf(row)}`);
  for (const note of kernelNotes) console.log(note);
  if (leftOut > 0) console.log(`Not run: ${leftOut} rows that npm test has just passed. With --all they run, too.`);
  const rest = ROWS.length - chosen.length;
  if (rest > 0) console.log(`Not run: ${rest} other rows of the table. Run them with: npm run test:matrix`);
  console.log(countsLine(results.outcomes));
  process.exitCode = failed.length > 0 ? 1 : 0;
}

try {
  await main();
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(`${error.message}\n${USAGE}`);
  process.exitCode = 2;
}
