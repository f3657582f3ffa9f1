import { describe, expect, it } from 'vitest';
import { formatSize, parseDuration, parseSize } from '../../../src/config/units.js';

describe('parseDuration', () => {
  it.each([
    ['250ms', 250],
    ['30s', 30_000],
    ['5m', 300_000],
    ['1h', 3_600_000],
    ['0s', 0],
  ])('%s', (text, value) => expect(parseDuration(text)).toEqual({ value }));

  it.each(['', '5', 's', '-5s', '1.5m', '5 m', '5M', '5m ', '1h30m', '1d', '99999999999999999h'])(
    'refuses "%s"',
    (text) => expect(parseDuration(text)).toHaveProperty('error'),
  );

  it('says what was probably meant', () => {
    expect(parseDuration('5 min')).toEqual({ error: expect.stringContaining('did you mean "5m"?') });
    expect(parseDuration('30')).toEqual({ error: expect.stringContaining('the unit is missing') });
  });
});

describe('parseSize', () => {
  it.each([
    ['512B', 512],
    ['64KiB', 65_536],
    ['16MiB', 16_777_216],
    ['1GiB', 1_073_741_824],
  ])('%s', (text, value) => expect(parseSize(text)).toEqual({ value }));

  it.each(['16MB', '16M', '16mib', '16 MiB'])('asks whether "%s" means MiB', (text) =>
    expect(parseSize(text)).toEqual({ error: expect.stringContaining('did you mean "16MiB"?') }),
  );
});

it.each([
  [65_536, '64KiB'],
  [2 ** 30, '1GiB'],
  [1500, '1500B'],
  [0, '0B'],
])('formatSize(%i)', (bytes, text) => expect(formatSize(bytes)).toBe(text));
