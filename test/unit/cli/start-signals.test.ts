import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const source = (file: string) => readFileSync(new URL(`../../../src/${file}`, import.meta.url), 'utf8');
const importsOf = (text: string) => [...text.matchAll(/^import .*? from '(.*)';$/gms)].map(([, name]) => name);

// Static imports are all loaded before the first statement runs: a signal during that time would end the process.
it('takes the signals before any other module is loaded', () => {
  expect(importsOf(source('main.ts'))).toEqual(['./cli/start-signals.js']);
  expect(importsOf(source('cli/start-signals.ts'))).toEqual([]);
  const main = source('main.ts');
  expect(main.indexOf('takeSignals(argv)')).toBeLessThan(main.indexOf('await import('));
});
