import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Backpressure, RingDrain } from '../../../src/pipeline/ring-drain.js';
import type { NativeProbe } from '../../../src/probe/native-probe.js';

const RING_BYTES = 1 << 16;
const BACKLOG_BYTES = 12 * RING_BYTES;
const PAUSE_MS = 20;
/** Records handled at once. */
const BATCH = 256;

/** The ring as the drain sees it: records wait, are collected, and keep their space until they are released. */
class Ring {
  waiting: number[] = [];
  collected: number[] = [];
  released = 0;
  armed = false;
  bytesPerRecord = 8;
  noMemory = false;
  /** What was collected lies in the backlog. */
  inBacklog = false;
  private readonly memory = new ArrayBuffer(BACKLOG_BYTES);
  /** What was asked of it, in order. */
  readonly calls: string[] = [];
  private wake = () => {};

  readonly probe = {
    ring: () => new ArrayBuffer(2 * RING_BYTES),
    collect: (offsets: Uint32Array) => {
      const taken = this.waiting.splice(0, offsets.length);
      offsets.set(taken);
      this.collected.push(...taken);
      this.calls.push(`collect ${taken.length}`);
      return taken.length;
    },
    release: () => {
      this.released = this.collected.length;
      this.calls.push('release');
    },
    arm: () => {
      this.armed = this.waiting.length === 0;
      return this.armed;
    },
    onReadable: (callback: () => void) => {
      this.wake = callback;
    },
    startBacklog: (bytes: number) => {
      this.calls.push(`start ${bytes}`);
      if (this.noMemory) throw new Error('no memory');
    },
    backlog: () => this.memory,
    collectedInBacklog: () => this.inBacklog,
    usedBytes: () => this.waiting.length * this.bytesPerRecord,
  } as unknown as NativeProbe;

  /** A record comes; the drain is woken when it sleeps. */
  add(...offsets: number[]): void {
    this.waiting.push(...offsets);
    if (!this.armed) return;
    this.armed = false;
    this.wake();
  }
}

function bench({ noMemory = false } = {}) {
  const ring = new Ring();
  ring.noMemory = noMemory;
  const handled: number[] = [];
  const state: { backpressure: Backpressure; comesMeanwhile: number[]; handledMax: number } = {
    backpressure: 'none',
    comesMeanwhile: [],
    handledMax: BATCH,
  };
  const problems: string[] = [];
  const drain = new RingDrain({
    probe: ring.probe,
    ringBytes: RING_BYTES,
    handle: (record, offsets, count) => {
      ring.calls.push(record.bytes.length === BACKLOG_BYTES ? 'handle backlog' : 'handle');
      const now = Math.min(count, state.handledMax);
      handled.push(...offsets.subarray(0, now));
      ring.add(...state.comesMeanwhile.splice(0));
      return now;
    },
    backpressure: () => state.backpressure,
    onProblem: (message) => problems.push(message),
  });
  const starts = ring.calls.splice(0);
  return { ring, handled, state, drain, problems, starts };
}

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i * 8);

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'clearImmediate', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('RingDrain', () => {
  it('sleeps without a timer until the first record comes, which it handles at once', () => {
    const { ring, handled, drain } = bench();
    drain.start();
    expect([ring.armed, vi.getTimerCount(), drain.turns]).toEqual([true, 0, 0]);
    ring.add(8);
    expect(handled).toEqual([8]);
  });

  it('looks by itself while records come, and sleeps again when none did', () => {
    const { ring, handled, drain } = bench();
    drain.start();
    ring.add(8);
    ring.add(16);
    expect([handled, ring.armed]).toEqual([[8], false]);
    vi.advanceTimersByTime(PAUSE_MS);
    expect([handled, ring.armed]).toEqual([[8, 16], false]);
    vi.advanceTimersByTime(PAUSE_MS);
    expect([ring.armed, vi.getTimerCount(), drain.turns]).toEqual([true, 0, 3]);
    ring.add(24);
    expect(handled).toEqual([8, 16, 24]);
  });

  it('looks again when a record comes just before it falls asleep', () => {
    const { ring, handled, drain } = bench();
    ring.waiting.push(8);
    drain.start();
    expect([ring.armed, handled]).toEqual([false, []]);
    vi.advanceTimersByTime(PAUSE_MS);
    expect(handled).toEqual([8]);
  });

  it('gives space back only after the records were handled, also when there were none', () => {
    const { ring, drain } = bench();
    drain.start();
    ring.add(8);
    vi.advanceTimersByTime(PAUSE_MS);
    expect(ring.calls).toEqual(['collect 1', 'handle', 'release', 'collect 0', 'release']);
  });

  it('does not pause while much is waiting, but lets others have their turn', () => {
    const { ring, handled, drain } = bench();
    drain.start();
    ring.add(...numbers(2_700));
    expect(handled).toHaveLength(BATCH);
    vi.advanceTimersByTime(0);
    expect(handled).toHaveLength(2 * BATCH);
    vi.advanceTimersByTime(PAUSE_MS - 1);
    expect(handled).toEqual(numbers(2_700));
  });

  it('goes on in the next turn with what there was no time for, and gives no space back before', () => {
    const { ring, handled, state, drain } = bench();
    state.handledMax = 2;
    drain.start();
    ring.add(...numbers(1));
    ring.add(...numbers(BATCH + 1).slice(1));
    vi.advanceTimersByTime(PAUSE_MS);
    ring.calls.splice(0);
    expect([handled.length, ring.released]).toEqual([3, 1]);
    for (let turn = 1; turn < BATCH / 2; turn++) vi.advanceTimersToNextTimer();
    expect(handled).toEqual(numbers(BATCH + 1));
    expect(ring.calls.filter((call) => call !== 'handle')).toEqual(['release']);
    vi.advanceTimersToNextTimer();
    expect(ring.calls.slice(-2)).toEqual(['collect 0', 'release']);
  });

  it('handles what there was no time for before it ends', async () => {
    const { ring, handled, state, drain } = bench();
    state.handledMax = 2;
    drain.start();
    ring.add(...numbers(1));
    ring.add(...numbers(8).slice(1));
    vi.advanceTimersByTime(PAUSE_MS);
    expect(handled).toHaveLength(3);
    const finished = drain.finish(() => true, 1_000);
    await vi.advanceTimersByTimeAsync(10);
    await finished;
    expect([handled, ring.released]).toEqual([numbers(8), 8]);
  });

  it.each([
    { does: 'pauses', when: 'a sixteenth of the ring', bytesPerRecord: RING_BYTES / 16, handledAtOnce: 1 },
    { does: 'does not pause', when: 'more', bytesPerRecord: RING_BYTES / 16 + 1, handledAtOnce: 2 },
  ])('$does when $when came while it handled a batch that was not full', ({ bytesPerRecord, handledAtOnce }) => {
    const { ring, handled, state, drain } = bench();
    ring.bytesPerRecord = bytesPerRecord;
    state.comesMeanwhile = [16];
    drain.start();
    ring.add(8);
    vi.advanceTimersByTime(PAUSE_MS - 1);
    expect(handled).toHaveLength(handledAtOnce);
    vi.advanceTimersByTime(1);
    expect(handled).toEqual([8, 16]);
  });

  it('leaves records in the ring while the output is congested', () => {
    const { ring, handled, state, drain } = bench();
    drain.start();
    state.backpressure = 'wait';
    ring.add(8);
    vi.advanceTimersByTime(10 * PAUSE_MS);
    expect([handled, ring.waiting, ring.armed]).toEqual([[], [8], false]);
    expect(drain.turns).toBe(11);
    state.backpressure = 'none';
    vi.advanceTimersByTime(PAUSE_MS);
    expect(handled).toEqual([8]);
  });

  it('handles a pipe full of lines at a time while a reader waits for more, without a pause', () => {
    const { ring, handled, state, drain } = bench();
    drain.start();
    state.backpressure = 'small';
    ring.add(...numbers(300));
    expect(handled).toHaveLength(64);
    vi.advanceTimersByTime(0);
    expect(handled).toHaveLength(128);
    state.backpressure = 'none';
    vi.advanceTimersByTime(1);
    expect(handled).toEqual(numbers(300));
  });

  it('has a backlog before the first record, and reads each batch where it lies', () => {
    const { ring, drain, starts } = bench();
    expect(starts).toEqual([`start ${BACKLOG_BYTES}`]);
    drain.start();
    ring.add(8);
    ring.inBacklog = true;
    ring.waiting.push(16);
    vi.advanceTimersByTime(PAUSE_MS);
    ring.inBacklog = false;
    ring.waiting.push(24);
    vi.advanceTimersByTime(PAUSE_MS);
    const handles = ring.calls.filter((call) => call.startsWith('handle'));
    expect(handles).toEqual(['handle', 'handle backlog', 'handle']);
  });

  it('goes on with the ring alone when there is no memory, says so once, and asks again after some seconds', () => {
    const { ring, handled, drain, problems } = bench({ noMemory: true });
    drain.start();
    for (let round = 0; round < 2; round++) {
      ring.add(...numbers(4_000));
      vi.advanceTimersByTime(10 * PAUSE_MS);
    }
    expect(handled).toHaveLength(8_000);
    expect(ring.calls.filter((call) => call.startsWith('start'))).toEqual([]);
    vi.advanceTimersByTime(10_000);
    ring.add(8);
    expect(ring.calls.filter((call) => call.startsWith('start'))).toHaveLength(1);
    expect(problems).toEqual([expect.stringContaining('no memory')]);
    expect(drain.capacityBytes).toBe(RING_BYTES);
    ring.noMemory = false;
    vi.advanceTimersByTime(10_000);
    ring.add(16);
    expect([drain.capacityBytes, problems.length]).toEqual([RING_BYTES + BACKLOG_BYTES, 1]);
  });

  describe('when no more can come', () => {
    it('handles all that waits, whatever its backpressure was', async () => {
      const { ring, handled, state, drain } = bench();
      state.backpressure = 'wait';
      ring.waiting.push(...numbers(2_700));
      const finished = drain.finish(() => true, 1_000);
      await vi.advanceTimersByTimeAsync(10);
      await finished;
      expect(handled).toEqual(numbers(2_700));
      expect([ring.released, vi.getTimerCount()]).toEqual([2_700, 0]);
    });

    it('lets the output go on in between, and waits until it has room', async () => {
      const { ring, handled, drain } = bench();
      ring.waiting.push(...numbers(2_700));
      let room = 1;
      const finished = drain.finish(() => room-- > 0, 60_000);
      await vi.advanceTimersByTimeAsync(10_000);
      expect(handled).toHaveLength(BATCH);
      room = 1_000;
      await vi.advanceTimersByTimeAsync(100);
      await finished;
      expect(handled).toEqual(numbers(2_700));
    });

    it('waits no longer than it may', async () => {
      const { ring, handled, drain } = bench();
      ring.waiting.push(...numbers(2_700));
      const finished = drain.finish(() => false, 5_000);
      await vi.advanceTimersByTimeAsync(4_900);
      expect(handled).toEqual([]);
      await vi.advanceTimersByTimeAsync(200);
      await finished;
      expect(handled).toEqual(numbers(2_700));
    });
  });

  it.each([
    ['asleep', (ring: Ring) => ring.armed],
    ['between two looks', (ring: Ring) => ring.add(8)],
    ['in a hurry', (ring: Ring) => ring.add(...numbers(2_700))],
  ])('stops for good when it is %s', (_what, prepare) => {
    const { ring, handled, drain } = bench();
    drain.start();
    prepare(ring);
    const before = handled.length;
    drain.stop();
    ring.add(8);
    vi.advanceTimersByTime(10 * PAUSE_MS);
    expect([handled.length, vi.getTimerCount()]).toEqual([before, 0]);
  });
});
