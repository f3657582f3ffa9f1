import { describe, expect, it } from 'vitest';
import { Timestamps } from '../../../src/text/timestamps.js';

describe('Timestamps', () => {
  it.each([
    ['the epoch', 0, 0, '1970-01-01T00:00:00.000000000Z'],
    ['leading zeros', 1, 1, '1970-01-01T00:00:01.000000001Z'],
    ['all nine digits', 1_795_350_896, 789_012_345, '2026-11-22T12:34:56.789012345Z'],
    ['the last nanosecond of a second', 1_795_350_896, 999_999_999, '2026-11-22T12:34:56.999999999Z'],
    ['the last nanosecond before the epoch', -1, 999_999_999, '1969-12-31T23:59:59.999999999Z'],
    ['a leap day', 1_709_208_000, 0, '2024-02-29T12:00:00.000000000Z'],
    ['the first second of the year 0001', -62_135_596_800, 0, '0001-01-01T00:00:00.000000000Z'],
    ['the last second of the year 9999', 253_402_300_799, 999_999_999, '9999-12-31T23:59:59.999999999Z'],
  ])('writes %s', (_what, seconds, nanoseconds, text) => {
    expect(new Timestamps().wallClock(seconds, nanoseconds)).toBe(text);
  });

  it.each([
    [-62_135_596_801, false],
    [-62_135_596_800, true],
    [253_402_300_799, true],
    [253_402_300_800, false],
    [2 ** 63, false],
    [-(2 ** 63), false],
  ])('can tell %i seconds: %j', (seconds, can) => {
    expect(Timestamps.canTell(seconds)).toBe(can);
  });

  it.each([
    ['without a carry', 10, 200_000_000, [1_795_350_886, 589_012_345], '2026-11-22T12:34:56.789012345Z'],
    ['with a carry', 9, 800_000_000, [1_795_350_886, 989_012_345], '2026-11-22T12:34:56.789012345Z'],
    ['with a carry to exactly a second', 9, 1, [1_795_350_886, 999_999_999], '2026-11-22T12:34:56.000000000Z'],
    ['one nanosecond short of it', 9, 0, [1_795_350_887, 999_999_999], '2026-11-22T12:34:56.999999999Z'],
  ])('adds the time since boot %s', (_what, seconds, nanoseconds, [bootSeconds = 0, bootNanoseconds = 0], text) => {
    expect(new Timestamps().sinceBoot(seconds, nanoseconds, { bootSeconds, bootNanoseconds })).toBe(text);
  });

  it('remembers the second, and no more than that', () => {
    const timestamps = new Timestamps();
    expect(timestamps.wallClock(100, 1)).toBe('1970-01-01T00:01:40.000000001Z');
    expect(timestamps.wallClock(100, 2)).toBe('1970-01-01T00:01:40.000000002Z');
    expect(timestamps.wallClock(101, 2)).toBe('1970-01-01T00:01:41.000000002Z');
    expect(timestamps.wallClock(100, 3)).toBe('1970-01-01T00:01:40.000000003Z');
  });

  it('tells every nanosecond after a hundred years of uptime', () => {
    const timestamps = new Timestamps();
    const century = 3_155_760_000;
    const texts = Array.from({ length: 1000 }, (_, i) =>
      timestamps.sinceBoot(century, 123_456_000 + i, { bootSeconds: 1_700_000_000, bootNanoseconds: 0 }),
    );
    expect(new Set(texts.map((text) => text.slice(-4))).size).toBe(1000);
    expect(texts.at(-1)).toMatch(/\.123456999Z$/);
  });
});
