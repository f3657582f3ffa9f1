import { describe, expect, it } from 'vitest';
import {
  failureOf,
  INITIAL_STATE,
  nextState,
  type WriteFailure,
  type WriterInput,
  type WriterState,
} from '../../../src/output/writer-state.js';

const FULL: WriteFailure = { code: 'ENOSPC', readerGone: false };
const GONE: WriteFailure = { code: 'EPIPE', readerGone: true };

const STATES = {
  ready: INITIAL_STATE,
  'ready, stalled': { name: 'ready', trouble: 'stalled' },
  'ready, failed before': { name: 'ready', trouble: FULL },
  yielding: { name: 'yielding', trouble: 'none' },
  writing: { name: 'writing', bytes: 7, trouble: 'none' },
  'writing, stalled': { name: 'writing', bytes: 7, trouble: 'stalled' },
  'writing, failed before': { name: 'writing', bytes: 7, trouble: FULL },
  waiting: { name: 'waiting', trouble: FULL, retryAtMs: 1_000 },
  closed: { name: 'closed', trouble: 'none' },
} satisfies Record<string, WriterState>;
type StateName = keyof typeof STATES;

const INPUTS = {
  'taken 0': { name: 'taken', bytes: 0 },
  'taken 3': { name: 'taken', bytes: 3 },
  'begun 7': { name: 'begun', bytes: 7 },
  yielded: { name: 'yielded' },
  turn: { name: 'turn' },
  failed: { name: 'failed', failure: GONE, retryAtMs: 2_000 },
  retry: { name: 'retry' },
  replaced: { name: 'replaced' },
  stalled: { name: 'stalled' },
  close: { name: 'close' },
} satisfies Record<string, WriterInput>;
type InputName = keyof typeof INPUTS;

const FAILED: WriterState = { name: 'waiting', trouble: GONE, retryAtMs: 2_000 };
const SAME = 'same';
const NEVER = 'never';
type Next = StateName | WriterState | typeof SAME | typeof NEVER;

/** Every input in every state. SAME: it comes too late to matter; NEVER: it contradicts the state. */
const TABLE: Record<StateName, Record<InputName, Next>> = {
  ready: {
    'taken 0': SAME,
    'taken 3': 'ready',
    'begun 7': 'writing',
    yielded: 'yielding',
    turn: SAME,
    failed: FAILED,
    retry: SAME,
    replaced: 'ready',
    stalled: 'ready, stalled',
    close: 'closed',
  },
  'ready, stalled': {
    'taken 0': SAME,
    'taken 3': 'ready',
    'begun 7': 'writing, stalled',
    yielded: 'yielding',
    turn: SAME,
    failed: FAILED,
    retry: SAME,
    replaced: 'ready',
    stalled: SAME,
    close: { name: 'closed', trouble: 'stalled' },
  },
  'ready, failed before': {
    'taken 0': SAME,
    'taken 3': 'ready',
    'begun 7': 'writing, failed before',
    yielded: 'yielding',
    turn: SAME,
    failed: FAILED,
    retry: SAME,
    replaced: 'ready',
    stalled: SAME,
    close: { name: 'closed', trouble: FULL },
  },
  yielding: {
    'taken 0': NEVER,
    'taken 3': NEVER,
    'begun 7': NEVER,
    yielded: NEVER,
    turn: 'ready',
    failed: FAILED,
    retry: SAME,
    replaced: 'ready',
    stalled: { name: 'yielding', trouble: 'stalled' },
    close: 'closed',
  },
  writing: {
    'taken 0': 'ready',
    'taken 3': 'ready',
    'begun 7': NEVER,
    yielded: NEVER,
    turn: SAME,
    failed: FAILED,
    retry: SAME,
    replaced: NEVER,
    stalled: 'writing, stalled',
    close: 'closed',
  },
  'writing, stalled': {
    'taken 0': 'ready, stalled',
    'taken 3': 'ready',
    'begun 7': NEVER,
    yielded: NEVER,
    turn: SAME,
    failed: FAILED,
    retry: SAME,
    replaced: NEVER,
    stalled: SAME,
    close: { name: 'closed', trouble: 'stalled' },
  },
  'writing, failed before': {
    'taken 0': 'ready, failed before',
    'taken 3': 'ready',
    'begun 7': NEVER,
    yielded: NEVER,
    turn: SAME,
    failed: FAILED,
    retry: SAME,
    replaced: NEVER,
    stalled: SAME,
    close: { name: 'closed', trouble: FULL },
  },
  waiting: {
    'taken 0': NEVER,
    'taken 3': NEVER,
    'begun 7': NEVER,
    yielded: NEVER,
    turn: SAME,
    failed: FAILED,
    retry: 'ready, failed before',
    replaced: 'ready',
    stalled: SAME,
    close: { name: 'closed', trouble: FULL },
  },
  closed: {
    'taken 0': SAME,
    'taken 3': SAME,
    'begun 7': SAME,
    yielded: SAME,
    turn: SAME,
    failed: SAME,
    retry: SAME,
    replaced: SAME,
    stalled: SAME,
    close: SAME,
  },
};

describe('the states of the event writer', () => {
  for (const [stateName, row] of Object.entries(TABLE) as [StateName, Record<InputName, Next>][]) {
    it.each(Object.entries(row) as [InputName, Next][])(`${stateName} + %s`, (inputName, next) => {
      const state: WriterState = STATES[stateName];
      const step = () => nextState(state, INPUTS[inputName]);
      if (next === NEVER) expect(step).toThrow(state.name);
      else if (next === SAME) expect(step()).toEqual(state);
      else expect(step()).toEqual(typeof next === 'string' ? STATES[next] : next);
    });
  }

  it('tell a failure from the other troubles', () => {
    expect(Object.values(STATES).map(failureOf)).toEqual([
      ...[undefined, undefined, FULL, undefined, undefined, undefined, FULL, FULL, undefined],
    ]);
  });
});
