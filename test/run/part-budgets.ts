/** Seconds that each part of `npm test` may take: together eight minutes, so that ten are enough with what is downloaded. */
export const PART_BUDGETS = {
  'set-up and build': 60,
  checks: 35,
  'unit tests': 80,
  'addon and daemon on this kernel': 100,
  'one flood, ended by SIGTERM': 20,
  'kernels and tools': 25,
  guests: 160,
} as const;

export type PartName = keyof typeof PART_BUDGETS;
