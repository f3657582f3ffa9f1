import { describe, expect, it } from 'vitest';
import { prettyLine } from '../../../src/event/pretty-line.js';
import { LossReporter } from '../../../src/pipeline/loss-reporter.js';
import { validateEventLine } from '../../lib/event-schema.js';

const NOTHING = { ring_full: 0, state_full: 0, probe_skipped: 0, decode: 0, output: 0 };

function bench() {
  const losses = { ...NOTHING };
  // biome-ignore lint/suspicious/noExplicitAny: tests look at all of it
  const lines: any[] = [];
  const reader = { gone: false };
  const report = (line: string) => {
    expect(line).not.toContain('\n');
    if (!reader.gone) lines.push(JSON.parse(line));
    return !reader.gone;
  };
  return {
    losses,
    lines,
    reader,
    reporter: new LossReporter(
      () => losses,
      report,
      () => '{"name":"web-3"}',
    ),
  };
}

describe('LossReporter', () => {
  it('is silent while nothing is lost', () => {
    const { lines, reporter } = bench();
    expect([reporter.check(), reporter.check(), lines]).toEqual([undefined, undefined, []]);
  });

  it('tells what was lost, and why, as a line of the schema', () => {
    const { losses, lines, reporter } = bench();
    const before = Date.now();
    Object.assign(losses, { ring_full: 123, output: 4 });
    expect(reporter.check()).toEqual({ ring_full: 123, output: 4 });
    expect(lines).toHaveLength(1);
    const [line] = lines;
    expect(validateEventLine(line)).toEqual([]);
    expect(line).toMatchObject({
      log: { level: 'error' },
      message: 'events lost: 123 ring_full, 4 output',
      event: { kind: 'pipeline_error', action: 'events-lost', dataset: 'rmwatch.deletion' },
      host: { name: 'web-3' },
      rmwatch: { lost: { ring_full: 123, output: 4 } },
    });
    expect(Object.keys(line.rmwatch.lost)).toHaveLength(2);
    expect(Date.parse(line['@timestamp'])).toBeGreaterThanOrEqual(before);
    expect(Date.parse(line['@timestamp'])).toBeLessThanOrEqual(Date.now());
    expect(prettyLine(line, { color: false })).toContain('ring_full=123 output=4');
  });

  it('tells each loss once', () => {
    const { losses, lines, reporter } = bench();
    losses.decode = 1;
    reporter.check();
    expect(reporter.check()).toBeUndefined();
    losses.decode = 3;
    losses.state_full = 5;
    expect(reporter.check()).toEqual({ state_full: 5, decode: 2 });
    expect(lines.map(({ rmwatch }) => rmwatch.lost)).toEqual([{ decode: 1 }, { state_full: 5, decode: 2 }]);
  });

  it('keeps for the next reader what has no reader now', () => {
    const { losses, lines, reader, reporter } = bench();
    reader.gone = true;
    losses.output = 3;
    expect([reporter.check(), reporter.check()]).toEqual([{ output: 3 }, undefined]);
    losses.output = 5;
    reader.gone = false;
    expect([reporter.check(), reporter.check()]).toEqual([{ output: 2 }, undefined]);
    expect(lines.map(({ rmwatch }) => rmwatch.lost)).toEqual([{ output: 5 }]);
  });

  it('says between which two looks it happened', async () => {
    const { losses, lines, reporter } = bench();
    const looks: number[] = [];
    for (const lost of [1, 1, 2]) {
      losses.output = lost;
      await new Promise((resolve) => setTimeout(resolve, 5));
      reporter.check();
      looks.push(Date.now());
    }
    const [{ event: first }, { event: second }] = lines;
    expect(Date.parse(first.start)).toBeLessThan(Date.parse(first.end));
    expect(Date.parse(second.start)).toBeGreaterThan(Date.parse(first.end));
    expect(Date.parse(second.start)).toBeLessThanOrEqual(looks[1]!);
    expect(second.end).toBe(lines[1]['@timestamp']);
  });
});
