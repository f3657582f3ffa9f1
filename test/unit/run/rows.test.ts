import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { kernelEntry } from '../../guest/harness/kernel-table.js';
import { planSessions } from '../../run/guest-plan.js';
import { PART_BUDGETS } from '../../run/part-budgets.js';
import { PREPARED_FILESYSTEMS } from '../../run/prepared-filesystems.js';
import { GUEST_ROWS, ROWS, rowName, SUITES } from '../../run/rows.js';

const TESTS = fileURLToPath(new URL('../..', import.meta.url));

test('the parts of npm test may take eight minutes together', () => {
  expect(Object.values(PART_BUDGETS).reduce((sum, budget) => sum + budget, 0)).toBeLessThanOrEqual(480);
});

test('every row of npm test is a part with a budget', () => {
  const suites = SUITES.filter(({ quick }) => quick).map(({ name }) => name);
  expect(Object.keys(PART_BUDGETS)).toEqual(expect.arrayContaining([...suites, 'guests']));
});

test('every row has a name of its own, a budget and a reason', () => {
  const names = ROWS.map(rowName);
  expect(new Set(names).size).toBe(names.length);
  expect(ROWS.filter(({ budgetSeconds, reason }) => !(budgetSeconds > 0) || reason === '')).toEqual([]);
});

test('every test file belongs to a row', () => {
  const files = fs
    .readdirSync(TESTS, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'));
  const isTaken = (file: string) =>
    SUITES.some(({ files: taken }) => taken.some((each) => path.join('test', file) === each)) ||
    /^(unit|workload)\//.test(file);
  expect(files.length).toBeGreaterThan(40);
  expect(files.filter((file) => !isTaken(file))).toEqual([]);
});

test('every test of a file that two rows share belongs to one of them', () => {
  const [one, others] = SUITES.filter(({ files }) => files.includes('test/host/flood/flood.test.ts'));
  const names = ['SIGTERM while far more waits than the log takes at once', 'SIGKILL in the middle of a flood'];
  const rowsOf = (name: string) =>
    [one, others].filter((row) => new RegExp(row!.pattern!).test(name)).map((row) => row!.name);
  expect(names.map(rowsOf)).toEqual([['one flood, ended by SIGTERM'], ['floods']]);
});

test('one session has the workload of all file systems in one mode, every other row has its own', () => {
  const rows = GUEST_ROWS.filter(({ kernel, mode }) => kernel === '7.x' && mode === 'kprobe');
  const planned = planSessions(rows);
  expect(new Set(planned.map(({ session }) => session.name)).size).toBe(planned.length);
  expect(planned.flatMap(({ rows: taken }) => taken)).toHaveLength(rows.length);
  const workload = planned.find(({ session }) => session.kind === 'workload');
  expect(workload?.session).toMatchObject({ filesystems: ['tmpfs', 'btrfs'] });
});

test('every filesystem that Debian prepares has the workload', () => {
  const filesystems = GUEST_ROWS.filter(({ scenario }) => scenario === 'workload').map(({ filesystem }) => filesystem);
  expect(filesystems).toEqual(expect.arrayContaining(Object.keys(PREPARED_FILESYSTEMS)));
});

test('every kernel has the workload in every mode, deletions, every file system, hiding place and crowd', () => {
  const plain = (name: string) => kernelEntry(name).flavour === undefined;
  const kernels = new Set(GUEST_ROWS.map(({ kernel }) => kernel).filter(plain));
  expect(kernels.size).toBeGreaterThanOrEqual(4);
  for (const kernel of kernels) {
    for (const mode of ['kprobe', 'fentry', 'tracepoint']) {
      const scenarios = GUEST_ROWS.filter((row) => row.kernel === kernel && row.mode === mode);
      expect(scenarios.map(({ scenario }) => scenario)).toContain('workload');
    }
    const where = GUEST_ROWS.filter((row) => row.kernel === kernel && row.mode !== 'tracepoint');
    expect(where.map(({ scenario }) => scenario)).toContain('deletions');
    const workloads = where.filter(
      ({ scenario, filesystem }) => scenario === 'workload' && PREPARED_FILESYSTEMS[filesystem] === undefined,
    );
    const filesystems = workloads.map(({ filesystem }) => filesystem);
    expect(new Set(filesystems)).toEqual(new Set(['tmpfs', 'ext4', 'xfs', 'btrfs', 'overlayfs']));
    expect(where.map(({ scenario }) => scenario)).toContain('hiding');
    const crowds = where.filter(({ scenario }) => scenario === 'contention').map(({ mode }) => mode);
    expect(crowds).toEqual(['kprobe', 'fentry']);
  }
});
