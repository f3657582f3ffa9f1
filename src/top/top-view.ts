import { byteText } from '../text/byte-count.js';
import { escapeControl } from '../text/escape.js';
import { localTime } from '../text/local-time.js';
import type { Paint } from '../text/terminal-style.js';
import { toWidth } from './cells.js';
import type { WatchRates } from './rates.js';
import type { FrequentKey } from './space-saving.js';
import { sparkline } from './sparkline.js';
import { LISTS, type List, type Sort, type TopState } from './top-state.js';

export interface ViewSize {
  readonly columns: number;
  readonly rows: number;
}

export interface ViewContext extends ViewSize {
  readonly host: string;
  readonly now: Date;
  readonly paint: Paint;
}

const NUMBER = new Intl.NumberFormat('en-US');
/** Widths of the columns, in cells. */
const NAME = 20;
const RATE = 8;
const MINUTE = 10;
const COUNT = 12;
const BYTES = 11;
const NUMBERS = RATE + 1 + MINUTE + 1 + COUNT + 1 + BYTES;
/** Lines that are no rows of a table. */
const HEADER_LINES = 3;
const FOOTER_LINES = 1;
const TITLES: Readonly<Record<List, string>> = { process: 'PROCESS', user: 'USER', directory: 'DIRECTORY' };

/** The screen as lines of at most `columns` cells, at most `rows` of them. */
export function topLines(state: TopState, { columns, rows, host, now, paint }: ViewContext): string[] {
  const watches = wanted(state.rates.all(), ({ name }) => name, state).sort(watchOrder(state.sort));
  const room = Math.max(0, rows - HEADER_LINES - FOOTER_LINES);
  // Each table has a title; the watches have a third, the lists what is left.
  const watchRows = Math.min(watches.length, Math.max(1, Math.floor((room - 4) / 3)));
  const listRows = Math.max(0, Math.floor((room - watchRows - 4) / LISTS.length));
  const lines = [
    ...header(state, { columns, host, now, paint }),
    paint('bold', watchRow(['WATCH', '/s', '1 min', 'total', 'freed'], 'history of a minute', columns)),
    ...watches.slice(0, watchRows).map((watch) => watchLine(watch, state, columns)),
    ...LISTS.flatMap((list) => listLines(list, state, { columns, listRows, paint })),
  ].slice(0, Math.max(0, rows - FOOTER_LINES));
  while (lines.length < rows - FOOTER_LINES) lines.push('');
  return [...lines, paint('dim', toWidth(footer(state), columns))].slice(0, rows);
}

function header(state: TopState, { columns, host, now, paint }: Omit<ViewContext, 'rows'>): string[] {
  const { counters } = state;
  const time = localTime(now.toISOString(), { date: false }).slice(0, -4);
  const about = state.connected
    ? counters === undefined
      ? 'connected'
      : `${counters.attach} on ${counters.symbol}: ${counters.state}`
    : 'the daemon has ended; waiting for it to come back';
  const first = toWidth(`rmwatch top  ${escapeControl(host)}  ${time}  ${escapeControl(about)}`, columns);
  const isWell = state.connected && (counters === undefined || counters.state === 'ready');
  const { events } = state.rates;
  const sums = `events ${rateText(events.at(-1)!)}/s, ${countText(sumOf(events))} in a minute  `;
  const room = columns - sums.length;
  return [
    isWell ? paint('bold', first) : paint('yellow', first),
    paint(counters !== undefined && counters.lost > 0 ? 'yellow' : 'dim', toWidth(ledger(state), columns)),
    toWidth(`${sums}${room > 0 ? sparkline(events.slice(-room)) : ''}`, columns),
  ];
}

function ledger({ counters }: TopState): string {
  if (counters === undefined) return '';
  const { seen, filtered, lost, delivered, folded } = counters;
  const waiting = Math.max(0, seen - filtered - lost - delivered - folded);
  const [all, less, gone, told, rest] = [seen, filtered, lost, delivered, waiting].map(countText);
  // Hardly any watch folds, and the line is long.
  const foldedText = folded === 0 ? '' : ` + folded ${countText(folded)}`;
  return `seen ${all} = filtered ${less} + lost ${gone} + delivered ${told}${foldedText} + waiting ${rest}`;
}

function watchRow(texts: readonly [string, string, string, string, string], history: string, columns: number): string {
  const [name, rate, minute, total, freed] = texts;
  const numbers = [rate.padStart(RATE), minute.padStart(MINUTE), total.padStart(COUNT), freed.padStart(BYTES)].join(
    ' ',
  );
  return toWidth(`${toWidth(name, NAME)} ${numbers}  ${history}`, columns);
}

function watchLine({ name, history, deletions, freedBytes }: WatchRates, state: TopState, columns: number): string {
  const texts = [
    escapeControl(name),
    rateText(history.at(-1)!),
    countText(sumOf(history)),
    countText(deletions),
    freedText(freedBytes, state),
  ] as const;
  const room = columns - NAME - 1 - NUMBERS - 2;
  return watchRow(texts, room > 0 ? sparkline(history.slice(-room)) : '', columns);
}

function listLines(
  list: List,
  state: TopState,
  { columns, listRows, paint }: { readonly columns: number; readonly listRows: number; readonly paint: Paint },
): string[] {
  const since = localTime(new Date(state.sinceMs).toISOString(), { date: false }).slice(0, -4);
  const missed =
    state.lostLines === 0 ? '' : `, without ${countText(state.lostLines)} lines that were not read fast enough`;
  const title = `${'count'.padStart(COUNT)} ${'freed'.padStart(BYTES)}  ${TITLES[list]}  (since ${since}${missed})`;
  const keys = wanted(state.lists[list].keys(), ({ key }) => key, state).sort(keyOrder(state.sort));
  const rows = keys.slice(0, listRows).map(({ key, count, error, freedBytes }) => {
    // Others that were forgotten meanwhile may be part of the count.
    const bound = `${error > 0 ? '≤' : ''}${countText(count)}`;
    return toWidth(
      `${bound.padStart(COUNT)} ${freedText(freedBytes, state).padStart(BYTES)}  ${escapeControl(key)}`,
      columns,
    );
  });
  return [paint('bold', toWidth(title, columns)), ...rows];
}

function footer({ sort, filter, editing, paused }: TopState): string {
  if (editing) return `filter: ${escapeControl(filter)}_   Enter keeps it, Esc clears it`;
  const shown = filter === '' ? '' : `: ${escapeControl(filter)} (Esc clears)`;
  return `${paused ? 'PAUSED  ' : ''}q quit  p pause  s sort: ${sort}  / filter${shown}  r reset the lists`;
}

function wanted<T>(rows: readonly T[], textOf: (row: T) => string, { filter }: TopState): T[] {
  return filter === '' ? [...rows] : rows.filter((row) => textOf(row).includes(filter));
}

function watchOrder(sort: Sort): (a: WatchRates, b: WatchRates) => number {
  const byName = (a: WatchRates, b: WatchRates): number => (a.name < b.name ? -1 : 1);
  switch (sort) {
    case 'name':
      return byName;
    case 'freed':
      return (a, b) => b.freedBytes - a.freedBytes || byName(a, b);
    case 'total':
      return (a, b) => b.deletions - a.deletions || byName(a, b);
    case 'rate':
      return (a, b) => sumOf(b.history) - sumOf(a.history) || b.deletions - a.deletions || byName(a, b);
  }
}

function keyOrder(sort: Sort): (a: FrequentKey, b: FrequentKey) => number {
  const byKey = (a: FrequentKey, b: FrequentKey): number => (a.key < b.key ? -1 : 1);
  if (sort === 'name') return byKey;
  if (sort === 'freed') return (a, b) => b.freedBytes - a.freedBytes || byKey(a, b);
  return (a, b) => b.count - a.count || byKey(a, b);
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

function countText(count: number): string {
  return NUMBER.format(Math.round(count));
}

function rateText(rate: number): string {
  return rate < 100 && rate > 0 ? rate.toFixed(1) : countText(rate);
}

/** System calls do not tell what they release. */
function freedText(bytes: number, { counters }: TopState): string {
  return counters?.attach === 'tracepoint' ? '-' : byteText(bytes);
}
