import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { LoggedDeletion, RecordLine } from '../../../src/search/logged-event.js';
import { ProcessArgs } from '../../../src/search/process-args.js';
import { type OpenSpans, streamSpan, type TimeBounds } from '../../../src/search/spans.js';
import { FULL_DELETION } from '../../lib/sample-events.js';

const START = '2026-11-24T00:00:00.000000000Z';

function cutDeletion(pid: number, start: string | null = START): LoggedDeletion {
  const { start: _, ...process } = FULL_DELETION.process;
  return {
    ...FULL_DELETION,
    process: { ...process, pid, ...(start !== null && { start }) },
    rmwatch: { ...FULL_DELETION.rmwatch, args_truncated: true },
  };
}

function aboutProcess(pid: number, args: readonly string[]): RecordLine {
  const event = { kind: 'event', dataset: 'rmwatch.process' };
  const { '@timestamp': time, host } = FULL_DELETION;
  return { '@timestamp': time, event, host, process: { pid, start: START, args }, rmwatch: {} } as RecordLine;
}

/** A record of these lines, and the times between which it was opened. */
function recordOf(...lines: readonly RecordLine[]): { open: OpenSpans; looks: TimeBounds[] } {
  const looks: TimeBounds[] = [];
  const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
  const open: OpenSpans = async (bounds, use) => {
    looks.push(bounds);
    await use([streamSpan('log', false, () => Readable.from([Buffer.from(text)]))]);
  };
  return { open, looks };
}

describe('ProcessArgs', () => {
  it('looks once for what is missing, from the start of the processes to their last deletion', async () => {
    const { open, looks } = recordOf(aboutProcess(1, ['one']), aboutProcess(3, ['three']));
    const args = new ProcessArgs();
    const deletions = [cutDeletion(1), cutDeletion(2)];
    await args.find(deletions, open);
    await args.find(deletions, open);
    expect(looks).toEqual([{ sinceMs: Date.parse(START), untilMs: Date.parse(FULL_DELETION['@timestamp']) }]);
    expect(deletions.map((deletion) => args.of(deletion)?.args)).toEqual([['one'], undefined]);
    expect(args.of(cutDeletion(3))).toBeUndefined();
  });

  it('does not look for what it was told, nor for lists that are whole', async () => {
    const { open, looks } = recordOf();
    const args = new ProcessArgs();
    args.add(aboutProcess(1, ['one']));
    await args.find([cutDeletion(1), FULL_DELETION], open);
    expect(looks).toEqual([]);
  });

  it('looks from the beginning where a start is not known', async () => {
    const { open, looks } = recordOf();
    await new ProcessArgs().find([cutDeletion(1), cutDeletion(2, null)], open);
    expect(looks).toMatchObject([{ sinceMs: undefined }]);
  });

  it('forgets the oldest beyond its bound, and finds them again', async () => {
    const long = 'x'.repeat(2 ** 19);
    const args = new ProcessArgs();
    for (let pid = 0; pid < 40; pid++) args.add(aboutProcess(pid, [long]));
    const known = Array.from({ length: 40 }, (_, pid) => args.of(cutDeletion(pid)) !== undefined);
    expect(known.filter(Boolean).length).toBeLessThanOrEqual(32);
    expect(known.slice(-31)).not.toContain(false);
    await args.find([cutDeletion(0)], recordOf(aboutProcess(0, [long])).open);
    expect(args.of(cutDeletion(0))?.args).toEqual([long]);
  });
});
