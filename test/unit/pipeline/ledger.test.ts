import { expect, it } from 'vitest';
import type { EventWriter } from '../../../src/output/event-writer.js';
import { Ledger } from '../../../src/pipeline/ledger.js';
import type { Pipeline } from '../../../src/pipeline/pipeline.js';
import type { NativeProbe } from '../../../src/probe/native-probe.js';

const KERNEL = { seen: 100, filtered: 10, submitted: 85, lostRingFull: 4, lostStateFull: 1 };
const UNATTRIBUTED = { unattributed: [3, 4] };

/** A ledger of parts whose counters the test sets. */
function bench() {
  const kernel = { ...KERNEL, ...UNATTRIBUTED };
  const state = { missed: 3, skipped: 6, used: 512, swept: 2, closed: false };
  const pipeline = { filtered: 5, undecodable: 1, unlogged: 7, folded: 8, untracked: 9, deletions: 80 };
  const writer = { lostLines: 2, writtenLines: 60 };
  const open = <T>(value: T): T => {
    if (state.closed) throw new Error('the probe is closed');
    return value;
  };
  const probe = {
    readCounters: () => open({ ...kernel }),
    missedRuns: () => open(state.missed),
    skippedSuccesses: () => open(state.skipped),
    usedBytes: () => open(state.used),
    backlogUsedBytes: () => open(state.used / 4),
    sweepAttempts: () => open(state.swept),
  };
  const ledger = new Ledger({
    probe: probe as unknown as NativeProbe,
    pipeline: pipeline as unknown as Pipeline,
    writer: writer as unknown as EventWriter,
    capacities: () => ({ ringBytes: 4096, backlogBytes: 8192 }),
  });
  return { ledger, kernel, state, pipeline, writer };
}

it('has what was counted at each step', () => {
  const { ledger } = bench();
  ledger.sweep();
  ledger.sweep();
  expect(ledger.counts()).toEqual({
    seen: 100 + 2 + 2 + 6,
    filteredInKernel: 10,
    filteredInDaemon: 5,
    lost: { ring_full: 4, state_full: 1 + 2 + 2, probe_skipped: 6, decode: 1, output: 2 },
    delivered: 67,
    folded: 8,
    untracked: 9,
    probeMissed: 3,
    unattributed: 4,
    ring: { capacityBytes: 4096, usedBytes: 384 },
    backlog: { capacityBytes: 8192, usedBytes: 128 },
  });
});

it('does not forget what the kernel forgets with a hook', () => {
  const { ledger, state } = bench();
  expect(ledger.missed()).toBe(3);
  state.missed = 0;
  state.skipped = 0;
  expect([ledger.missed(), ledger.counts().probeMissed, ledger.counts().lost.probe_skipped]).toEqual([3, 3, 6]);
});

it('goes on without its probe, and with the lines that are still written', () => {
  const { ledger, state, writer } = bench();
  ledger.close();
  state.closed = true;
  writer.writtenLines = 65;
  expect(ledger.counts()).toMatchObject({
    seen: 106,
    delivered: 72,
    probeMissed: 3,
    ring: { usedBytes: 0 },
    backlog: { usedBytes: 0 },
  });
  expect(ledger.mark()()).toBe(true);
});

it('knows when the records of a moment were handled, whatever came after them', () => {
  const { ledger, kernel, pipeline } = bench();
  const handled = ledger.mark();
  kernel.submitted = 1_000;
  expect(handled()).toBe(false);
  pipeline.deletions = 84;
  expect(handled()).toBe(false);
  pipeline.deletions = 85;
  expect(handled()).toBe(true);
});

it('takes an empty ring for handled, also when records were not understood', () => {
  const { ledger, state } = bench();
  const handled = ledger.mark();
  state.used = 0;
  expect(handled()).toBe(true);
});
