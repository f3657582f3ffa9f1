import { describe, expect, it } from 'vitest';
import { coverageOf, PieceCoverage } from '../../../src/search/coverage.js';
import type { RecordLine } from '../../../src/search/logged-event.js';

const at = (minute: number): string => `2026-11-24T02:${String(minute).padStart(2, '0')}:00.000000000Z`;

function piece(...lines: ([number, number] | RecordLine)[]): PieceCoverage {
  const coverage = new PieceCoverage();
  for (const line of lines) {
    if (Array.isArray(line)) coverage.deletion({ time: at(line[0]), sequence: line[1] });
    else coverage.record(line);
  }
  return coverage;
}

function record(minute: number, action: string): RecordLine {
  return { '@timestamp': at(minute), event: { kind: 'event', action, dataset: 'rmwatch.daemon' }, rmwatch: {} };
}

const ALL = { since: '', until: '~', complete: true };

/** From the minute `from` to `to`, at the start of another run. */
function gap(from: number, to: number, stopped: boolean): RecordLine {
  const { event, ...line } = record(to, 'gap');
  return { ...line, event: { ...event, start: at(from), end: at(to) }, rmwatch: { gap: { stopped } } };
}

const withHash = (line: RecordLine, hash: string): RecordLine => ({ ...line, rmwatch: { config_hash: hash } });

const texts = (pieces: PieceCoverage[], since = '', until = '~'): string[] =>
  coverageOf(pieces, { since, until, complete: true }).gaps.map(({ text }) => text);

describe('coverageOf', () => {
  it('has nothing to tell of a record without breaks, over pieces too', () => {
    expect(texts([piece([1, 5], [2, 6]), piece([3, 7])])).toEqual([]);
    const coverage = coverageOf([piece([1, 5]), piece([3, 6])], ALL);
    expect(coverage).toMatchObject({ from: at(1), to: at(3), asked: at(1), knownSince: undefined });
  });

  it('tells of a restart between the lines of a log without start lines', () => {
    const expected = `the daemon was restarted between ${at(2)} and ${at(9)}: for a part of that time nothing was watched`;
    expect(texts([piece([1, 5], [2, 6], [9, 1])])).toEqual([expected]);
    expect(texts([piece([1, 5], [2, 6]), piece([9, 1])])).toEqual([expected]);
    expect(texts([piece([2, 6], [9, 3])])).toEqual([`${expected}; the first 2 lines of the new run are missing`]);
  });

  it('tells how many lines are missing', () => {
    expect(texts([piece([1, 5], [2, 9])])).toEqual([`3 lines are missing between ${at(1)} and ${at(2)}`]);
  });

  it('tells of losses', () => {
    const lost: RecordLine = {
      '@timestamp': at(5),
      event: { kind: 'pipeline_error', action: 'events-lost', dataset: 'rmwatch.deletion', start: at(4), end: at(5) },
      rmwatch: { lost: { ring_full: 3, output: 4 } },
    };
    expect(texts([piece(lost)])).toEqual([`7 events were lost between ${at(4)} and ${at(5)} (ring_full 3, output 4)`]);
    expect(texts([piece(lost)], at(6))).toEqual([]);
    expect(texts([piece(lost)], '', at(4))).toEqual([]);
  });

  it('takes the times between stop and start from their lines', () => {
    const pieces = [piece(record(0, 'started'), [1, 1], record(2, 'stopped'), record(4, 'started'), [5, 1])];
    expect(coverageOf(pieces, ALL).knownSince).toBe(at(0));
    expect(texts(pieces)).toContain(`nothing was watched between ${at(2)} and ${at(4)}`);
    expect(texts([piece(record(0, 'started'), record(2, 'stopped'))])).toEqual([`nothing was watched after ${at(2)}`]);
    expect(texts([piece([1, 7], record(4, 'started'), [5, 1])])).toEqual([
      `the daemon ended without a stop: watched again since ${at(4)}, the last line before that is of ${at(1)}`,
    ]);
  });

  it('takes the gap before a start from its line, once', () => {
    const killed = [piece(record(0, 'started'), [1, 1], gap(2, 4, false), record(4, 'started'), [5, 1])];
    expect(texts(killed)).toEqual([
      `nothing was watched between ${at(2)} and ${at(4)}: the daemon ended without a stop`,
    ]);
    const stopped = [piece(record(0, 'started'), [1, 1], record(2, 'stopped'), gap(2, 4, true)), piece([5, 1])];
    expect(texts(stopped)).toEqual([`nothing was watched between ${at(2)} and ${at(4)}: the daemon was stopped`]);
    // It began before what was asked for, and reaches into it.
    expect(texts(killed, at(3))).toHaveLength(1);
    expect(texts([piece(record(0, 'started'), [1, 1], gap(2, 4, false), [5, 3])])).toEqual([
      `nothing was watched between ${at(2)} and ${at(4)}: the daemon ended without a stop`,
      'the first 2 lines of the new run are missing',
    ]);
  });

  it('leaves out what a gap line with foreign members would tell', () => {
    const line = gap(2, 4, false);
    expect(texts([piece({ ...line, event: { ...line.event, start: 'x\x1b' } })])).toEqual([]);
    expect(texts([piece({ ...line, rmwatch: { gap: null } })])).toHaveLength(1);
  });

  it('tells where another configuration came into force', () => {
    const lines = [
      withHash(record(0, 'started'), 'a'),
      withHash(record(1, 'watch'), 'a'),
      withHash(record(3, 'reloaded'), 'b'),
    ];
    expect(texts([piece(...lines)])).toEqual([
      `the configuration is another one since ${at(3)}: before that, other watches may have held`,
    ]);
    expect(texts([piece(...lines.slice(0, 2))])).toEqual([]);
  });

  it('knows what was watched from the first line that tells it, or from that of the file', () => {
    const pieces = [piece([1, 1], record(3, 'continued'), [4, 2])];
    expect(coverageOf(pieces, { ...ALL, since: at(2) })).toMatchObject({ knownSince: at(3), asked: at(2) });
    pieces[0]!.opening = record(0, 'continued');
    expect(coverageOf(pieces, { ...ALL, since: at(2) }).knownSince).toBe(at(0));
    expect(coverageOf([piece([1, 1], record(3, 'stopped'))], ALL).knownSince).toBeUndefined();
    // What was not searched is not asked for.
    expect(coverageOf(pieces, { ...ALL, since: at(0), complete: false }).asked).toBe(at(1));
  });
});

describe('folded bursts', () => {
  const burst = (minute: number, action: string, folded: number, number = 1): RecordLine => ({
    '@timestamp': at(minute),
    message: `burst ${number}`,
    event: {
      kind: 'alert',
      action: `mass-deletion-${action}`,
      dataset: 'rmwatch.burst',
      start: at(1),
      end: at(minute),
    },
    rmwatch: { burst: { number, folded } },
  });

  const pieceOf = (...lines: RecordLine[]): PieceCoverage => {
    const coverage = new PieceCoverage();
    for (const line of lines) coverage.folded.add(line);
    return coverage;
  };

  const folded = (pieces: PieceCoverage[], since = '', until = '~') =>
    coverageOf(pieces, { since, until, complete: true }).folded.map(({ end, folded: count }) => [end, count]);

  it('are told by their newest lines', () => {
    const lines = [burst(1, 'started', 0), burst(2, 'continues', 5), burst(3, 'ended', 9)];
    expect(folded([pieceOf(...lines)])).toEqual([[at(3), 9]]);
    expect(folded([pieceOf(...lines.slice(0, 2))])).toEqual([[at(2), 5]]);
    expect(folded([pieceOf(burst(1, 'started', 0), burst(2, 'ended', 0))])).toEqual([]);
  });

  it('are those of each run, whose numbers begin with 1 again', () => {
    const first = [burst(1, 'started', 0), burst(2, 'continues', 5)];
    const second = [burst(3, 'started', 0), burst(4, 'ended', 7)];
    expect(folded([pieceOf(...first, ...second)])).toEqual([
      [at(2), 5],
      [at(4), 7],
    ]);
    expect(folded([pieceOf(...first), pieceOf(...second)])).toHaveLength(2);
  });

  it('go on in the next file', () => {
    expect(folded([pieceOf(burst(1, 'started', 0), burst(2, 'continues', 5)), pieceOf(burst(3, 'ended', 9))])).toEqual([
      [at(3), 9],
    ]);
  });

  it('count where they overlap with the time that was asked for', () => {
    const pieces = [pieceOf(burst(1, 'started', 0), burst(5, 'ended', 5))];
    expect([folded(pieces, at(3)), folded(pieces, at(6)), folded(pieces, '', at(0))]).toEqual([[[at(5), 5]], [], []]);
  });

  it('that a hostile log makes up are bounded', () => {
    const lines = Array.from({ length: 3_000 }, (_, number) => burst(1, 'continues', 1, number));
    const coverage = pieceOf(...lines, { ...burst(1, 'ended', 1), rmwatch: { burst: 'x' } });
    expect([coverage.folded.entries.length, coverage.folded.unkept]).toEqual([1_000, 2_000]);
  });
});
