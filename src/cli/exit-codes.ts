/** Exit codes of the program, part of its interface. */
export const EXIT = {
  ok: 0,
  failure: 1,
  usage: 2,
  nothingFound: 3,
  degraded: 3,
  notPrivileged: 4,
  configuration: 6,
  unsupportedKernel: 69,
} as const;
