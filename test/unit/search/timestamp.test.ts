import { describe, expect, it } from 'vitest';
import { parseMoment, timestampText } from '../../../src/search/timestamp.js';

const NOW = new Date(2026, 10, 24, 15, 16, 17, 500).getTime();
const local = (year: number, month: number, day: number, hour = 0, minute = 0, second = 0, milliseconds = 0): number =>
  new Date(year, month, day, hour, minute, second, milliseconds).getTime();

describe('parseMoment', () => {
  it.each<[string, number]>([
    ['now', NOW],
    ['today', local(2026, 10, 24)],
    ['yesterday', local(2026, 10, 23)],
    ['tomorrow', local(2026, 10, 25)],
    ['14:30', local(2026, 10, 24, 14, 30)],
    ['14:30:05.25', local(2026, 10, 24, 14, 30, 5, 250)],
    ['2026-11-20', local(2026, 10, 20)],
    ['2026-11-20 06:07', local(2026, 10, 20, 6, 7)],
    ['Fri 2026-11-20 06:07:08', local(2026, 10, 20, 6, 7, 8)],
    ['2026-11-20T06:07:08Z', Date.UTC(2026, 10, 20, 6, 7, 8)],
    ['2026-11-20 06:07 UTC', Date.UTC(2026, 10, 20, 6, 7)],
    ['2026-11-20T06:07:08.123+02:00', Date.UTC(2026, 10, 20, 4, 7, 8, 123)],
    ['@1700000000', 1_700_000_000_000],
    ['-1h', NOW - 3_600_000],
    ['-1h 30min', NOW - 5_400_000],
    ['-2d', NOW - 2 * 86_400_000],
    ['-90', NOW - 90_000],
    ['+5m', NOW + 300_000],
    ['5 min ago', NOW - 300_000],
    ['1week ago', NOW - 7 * 86_400_000],
    ['-1M', NOW - 30.44 * 86_400_000],
  ])('reads %s', (text, moment) => {
    expect(parseMoment(text, NOW)).toEqual({ value: moment });
  });

  it.each([
    ['1h', 'did you mean "-1h" or "1h ago"?'],
    ['yesterdy', 'did you mean "yesterday"?'],
    ['2026/11/20', 'did you mean "2026-11-20"?'],
    ['2026-02-31', 'no such day'],
    ['1700000000', 'did you mean "@1700000000"?'],
    ['25:00', 'expected a time such as'],
    ['', 'expected a time such as'],
    ['-1x', 'expected a time such as'],
    ['-', 'expected a time such as'],
    ['@99999999999999', 'is not between the years 1970 and 9999'],
  ])('refuses %s and says what was meant', (text, message) => {
    expect(parseMoment(text, NOW)).toEqual({ error: expect.stringContaining(message) });
  });

  it('takes a bounded time for a text that is made to take long', () => {
    expect(parseMoment(`-${'1'.repeat(50)}${'a1'.repeat(100_000)}!`, NOW)).toHaveProperty('error');
  });
});

describe('timestampText', () => {
  it('is the text of @timestamp, so that both compare', () => {
    expect(timestampText(Date.UTC(2026, 10, 20, 6, 7, 8, 9))).toBe('2026-11-20T06:07:08.009000000Z');
    expect(timestampText(0.5)).toBe('1970-01-01T00:00:00.000500000Z');
  });
});
