/** What became of a row, and the lines that tell it. */
import type { Check } from '../guest/scenarios/checks.js';
import { commandOf, mayFail, type Row, rowName } from './rows.js';

export interface Outcome {
  readonly row: Row;
  readonly seconds: number;
  readonly passed: number;
  readonly failed: readonly Check[];
  readonly skipped: number;
  /** Facts of the checks that passed, and what the row printed. */
  readonly notes: readonly string[];
}

/** A slow machine may have more time: RMWATCH_BUDGET_FACTOR=2 doubles every budget. */
export function budgetOf(row: Row): number {
  return row.budgetSeconds * budgetFactor();
}

export function budgetFactor(): number {
  const text = process.env['RMWATCH_BUDGET_FACTOR'] ?? '1';
  const factor = Number(text);
  if (!(factor > 0)) throw new Error(`RMWATCH_BUDGET_FACTOR is not a number above 0: ${text}`);
  return factor;
}

/** One check more that fails when the row took longer than it may. */
export function withinBudget(outcome: Outcome): Outcome {
  const budget = budgetOf(outcome.row);
  if (outcome.seconds <= budget) return outcome;
  const problem = `took ${outcome.seconds.toFixed(0)} s, its budget is ${budget} s`;
  return { ...outcome, failed: [...outcome.failed, { name: 'within its budget', problems: [problem] }] };
}

/** Of a row that may fail: its failed checks count as skipped, and are notes. */
export function withLeave(outcome: Outcome): Outcome {
  const { row, failed, skipped, notes } = outcome;
  if (failed.length === 0 || !mayFail(row)) return outcome;
  const told = failed.flatMap(({ name, problems }) => [`failed, as this row may: ${name}`, ...problems.map(firstLine)]);
  return { ...outcome, failed: [], skipped: skipped + failed.length, notes: [...notes, ...told] };
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]!;
}

const seconds = (value: number) => `${value.toFixed(1).padStart(6)} s`;

/** The progress line of a row, and below it what failed and how to repeat it. */
export function outcomeLines({ row, seconds: took, passed, failed, skipped, notes }: Outcome): string[] {
  const counts = [`${passed} passed`, ...(skipped > 0 ? [`${skipped} skipped`] : [])];
  if (failed.length > 0) counts.push(`${failed.length} FAILED`);
  const lines = [`${failed.length > 0 ? 'FAIL' : 'ok  '} ${seconds(took)}  ${rowName(row)}: ${counts.join(', ')}`];
  lines.push(...notes.map((note) => `       ${note}`));
  for (const { name, problems } of failed) {
    lines.push(`       FAILED ${name}`);
    for (const problem of problems) lines.push(...problem.split('\n').map((line) => `         ${line}`));
  }
  if (failed.length > 0) lines.push(`       again: ${commandOf(row)}`);
  return lines;
}

/** Where the time went, slowest first. */
export function timeTable(parts: readonly { name: string; seconds: number; budget?: number }[]): string[] {
  const rows = [...parts].sort((a, b) => b.seconds - a.seconds);
  return rows.map(({ name, seconds: took, budget }) => {
    const of = budget === undefined ? '' : ` of ${budget.toFixed(0)} s`;
    return `  ${seconds(took)}${of.padEnd(10)} ${name}`;
  });
}

/** "N passed, N failed[, N skipped]": the last line of all. */
export function countsLine(outcomes: readonly Outcome[]): string {
  const sum = (count: (outcome: Outcome) => number) => outcomes.reduce((total, each) => total + count(each), 0);
  const skipped = sum((each) => each.skipped);
  const counts = [`${sum((each) => each.passed)} passed`, `${sum((each) => each.failed.length)} failed`];
  if (skipped > 0) counts.push(`${skipped} skipped`);
  return counts.join(', ');
}
