import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ProcessTable } from '../../../src/deletion/process-table.js';
import { EventEncoder } from '../../../src/event/event-encoder.js';
import { LineBuffer } from '../../../src/event/line-buffer.js';
import { DelayHistogram } from '../../../src/metrics/delay-histogram.js';
import { countersFor } from '../../../src/metrics/watch-counters.js';
import { OPERATIONS } from '../../../src/model/config.js';
import { Pipeline } from '../../../src/pipeline/pipeline.js';
import {
  DELETION_SELF,
  RECORD_DELETION,
  RECORD_LAYOUT,
  RECORD_PROCESS,
  RECORD_PROCESS_TEXT,
} from '../../../src/probe/record-layout.generated.js';
import { RecordView } from '../../../src/probe/record-view.js';
import { WatchFilter } from '../../../src/watch/watch-filter.js';
import { fuzzed } from '../../lib/fuzz.js';
import { newBursts } from '../../lib/new-bursts.js';
import { ringOf, WHOLE_ARGS } from '../../lib/records.js';
import { watchOf } from '../../lib/watch-of.js';

const KINDS = { deletion: RECORD_DELETION, process: RECORD_PROCESS, process_text: RECORD_PROCESS_TEXT };
type Kind = keyof typeof KINDS;

const textMember: Readonly<Record<Kind, string>> = { deletion: 'path', process: 'args', process_text: 'text' };

function put(bytes: Buffer, kind: Kind, member: string, value: number): void {
  const fields: Readonly<Record<string, readonly [number, number]>> = RECORD_LAYOUT[kind].fields;
  const [offset, width] = fields[member]!;
  bytes.writeUIntLE(value % 2 ** (8 * width), offset, width);
}

/** What journald takes for one line. */
const LINE_BYTES = 48_000;

/** A record of which all is random but its kind, its length, and sometimes the place of its text. */
const record = fc
  .record({
    kind: fc.constantFrom<Kind>('deletion', 'process', 'process_text'),
    fixed: fc.uint8Array({ minLength: 256, maxLength: 256 }),
    text: fc.uint8Array({ maxLength: 300 }),
    isPlaced: fc.boolean(),
    operation: fc.nat(4),
  })
  .map(({ kind, fixed, text, isPlaced, operation }) => {
    const bytes = Buffer.concat([Buffer.from(fixed).subarray(0, RECORD_LAYOUT[kind].size), text]);
    put(bytes, kind, 'kind', KINDS[kind]);
    put(bytes, kind, 'length', bytes.length);
    if (isPlaced) {
      put(bytes, kind, `${textMember[kind]}_offset`, RECORD_LAYOUT[kind].size);
      put(bytes, kind, `${textMember[kind]}_length`, text.length);
    }
    if (isPlaced && kind === 'deletion') {
      put(bytes, kind, 'operation', operation);
      for (const part of ['typed_length', 'fs_root_length', 'below_mount_length']) put(bytes, kind, part, 0);
    }
    return bytes;
  });

function newPipeline() {
  const lines: string[] = [];
  const counters = countersFor([], []);
  const line = new EventEncoder({
    hostName: 'h',
    bootId: undefined,
    attach: 'kprobe',
    userName: () => undefined,
    errorName: (number) => `ERRNO_${number}`,
  });
  const notice = (text: string) => {
    lines.push(text);
    return true;
  };
  const pipeline = new Pipeline({
    line,
    lines: new LineBuffer((chunk, length) => {
      lines.push(...chunk.toString('utf8', 0, length).split('\n').slice(0, -1));
    }),
    notice,
    processes: new ProcessTable({
      args: { ...WHOLE_ARGS, limitBytes: 64 },
      bootId: undefined,
      forgetInKernel: () => {},
    }),
    delay: new DelayHistogram(),
    bursts: newBursts(line, notice),
    readClocks: (out) => out.set([0, 0, 900]),
    mountsFor: () => undefined,
    mountsNow: () => undefined,
    isDrained: () => true,
    onOwnDeletion: () => {},
    onDefect: () => {},
  });
  const watches = [watchOf({ include: ['/**'], failures: true })];
  const counted = countersFor(watches, counters);
  // Even a second deletion is a burst.
  pipeline.useBursts({ threshold: 2, windowSeconds: 3_600 });
  pipeline.use(1, { filter: WatchFilter.of(watches, counted, () => undefined), mounts: undefined });
  return { pipeline, lines, counted };
}

test('records of random bytes never end the daemon: each is told, filtered or counted, and every line is JSON of bounded length', () => {
  fc.assert(
    fc.property(fc.array(record, { minLength: 1, maxLength: 8 }), (records) => {
      const { pipeline, lines, counted } = newPipeline();
      const { ring, offsets } = ringOf(records);
      const view = new RecordView(ring);
      for (let handled = 0; handled < offsets.length; ) {
        const waiting = offsets.subarray(handled);
        handled += pipeline.handleBatch(view, waiting, waiting.length);
      }
      const others = [...offsets].filter((offset) => {
        view.moveTo(offset);
        return view.kind === RECORD_DELETION && (view.flags & DELETION_SELF) === 0;
      });
      const { filtered, handled, undecodable } = pipeline;
      expect(filtered + handled + undecodable).toBe(others.length);
      for (const line of lines) {
        expect(Buffer.byteLength(line)).toBeLessThan(LINE_BYTES);
        expect(line).not.toMatch(/[\0-\x1f]/);
        const { event } = JSON.parse(line);
        expect([...OPERATIONS, 'process-args']).toContain(event.action);
      }
      const { deletions, failures } = counted[0]!.totals;
      expect([...Object.keys(deletions), ...Object.keys(failures)].filter((name) => name === 'undefined')).toEqual([]);
      expect(JSON.stringify(counted[0]!.totals)).not.toContain('null');
    }),
    fuzzed(1_000),
  );
});
