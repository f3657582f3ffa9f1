import type { Parsed } from '../config/units.js';

/** Names of units as systemd.time(7) has them, in milliseconds. `m` is a minute, `M` a month. */
const UNITS: ReadonlyMap<string, number> = new Map(
  (
    [
      [['us', 'usec', 'µs'], 0.001],
      [['ms', 'msec'], 1],
      [['s', 'sec', 'second', 'seconds', ''], 1000],
      [['m', 'min', 'minute', 'minutes'], 60_000],
      [['h', 'hr', 'hour', 'hours'], 3_600_000],
      [['d', 'day', 'days'], 86_400_000],
      [['w', 'week', 'weeks'], 7 * 86_400_000],
      [['M', 'month', 'months'], 30.44 * 86_400_000],
      [['y', 'year', 'years'], 365.25 * 86_400_000],
    ] as const
  ).flatMap(([names, factor]) => names.map((name) => [name, factor] as const)),
);

const WEEKDAY = /^(mon|tue|wed|thu|fri|sat|sun)[a-z]*,?\s+/i;
const DATE =
  /^(?:(\d{4})-(\d{1,2})-(\d{1,2}))?(?:(?:^|[ T])(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?)?\s*(Z|UTC|[+-]\d{2}:?\d{2})?$/;
const EXPECTED =
  'expected a time such as "-1h", "yesterday", "14:30", "2026-11-24 14:30" or "2026-11-24T14:30:00Z" (systemd.time(7))';

const TEXT_MAX = 100;
/** Date holds these at most; years of four digits stay comparable as text. */
const YEAR_9999 = 253_402_300_799_999;

/**
 * A moment as systemd.time(7) writes it, in milliseconds since the epoch. A date without a time is its midnight, a time
 * without a date is of today, both by the local clock unless a zone is given.
 */
export function parseMoment(text: string, nowMs: number): Parsed<number> {
  if (text.length > TEXT_MAX) return { error: `${EXPECTED}, got ${text.length} characters` };
  const moment = momentOf(text.trim(), nowMs);
  if (moment === undefined || Number.isNaN(moment)) return { error: `${EXPECTED}, got "${text}"${hint(text)}` };
  if (moment < 0 || moment > YEAR_9999) return { error: `"${text}" is not between the years 1970 and 9999` };
  return { value: moment };
}

/** The moment as `@timestamp` has it, in nanoseconds and UTC, so that both compare as text. */
export function timestampText(milliseconds: number): string {
  const whole = Math.floor(milliseconds);
  const nanoseconds = String(Math.round((milliseconds - whole) * 1e6)).padStart(6, '0');
  return `${new Date(whole).toISOString().slice(0, -1)}${nanoseconds}Z`;
}

function momentOf(text: string, nowMs: number): number | undefined {
  if (text === 'now') return nowMs;
  const day = ['yesterday', 'today', 'tomorrow'].indexOf(text);
  if (day >= 0) {
    const now = new Date(nowMs);
    return new Date(now.getFullYear(), now.getMonth(), now.getDate() + day - 1).getTime();
  }
  const epoch = /^@(\d+(?:\.\d+)?)$/.exec(text);
  if (epoch) return Number(epoch[1]) * 1000;
  const ago = /^(.*\S)\s+(ago|left)$/.exec(text);
  const relative = /^([+-])\s*(.+)$/.exec(text);
  if (ago || relative) {
    const span = spanOf((ago?.[1] ?? relative?.[2])!);
    const sign = ago?.[2] === 'ago' || relative?.[1] === '-' ? -1 : 1;
    return span === undefined ? undefined : nowMs + sign * span;
  }
  return dateOf(text.replace(WEEKDAY, ''), nowMs);
}

/** `2h 30min`, in milliseconds. */
function spanOf(text: string): number | undefined {
  const part = /\s*(\d+(?:\.\d+)?)\s*([a-zµ]*)/iy;
  let sum = 0;
  while (part.lastIndex < text.length) {
    const [, digits, unit] = part.exec(text) ?? [];
    const factor = unit === undefined ? undefined : UNITS.get(unit);
    if (factor === undefined) return undefined;
    sum += Number(digits) * factor;
  }
  return text === '' ? undefined : sum;
}

function dateOf(text: string, nowMs: number): number | undefined {
  const parts = DATE.exec(text);
  if (!parts || text === '') return undefined;
  const [, year, month, day, hour, minute, second, fraction, zone] = parts;
  if (year === undefined && hour === undefined) return undefined;
  const now = new Date(nowMs);
  const numbers = [
    year === undefined ? now.getFullYear() : Number(year),
    (month === undefined ? now.getMonth() + 1 : Number(month)) - 1,
    day === undefined ? now.getDate() : Number(day),
    Number(hour ?? 0),
    Number(minute ?? 0),
    Number(second ?? 0),
  ] as const;
  const extra = fraction === undefined ? 0 : Number(`0.${fraction}`) * 1000;
  const utc = new Date(Date.UTC(...numbers));
  // The 31st of February is a mistake and not a day of March.
  const real =
    utc.getUTCMonth() === numbers[1] &&
    utc.getUTCDate() === numbers[2] &&
    utc.getUTCHours() === numbers[3] &&
    utc.getUTCMinutes() === numbers[4] &&
    utc.getUTCSeconds() === numbers[5];
  if (!real) return undefined;
  if (zone === undefined) return new Date(...numbers).getTime() + extra;
  return utc.getTime() - zoneOffset(zone) + extra;
}

/** Milliseconds that a zone is ahead of UTC. */
function zoneOffset(zone: string): number {
  if (zone === 'Z' || zone === 'UTC') return 0;
  const [, sign, hours, minutes] = /^([+-])(\d{2}):?(\d{2})$/.exec(zone)!;
  return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * 60_000;
}

/** The forms that are close to a right one. */
function hint(text: string): string {
  const span = text.trim();
  if (spanOf(span) !== undefined && /[a-z]/i.test(span)) return `, did you mean "-${span}" or "${span} ago"?`;
  if (/^\d{4}-\d{2}-\d{2}$/.test(span)) return ', no such day';
  if (/^\d{10}(\.\d+)?$/.test(span)) return `, did you mean "@${span}"?`;
  const slashed = /^(\d{4})[/.](\d{1,2})[/.](\d{1,2})(.*)$/.exec(span);
  if (slashed) return `, did you mean "${slashed.slice(1, 4).join('-')}${slashed[4]}"?`;
  const word = ['yesterday', 'today', 'tomorrow', 'now'].find((known) =>
    known.startsWith(span.toLowerCase().slice(0, 3)),
  );
  return word === undefined || span.length < 3 ? '' : `, did you mean "${word}"?`;
}
