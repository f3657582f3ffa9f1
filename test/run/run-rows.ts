/** Runs rows of the table, prints a line for each when it is over, and collects what became of them. */
import { guestKey } from './guest-plan.js';
import { runGuestRows } from './guest-run.js';
import { runTasks, type Task } from './lanes.js';
import { type Outcome, outcomeLines, withinBudget, withLeave } from './outcome.js';
import type { Products } from './products.js';
import { type GuestRow, type Row, rowName, type SuiteRow } from './rows.js';
import { runSuite } from './suite.js';

export interface Part {
  readonly name: string;
  readonly seconds: number;
  readonly budget?: number;
}

/** What came of rows: one outcome each, and how long each process or guest took. */
export class Results {
  readonly outcomes: Outcome[] = [];
  readonly parts: Part[] = [];

  add(outcome: Outcome): void {
    const judged = withLeave(withinBudget(outcome));
    this.outcomes.push(judged);
    for (const line of outcomeLines(judged)) console.log(line);
  }
}

/** Rows that may share a guest, each mode in one of its own: a guest is busy with one processor most of the time. */
function guestsOf(rows: readonly GuestRow[]): GuestRow[][] {
  const guests = new Map<string, GuestRow[]>();
  for (const row of rows) {
    const key = `${guestKey(row)} ${row.mode}`;
    guests.set(key, [...(guests.get(key) ?? []), row]);
  }
  return [...guests.values()];
}

function suiteTask(row: SuiteRow, products: Products, results: Results): Task {
  return {
    alone: row.alone,
    expectedSeconds: row.budgetSeconds,
    async run() {
      const outcome = await runSuite(row, products.directory, products.environment);
      results.parts.push({ name: rowName(row), seconds: outcome.seconds, budget: row.budgetSeconds });
      results.add(outcome);
    },
  };
}

function guestTask(rows: readonly GuestRow[], products: Products, results: Results): Task {
  const { kernel, variant, mode } = rows[0]!;
  return {
    alone: false,
    expectedSeconds: rows.reduce((sum, row) => sum + row.budgetSeconds, 0),
    async run() {
      const name = `guest of Linux ${kernel}, ${variant.name}, ${mode}`;
      try {
        const { outcomes, seconds, release } = await runGuestRows(rows, await products.guestFiles());
        results.parts.push({ name: `${name} (${release}), ${rows.length} rows`, seconds });
        for (const outcome of outcomes) results.add(outcome);
      } catch (error) {
        const failed = [{ name: 'the guest can be started', problems: [String((error as Error).stack)] }];
        for (const row of rows) results.add({ row, seconds: 0, passed: 0, failed, skipped: 0, notes: [] });
      }
    },
  };
}

export async function runRows(rows: readonly Row[], products: Products, results: Results): Promise<void> {
  const suites = rows.filter((row) => row.kind === 'suite');
  const guests = guestsOf(rows.filter((row) => row.kind === 'guest'));
  await runTasks([
    ...suites.map((row) => suiteTask(row, products, results)),
    ...guests.map((group) => guestTask(group, products, results)),
  ]);
}
