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

const texts = (pieces: PieceCoverage[], since = '', until = '~'): string[] =>
  coverageOf(pieces, since, until).gaps.map(({ text }) => text);

describe('coverageOf', () => {
  it('has nothing to tell of a record without breaks, over pieces too', () => {
    expect(texts([piece([1, 5], [2, 6]), piece([3, 7])])).toEqual([]);
    expect(coverageOf([piece([1, 5]), piece([3, 6])], '', '~')).toMatchObject({ from: at(1), to: at(3), known: false });
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
    expect(coverageOf(pieces, '', '~').known).toBe(true);
    expect(texts(pieces)).toContain(`nothing was watched between ${at(2)} and ${at(4)}`);
    expect(texts([piece(record(0, 'started'), record(2, 'stopped'))])).toEqual([`nothing was watched after ${at(2)}`]);
    expect(texts([piece([1, 7], record(4, 'started'), [5, 1])])).toEqual([
      `the daemon ended without a stop: watched again since ${at(4)}, the last line before that is of ${at(1)}`,
    ]);
  });
});
