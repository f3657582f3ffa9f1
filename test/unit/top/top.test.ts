import { describe, expect, it } from 'vitest';
import type { SocketCounters, WatchSum } from '../../../src/socket/socket-counters.js';
import { painter } from '../../../src/text/terminal-style.js';
import { toWidth } from '../../../src/top/cells.js';
import { Rates } from '../../../src/top/rates.js';
import { SpaceSaving } from '../../../src/top/space-saving.js';
import { sparkline } from '../../../src/top/sparkline.js';
import { TopState } from '../../../src/top/top-state.js';
import { topLines } from '../../../src/top/top-view.js';
import { FULL_DELETION } from '../../lib/sample-events.js';
import { randomFrom } from '../watch/plain-glob.js';

const watch = (name: string, deletions: number, freed = 0): WatchSum => ({
  name,
  deletions,
  failures: 0,
  freed_bytes: freed,
});

const counters = (watches: readonly WatchSum[], more: Partial<SocketCounters> = {}): SocketCounters => ({
  ...{ tick: true, complete: false, attach: 'kprobe', symbol: 'do_unlinkat', state: 'ready' },
  ...{ seen: 1_250, filtered: 1_000, lost: 0, delivered: 230, folded: 0, queued: 1 },
  watches,
  ...more,
});

describe('SpaceSaving', () => {
  it('counts as many keys as it has room for exactly', () => {
    const counts = new SpaceSaving(3);
    for (const key of ['a', 'b', 'a', 'c', 'a', 'b']) counts.add(key, 10);
    expect(counts.keys().sort((a, b) => b.count - a.count)).toEqual([
      { key: 'a', count: 3, error: 0, freedBytes: 30 },
      { key: 'b', count: 2, error: 0, freedBytes: 20 },
      { key: 'c', count: 1, error: 0, freedBytes: 10 },
    ]);
  });

  it.each([1, 2, 3])('has every frequent key among any number, with bounds that hold, seed %i', (seed) => {
    const random = randomFrom(seed);
    const counts = new SpaceSaving(50);
    const exact = new Map<string, number>();
    const total = 20_000;
    for (let i = 0; i < total; i++) {
      // A few keys are frequent, thousands are not.
      const key = random(3) === 0 ? `frequent ${random(10)}` : `rare ${random(5_000)}`;
      counts.add(key, 1);
      exact.set(key, (exact.get(key) ?? 0) + 1);
    }
    const kept = new Map(counts.keys().map((one) => [one.key, one]));
    expect(kept.size).toBe(50);
    for (const [key, count] of exact) if (count > total / 50) expect(kept.has(key), key).toBe(true);
    for (const [key, { count, error, freedBytes }] of kept) {
      expect(count).toBeGreaterThanOrEqual(exact.get(key)!);
      expect(count - error).toBeLessThanOrEqual(exact.get(key)!);
      expect(freedBytes).toBeLessThanOrEqual(exact.get(key)!);
    }
    expect([...kept.values()].reduce((sum, { count }) => sum + count, 0)).toBe(total);
  });
});

describe('Rates', () => {
  it('takes the totals at first as they are, and rates from then on', () => {
    const rates = new Rates();
    rates.take(counters([watch('a', 100), watch('b', 5)], { complete: true }), 0);
    rates.take(counters([watch('c', 9)], { complete: true, tick: false }), 0);
    expect(rates.all().map(({ history }) => history.at(-1))).toEqual([0, 0, 0]);
    rates.take(counters([watch('a', 130)]), 2_000);
    rates.take(counters([watch('b', 6)]), 3_000);
    const [a, b] = rates.all();
    expect(a!.history.slice(-3)).toEqual([0, 15, 0]);
    expect(b!.history.slice(-3)).toEqual([0, 0, 1]);
    expect(a).toMatchObject({ deletions: 130, freedBytes: 0 });
  });

  it('counts from 0 again after a restart of the daemon', () => {
    const rates = new Rates();
    rates.take(counters([watch('a', 100)], { complete: true }), 0);
    rates.take(counters([watch('a', 7)], { complete: true }), 1_000);
    expect(rates.all()[0]!.history.at(-1)).toBe(7);
  });

  it('forgets a watch that a complete list has not, and no other', () => {
    const rates = new Rates();
    rates.take(counters([watch('a', 1), watch('b', 1)], { complete: true }), 0);
    rates.take(counters([]), 1_000);
    expect(rates.all()).toHaveLength(2);
    rates.take(counters([watch('b', 1)], { complete: true }), 2_000);
    rates.take(counters([]), 3_000);
    expect(rates.all().map(({ name }) => name)).toEqual(['b']);
  });
});

describe('text of a terminal', () => {
  it('draws the highest bar for the greatest value, and none for 0', () => {
    expect(sparkline([0, 1, 4, 8])).toBe(' ▁▄█');
    expect(sparkline([0, 0])).toBe('  ');
  });

  it.each([
    ['abc', 5, 'abc  '],
    ['abcdef', 5, 'abcd…'],
    ['漢字漢字', 5, '漢字…'],
    ['漢字漢', 4, '漢 …'],
    ['e\u0301e\u0301', 2, 'e\u0301e\u0301'],
    ['abc', 0, ''],
  ])('%s in %i cells', (text, width, expected) => {
    const cells = [...expected].reduce((sum, character) => sum + (/\p{Script=Han}/u.test(character) ? 2 : 1), 0);
    expect(toWidth(text, width)).toBe(expected);
    expect(cells - (expected.match(/\u0301/g)?.length ?? 0)).toBe(width);
  });
});

const view = (state: TopState, columns = 100, rows = 30) =>
  topLines(state, { columns, rows, host: 'web-3', now: new Date(), paint: painter(false) });

function filled(): TopState {
  const state = new TopState();
  state.take(counters([watch('app', 10, 2048), watch('logs', 500)], { complete: true }), 0);
  state.take(counters([watch('app', 40, 4096)], { delivered: 250, queued: 3 }), 1_000);
  for (let i = 0; i < 3; i++) state.add(FULL_DELETION);
  state.add({ ...FULL_DELETION, user: { id: '33' }, file: { ...FULL_DELETION.file!, directory: '/srv/\u001b[2J' } });
  return state;
}

const rowOf = (lines: readonly string[], text: string) => lines.findIndex((line) => line.includes(text));

describe('the view', () => {
  it('has the mode, the ledger, the watches with their rates, and who deletes where', () => {
    const lines = view(filled());
    expect(lines).toHaveLength(30);
    expect(lines[0]).toMatch(/^rmwatch top {2}web-3 {2}\d\d:\d\d:\d\d {2}kprobe on do_unlinkat: ready/);
    expect(lines[1]).toContain('seen 1,250 = filtered 1,000 + lost 0 + delivered 250 + waiting 0');
    expect(lines[2]).toContain('events 22.0/s, 22 in a minute');
    expect(lines[rowOf(lines, 'app ')]).toMatch(/^app +30\.0 +30 +40 +4\.0 KiB +█ *$/);
    expect(lines.join('\n')).toMatch(new RegExp(` 4 .*${FULL_DELETION.process.executable}`));
    expect(lines.join('\n')).toMatch(/ 1 .* 33 *\n/);
  });

  it('tells no freed bytes in a mode that does not see them', () => {
    const state = filled();
    state.take(counters([], { attach: 'tracepoint' }), 2_000);
    const lines = view(state);
    expect(lines[rowOf(lines, 'app ')]).toMatch(/^app .* 40 +- +/);
    expect(lines.join('\n')).not.toContain('KiB');
  });

  it('has what is folded in the ledger', () => {
    const state = filled();
    state.take(counters([watch('app', 40, 4096)], { delivered: 250, folded: 5, seen: 1_255 }), 2_000);
    expect(view(state)[1]).toContain('delivered 250 + folded 5 + waiting 0');
  });

  it('obeys nothing that is in a name', () => {
    const text = view(filled()).join('');
    expect(text).toContain('/srv/\\x1b[2J');
    expect(text).not.toContain('\x1b');
  });

  it.each([
    [80, 24],
    [20, 5],
    [1, 1],
    [300, 100],
  ])('fits a terminal of %i columns and %i rows', (columns, rows) => {
    const lines = view(filled(), columns, rows);
    expect(lines).toHaveLength(rows);
    for (const line of lines) expect([...line].length).toBeLessThanOrEqual(columns);
  });

  it('sorts by the next order at s', () => {
    const state = filled();
    const first = () => {
      const lines = view(state);
      return rowOf(lines, 'app ') < rowOf(lines, 'logs ') ? 'app' : 'logs';
    };
    const orders: [string, string][] = [];
    for (let i = 0; i < 4; i++) {
      orders.push([state.sort, first()]);
      state.press('s');
    }
    expect(orders).toEqual([
      ['rate', 'app'],
      ['total', 'logs'],
      ['freed', 'app'],
      ['name', 'app'],
    ]);
  });

  it('shows only what holds the text that is typed behind /, until Esc', () => {
    const state = filled();
    state.press('/');
    state.press('logz\x7fs');
    expect(view(state).at(-1)).toContain('filter: logs_');
    state.press('\r');
    expect(rowOf(view(state), 'app ')).toBe(-1);
    expect(rowOf(view(state), 'logs ')).toBeGreaterThan(0);
    // Keys have their meaning again.
    state.press('s');
    expect(state.filter).toBe('logs');
    state.press('\x1b');
    expect(rowOf(view(state), 'app ')).toBeGreaterThan(0);
  });

  it('ends at q and Ctrl-C, but q belongs to a filter that is typed', () => {
    const state = filled();
    state.press('/');
    expect(state.press('q')).toBe(false);
    expect(state.press('\x03')).toBe(true);
    state.press('\x1b');
    // An arrow.
    expect(state.press('\x1b[A')).toBe(false);
    expect(state.press('q')).toBe(true);
  });

  it('says what the lists miss, and begins them again at r', () => {
    const state = filled();
    state.lostLines = 1_500;
    expect(view(state).join('\n')).toContain('without 1,500 lines that were not read fast enough');
    state.press('r');
    expect(view(state).join('\n')).not.toContain('without');
    expect(state.lists.process.keys()).toEqual([]);
    expect(rowOf(view(state), 'app ')).toBeGreaterThan(0);
  });

  it('says that it is paused, that the daemon has gone, and what is wrong with it', () => {
    const state = filled();
    state.press('p');
    expect(view(state).at(-1)).toContain('PAUSED');
    state.take(counters([], { state: 'self-test: nothing came', lost: 7 }), 2_000);
    expect(view(state)[0]).toContain('self-test: nothing came');
    state.connected = false;
    expect(view(state)[0]).toContain('the daemon has ended; waiting for it');
  });
});
