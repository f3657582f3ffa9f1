import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { SourceError } from '../../../src/search/log-file.js';
import type { LoggedDeletion, RecordLine } from '../../../src/search/logged-event.js';
import { ProcessArgs } from '../../../src/search/process-args.js';
import { type OpenSpans, streamSpan, type TimeBounds } from '../../../src/search/spans.js';
import { FULL_DELETION } from '../../lib/sample-events.js';

/** Before FULL_DELETION. */
const START = '2026-11-22T12:34:00.000000000Z';

function cutDeletion(pid: number, start: string | null = START): LoggedDeletion {
  const { start: _, ...process } = FULL_DELETION.process;
  return {
    ...FULL_DELETION,
    process: { ...process, pid, ...(start !== null && { start }) },
    rmwatch: { ...FULL_DELETION.rmwatch, args_truncated: true },
  };
}

const found = (deletion: LoggedDeletion) => ({ deletion, line: '' });
const ready = async () => true;

interface About {
  readonly time?: string;
  readonly args_truncated?: true;
}

function aboutProcess(pid: number, args: readonly string[], { time = START, ...rmwatch }: About = {}): RecordLine {
  const event = { kind: 'event', dataset: 'rmwatch.process' };
  const { host } = FULL_DELETION;
  return { '@timestamp': time, event, host, process: { pid, start: START, args }, rmwatch } as RecordLine;
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

async function joinedArgs(args: ProcessArgs, deletions: readonly LoggedDeletion[], open: OpenSpans) {
  const joined = await args.join(deletions.map(found), open, ready);
  return joined.map(({ deletion }) => deletion.process.args);
}

describe('ProcessArgs', () => {
  it('looks once for what is missing, from the start of the processes to their last deletion', async () => {
    const { open, looks } = recordOf(aboutProcess(1, ['rm', 'a.db', 'one']), aboutProcess(3, ['rm', 'a.db', 'three']));
    const args = new ProcessArgs();
    const deletions = [cutDeletion(1), cutDeletion(2)];
    for (let time = 0; time < 2; time++) {
      expect(await joinedArgs(args, deletions, open)).toEqual([
        ['rm', 'a.db', 'one'],
        ['rm', 'a.db'],
      ]);
    }
    expect(looks).toEqual([{ sinceMs: Date.parse(START), untilMs: Date.parse(FULL_DELETION['@timestamp']) }]);
  });

  it('does not look for what it was told, nor for lists that are whole', async () => {
    const { open, looks } = recordOf();
    const args = new ProcessArgs();
    args.add(aboutProcess(1, ['rm', 'a.db', 'one']));
    await args.join([found(cutDeletion(1)), found(FULL_DELETION)], open, ready);
    expect(looks).toEqual([]);
  });

  it('looks from the beginning where a start is not known', async () => {
    const { open, looks } = recordOf();
    await new ProcessArgs().join([found(cutDeletion(1)), found(cutDeletion(2, null))], open, ready);
    expect(looks).toMatchObject([{ sinceMs: undefined }]);
  });

  it.each(['met', 'looked for'])(
    'takes the newest line from before the deletion that begins alike, %s',
    async (how) => {
      const at = (seconds: number) => START.replace('00.000', `${seconds}`.padStart(2, '0').concat('.000'));
      const lines = [
        aboutProcess(1, ['rm', 'a.db', 'first'], { time: at(1) }),
        aboutProcess(1, ['rm', 'a.db', 'evidence'], { time: at(2) }),
        // The process has started another program before the deletion, and again after it.
        aboutProcess(1, ['ls', 'harmless'], { time: at(3) }),
        aboutProcess(1, ['rm', 'a.db', 'harmless'], { time: at(5) }),
      ];
      const deletion = { ...cutDeletion(1), '@timestamp': at(4) };
      const args = new ProcessArgs();
      if (how === 'met') for (const line of lines) args.add(line);
      const record = recordOf(...lines);
      expect(await joinedArgs(args, [deletion], record.open)).toEqual([['rm', 'a.db', 'evidence']]);
      expect(record.looks).toHaveLength(how === 'met' ? 0 : 1);
    },
  );

  it('keeps the mark of a list that the kernel side cut', async () => {
    const { open } = recordOf(aboutProcess(1, ['rm', 'a.db', 'x'], { args_truncated: true }));
    const [joined] = await new ProcessArgs().join([found(cutDeletion(1))], open, ready);
    expect(joined!.deletion.rmwatch.args_truncated).toBe(true);
  });

  it('has bounded memory, and joins what does not fit into it', async () => {
    const long = 'x'.repeat(2 ** 19);
    const lines = Array.from({ length: 40 }, (_, pid) => aboutProcess(pid, ['rm', 'a.db', long]));
    const args = new ProcessArgs();
    for (const line of lines) args.add(line);
    const deletions = lines.map((_, pid) => cutDeletion(pid));
    const { open, looks } = recordOf(...lines);
    const joined = await joinedArgs(args, deletions, open);
    expect(joined.map((list) => list?.length)).toEqual(deletions.map(() => 3));
    expect(looks).toHaveLength(1);
  });

  it('keeps the newest of many lines about one process', async () => {
    const args = new ProcessArgs();
    for (let line = 0; line < 100_000; line++) {
      args.add(
        aboutProcess(1, ['rm', 'a.db', `${line}`], { time: START.replace('000000000', `${line}`.padStart(9, '0')) }),
      );
    }
    const { open, looks } = recordOf();
    expect(await joinedArgs(args, [cutDeletion(1)], open)).toEqual([['rm', 'a.db', '99999']]);
    expect(looks).toEqual([]);
  });

  it('tells what it could not read', async () => {
    const args = new ProcessArgs();
    const broken = async function* (): AsyncGenerator<Buffer> {
      yield Buffer.from('{');
      throw new SourceError('log.2.gz', 'unexpected end of file');
    };
    const open: OpenSpans = (_bounds, use) => use([streamSpan('log', false, broken)]).then(() => {});
    await args.join([found(cutDeletion(1))], open, ready);
    expect(args.errors.map(({ message }) => message)).toEqual([expect.stringContaining('unexpected end of file')]);
  });

  it('stops to look when the reader is gone', async () => {
    const { open } = recordOf(...Array.from({ length: 8 }, () => aboutProcess(1, ['rm', 'a.db', 'x'.repeat(2 ** 19)])));
    let asked = 0;
    const gone = async () => {
      asked += 1;
      return false;
    };
    await new ProcessArgs().join([found(cutDeletion(2))], open, gone);
    expect(asked).toBe(1);
  });
});
