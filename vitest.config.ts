import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/** Real kernels and real processes: one at a time, and not in a hurry. */
const slow = { pool: 'forks' as const, fileParallelism: false, testTimeout: 60_000, hookTimeout: 600_000 };

export default defineConfig({
  test: {
    // Of the projects that run files side by side: by default one of two processors would be left out.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    // Of the unit tests, with --coverage. The floor may only rise: raise it when the figures are well above.
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      exclude: ['src/**/*.generated.ts', 'src/main.ts', 'src/cli/program.ts'],
      reporter: ['text-summary'],
      reportsDirectory: 'build/coverage',
      thresholds: { statements: 90, branches: 85, functions: 89, lines: 92 },
    },
    projects: [
      // On a busy machine the tests with ten thousand watches need more than the usual five seconds.
      {
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts', 'test/workload/**/*.test.ts'],
          testTimeout: 30_000,
          // Each module is loaded once in a worker, not once for each file of tests.
          isolate: false,
        },
      },
      { test: { name: 'host', include: ['test/host/*.test.ts'], ...slow } },
      { test: { name: 'flood', include: ['test/host/flood/*.test.ts'], ...slow } },
      { test: { name: 'sanitize', include: ['test/sanitize/*.test.ts'], ...slow, testTimeout: 300_000 } },
      { test: { name: 'service', include: ['test/service/**/*.test.ts'], ...slow } },
    ],
  },
});
