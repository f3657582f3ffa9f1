import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { runTasks } from '../../run/lanes.js';
import { countsLine, type Outcome, outcomeLines, timeTable, withinBudget, withLeave } from '../../run/outcome.js';
import { GUEST_ROWS, SUITES } from '../../run/rows.js';

const row = { ...SUITES[0]!, name: 'a row', budgetSeconds: 10 };
const outcome: Outcome = { row, seconds: 5, passed: 3, failed: [], skipped: 1, notes: [] };

// The run that this is a part of may have more time.
beforeEach(() => vi.stubEnv('RMWATCH_BUDGET_FACTOR', undefined));
afterEach(() => vi.unstubAllEnvs());

test('a row within its budget stays as it is', () => {
  expect(withinBudget(outcome)).toBe(outcome);
});

test('a row over its budget fails, and says by how much', () => {
  const { failed } = withinBudget({ ...outcome, seconds: 11 });
  expect(failed).toEqual([{ name: 'within its budget', problems: ['took 11 s, its budget is 10 s'] }]);
});

test('RMWATCH_BUDGET_FACTOR gives a slow machine more time', () => {
  vi.stubEnv('RMWATCH_BUDGET_FACTOR', '2');
  expect(withinBudget({ ...outcome, seconds: 19 }).failed).toEqual([]);
  expect(withinBudget({ ...outcome, seconds: 21 }).failed).toHaveLength(1);
});

test('the lines of a row that failed name the check, what is wrong and the command that repeats it', () => {
  const failed = [{ name: 'a promise', problems: ['one thing', 'two\nlines'] }];
  expect(outcomeLines({ ...outcome, failed })).toEqual([
    'FAIL    5.0 s  a row: 3 passed, 1 skipped, 1 FAILED',
    '       FAILED a promise',
    '         one thing',
    '         two',
    '         lines',
    "       again: npm run test:matrix -- --row 'a row'",
  ]);
});

test('a row of a release candidate tells what failed, and fails no run', () => {
  const failed = [{ name: 'a promise', problems: ['one thing\nat a place'] }];
  const candidate = GUEST_ROWS.find(({ kernel }) => kernel === 'candidate')!;
  const told = withLeave({ ...outcome, row: candidate, failed });
  expect(told).toMatchObject({
    passed: 3,
    failed: [],
    skipped: 2,
    notes: ['failed, as this row may: a promise', 'one thing'],
  });
  expect(withLeave({ ...outcome, row: candidate })).toMatchObject({ skipped: 1, notes: [] });
  const released = GUEST_ROWS.find(({ kernel }) => kernel === '7.x')!;
  expect(withLeave({ ...outcome, row: released, failed })).toMatchObject({ failed, skipped: 1 });
});

test('the counts of all rows are one line', () => {
  const failed = [{ name: 'a promise', problems: ['x'] }];
  expect(countsLine([outcome, { ...outcome, failed }])).toBe('6 passed, 1 failed, 2 skipped');
  expect(countsLine([{ ...outcome, skipped: 0 }])).toBe('3 passed, 0 failed');
});

test('the table of time begins with what took longest', () => {
  const parts = [
    { name: 'short', seconds: 1 },
    { name: 'long', seconds: 9, budget: 10 },
  ];
  expect(timeTable(parts)).toEqual(['     9.0 s of 10 s   long', '     1.0 s           short']);
});

test('two tasks run at once, one that needs the whole machine runs alone', async () => {
  let running = 0;
  const seen: string[] = [];
  const task = (name: string, alone: boolean, expectedSeconds: number) => ({
    alone,
    expectedSeconds,
    async run() {
      running += 1;
      await new Promise((resolve) => setImmediate(resolve));
      seen.push(`${name} ${running}`);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
    },
  });
  await runTasks([task('flood', true, 5), task('b', false, 1), task('a', false, 2)]);
  expect(seen).toEqual(['a 2', 'b 2', 'flood 1']);
});

test('a task that throws does not keep the others from running', async () => {
  const ran: string[] = [];
  const task = (name: string, error?: Error) => ({
    alone: false,
    expectedSeconds: 1,
    async run() {
      ran.push(name);
      if (error) throw error;
    },
  });
  const tasks = [task('a', new Error('broken')), task('b'), task('c')];
  await expect(runTasks(tasks)).rejects.toThrow('broken');
  expect(ran.sort()).toEqual(['a', 'b', 'c']);
});
