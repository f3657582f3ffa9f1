import { expect, it } from 'vitest';
import type { EventWriter } from '../../../src/output/event-writer.js';
import { Ledger } from '../../../src/pipeline/ledger.js';
import type { Pipeline } from '../../../src/pipeline/pipeline.js';
import type { NativeProbe } from '../../../src/probe/native-probe.js';

const KERNEL = { seen: 100, filtered: 10, submitted: 85, lostRingFull: 4, lostStateFull: 1, missedReturns: 0 };

/** A ledger of parts whose counters the test sets. */
function bench() {
  const kernel = { ...KERNEL, processUnsent: 0 };
  const state = { missed: 3, used: 512, swept: 2, closed: false };
  const pipeline = { filtered: 5, undecodable: 1, unlogged: 7, deletions: 80 };
  const writer = { lostLines: 2, writtenLines: 60 };
  const open = <T>(value: T): T => {
    if (state.closed) throw new Error('the probe is closed');
    return value;
  };
  const probe = {
    readCounters: () => open({ ...kernel }),
    missedRuns: () => open(state.missed),
    usedBytes: () => open(state.used),
    sweepAttempts: () => open(state.swept),
  };
  const ledger = new Ledger({
    probe: probe as unknown as NativeProbe,
    pipeline: pipeline as unknown as Pipeline,
    writer: writer as unknown as EventWriter,
    capacityBytes: () => 4096,
  });
  return { ledger, kernel, state, pipeline, writer };
}

it('has what was counted at each step', () => {
  const { ledger } = bench();
  ledger.sweep();
  ledger.sweep();
  expect(ledger.counts()).toEqual({
    seen: 100,
    filteredInKernel: 10,
    filteredInDaemon: 5,
    lost: { ring_full: 4, state_full: 1 + 2 + 2, decode: 1, output: 2 },
    delivered: 67,
    probeMissed: 3,
    capacityBytes: 4096,
    waitingBytes: 512,
  });
});

it('does not forget what the kernel forgets with a hook', () => {
  const { ledger, state } = bench();
  expect(ledger.missed()).toBe(3);
  state.missed = 0;
  expect([ledger.missed(), ledger.counts().probeMissed]).toEqual([3, 3]);
});

it('goes on without its probe, and with the lines that are still written', () => {
  const { ledger, state, writer } = bench();
  ledger.close();
  state.closed = true;
  writer.writtenLines = 65;
  expect(ledger.counts()).toMatchObject({ seen: 100, delivered: 72, probeMissed: 3, waitingBytes: 0 });
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
