/** Seconds that each part of `npm test` may take: together eight minutes, so that ten are enough with what is downloaded. */
export const PART_BUDGETS = {
  'set-up and build': 100,
  checks: 45,
  'unit tests': 75,
  'addon and daemon on this kernel': 70,
  'one flood, ended by SIGTERM': 25,
  'kernels and tools': 30,
  guests: 135,
} as const;

export type PartName = keyof typeof PART_BUDGETS;
