import { expect, it } from 'vitest';
import { readLoggedLine } from '../../../src/search/logged-event.js';
import { CounterLines } from '../../../src/socket/socket-counters.js';
import { socketLine, socketNewsOf } from '../../../src/socket/socket-lines.js';
import { countersNow as now } from '../../lib/counters-now.js';

it('names every watch where that is wanted, and later those that have changed', () => {
  const lines = new CounterLines();
  const names = (totals: Record<string, number>, complete = false) =>
    lines.next(now(totals), complete).flatMap(({ watches }) => watches.map(({ name }) => name));
  expect(names({ a: 1, b: 1 })).toEqual(['a', 'b']);
  expect(names({ a: 1, b: 2 })).toEqual(['b']);
  expect(names({ a: 1, b: 2 })).toEqual([]);
  expect(names({ a: 1, b: 2, c: 0 })).toEqual(['c']);
  expect(names({ a: 1, b: 2, c: 0 }, true)).toEqual(['a', 'b', 'c']);
});

it('tells ten thousand watches in lines that a reader takes', () => {
  const many = Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`w${index}`.padEnd(63, 'x'), index]));
  const lines = new CounterLines().next(now(many), true);
  expect(lines.map(({ tick }) => tick)).toEqual([true, ...Array(9).fill(false)]);
  for (const counters of lines) expect(socketLine({ action: 'counters', counters }).length).toBeLessThan(2 ** 20);
});

it('comes through as it was', () => {
  const [counters] = new CounterLines().next(now({ a: 1 }), true);
  expect(counters).toMatchObject({
    seen: 16,
    filtered: 4,
    lost: 3,
    delivered: 2,
    folded: 7,
    queued: 6,
    complete: true,
  });
  expect(counters!.watches).toEqual([{ name: 'a', deletions: 2, failures: 2, freed_bytes: 5 }]);
  const read = readLoggedLine(socketLine({ action: 'counters', counters: counters! }).toString().trimEnd());
  if (read?.kind !== 'record') throw new Error('it is no record');
  expect(socketNewsOf(read.record)).toEqual({ action: 'counters', counters });
});

it('takes nothing for granted that comes from another version', () => {
  const line = (socket: unknown) =>
    JSON.stringify({
      '@timestamp': '2026-11-26T00:00:00.000000000Z',
      event: { kind: 'metric', action: 'counters', dataset: 'rmwatch.socket' },
      rmwatch: { socket },
    });
  for (const socket of [
    undefined,
    null,
    5,
    {},
    { counters: null },
    { counters: { watches: [null, {}, { name: 3 }] } },
  ]) {
    const read = readLoggedLine(line(socket));
    if (read?.kind !== 'record') throw new Error('it is no record');
    expect(socketNewsOf(read.record)).toMatchObject({ counters: { seen: 0, attach: '', watches: [] } });
  }
});
