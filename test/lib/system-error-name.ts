import { constants } from 'node:os';

const NAMES = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]));

/** The name of an errno as Node.js knows it, for tests without the addon. */
export function systemErrorName(number: number): string {
  return NAMES.get(number) ?? `E${number}`;
}
