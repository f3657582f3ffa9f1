/** A value read from text, or what is wrong with the text. */
export type Parsed<T> = { readonly value: T } | { readonly error: string };

const DURATION_UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;
const SIZE_UNITS = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 } as const;

/** What a size looks like, for editors. */
export const SIZE_PATTERN = '^[0-9]+(B|KiB|MiB|GiB)$';

/** Milliseconds of `250ms`, `30s`, `5m`, `1h`. */
export function parseDuration(text: string): Parsed<number> {
  return parseQuantity(text, DURATION_UNITS, 'a duration such as 250ms, 30s, 5m or 1h');
}

/** Bytes of `512B`, `64KiB`, `16MiB`, `1GiB`. */
export function parseSize(text: string): Parsed<number> {
  return parseQuantity(text, SIZE_UNITS, 'a size such as 64KiB, 16MiB or 1GiB');
}

/** The size in the largest unit that divides it. */
export function formatSize(bytes: number): string {
  const [unit, factor] = Object.entries(SIZE_UNITS).findLast(([, value]) => bytes >= value && bytes % value === 0) ?? [
    'B',
    1,
  ];
  return `${bytes / factor}${unit}`;
}

function parseQuantity(text: string, units: Readonly<Record<string, number>>, expected: string): Parsed<number> {
  const parts = /^([0-9]+)\s*([a-zA-Z]*)$/.exec(text);
  const [, digits = '', unit = ''] = parts ?? [];
  const exact = parts !== null && text === `${digits}${unit}` ? units[unit] : undefined;
  if (exact === undefined) return { error: `expected ${expected}, got "${text}"${unitHint(digits, unit, units)}` };
  const value = Number(digits) * exact;
  return Number.isSafeInteger(value) ? { value } : { error: `"${text}" is too large` };
}

/** `16MB` and `16M` almost certainly mean 16MiB, `5 min` means 5m. */
function unitHint(digits: string, unit: string, units: Readonly<Record<string, number>>): string {
  if (digits === '') return '';
  if (unit === '') return ': the unit is missing';
  const meant = Object.keys(units).find(
    (known) =>
      known.toLowerCase() === unit.toLowerCase() || known.toLowerCase().replace('ib', 'b') === unit.toLowerCase(),
  );
  const initial = Object.keys(units).find(
    (known) => known[0]?.toLowerCase() === unit[0]?.toLowerCase() && known !== 'ms',
  );
  const hint = meant ?? initial;
  return hint === undefined ? '' : `, did you mean "${digits}${hint}"?`;
}
