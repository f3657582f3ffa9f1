import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { expect, it } from 'vitest';
import { errorName as nameFrom } from '../../../src/probe/error-names.js';
import { loadBinding } from '../../../src/probe/native-probe.js';

const binding = loadBinding();
const errorName = (number: number) => nameFrom(binding, number);

it('knows every error number of the kernel by the name of its header', () => {
  const text = ['errno-base.h', 'errno.h']
    .map((name) => readFileSync(`/usr/include/asm-generic/${name}`, 'utf8'))
    .join();
  const defined = [...text.matchAll(/^#define\s+(E\w+)\s+(\d+)/gm)].map(([, name, number]) => [number, name]);
  expect(defined.length).toBeGreaterThan(130);
  expect(defined.map(([number]) => [number, errorName(Number(number))])).toEqual(defined);
});

it('goes as Node.js, which knows fewer', () => {
  const others = Object.entries(constants.errno).filter(([name, number]) => errorName(number) !== name);
  expect(others.map(([name]) => name).sort()).toEqual(['ENOTSUP', 'EWOULDBLOCK']);
});

it.each([
  [41, 'E41'],
  [58, 'E58'],
  [117, 'EUCLEAN'],
  [512, 'ERESTARTSYS'],
  [513, 'ERESTARTNOINTR'],
  [514, 'ERESTARTNOHAND'],
  [524, 'ENOTSUPP'],
  [4095, 'E4095'],
])('names %i', (number, name) => {
  expect(errorName(number)).toBe(name);
});
