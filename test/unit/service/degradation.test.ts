import { expect, it } from 'vitest';
import { defaultConfig } from '../../../src/config/load.js';
import { type DegradationFacts, degradationsOf } from '../../../src/service/degradation.js';

const [all] = defaultConfig().watches;
const WELL: DegradationFacts = {
  stuck: undefined,
  wanted: 'auto',
  mode: 'kprobe',
  watches: defaultConfig().watches,
  unfiltered: undefined,
};
const textsOf = (facts: Partial<DegradationFacts>) => degradationsOf({ ...WELL, ...facts }).map(({ text }) => text);

it('has nothing to tell when all is well, or in the mode that was asked for', () => {
  expect(textsOf({})).toEqual([]);
  expect(textsOf({ mode: 'fentry' })).toEqual([]);
  expect(textsOf({ wanted: 'tracepoint', mode: 'tracepoint' })).toEqual([]);
});

it('tells of a log that takes nothing, with the time only where it is asked for each time', () => {
  expect(degradationsOf({ ...WELL, stuck: { seconds: 17, reason: 'ENOSPC' } })).toEqual([
    { text: 'log takes nothing since 17 s (ENOSPC)', status: 'log takes nothing (ENOSPC)' },
  ]);
});

it('tells of a fallback, and of watches that the mode cannot serve at all', () => {
  const replaced = (name: string) => ({ ...all!, name, operations: ['replace'] as const });
  expect(textsOf({ mode: 'tracepoint' })).toEqual(['only system calls can be hooked (tracepoint mode)']);
  expect(textsOf({ wanted: ['fentry', 'tracepoint'], mode: 'tracepoint' })).toHaveLength(1);
  expect(textsOf({ wanted: ['tracepoint', 'kprobe'], mode: 'tracepoint' })).toEqual([]);
  const watches = [all!, ...['a', 'b', 'c', 'd'].map(replaced)];
  expect(textsOf({ wanted: 'tracepoint', mode: 'tracepoint', watches })).toEqual([
    'tracepoint mode cannot serve watches a, b, c and 1 more',
  ]);
  expect(textsOf({ mode: 'kprobe', watches })).toEqual([]);
  expect(textsOf({ mode: 'tracepoint', watches: [replaced('a')] })[0]).toBe('tracepoint mode cannot serve watch a');
});

it('tells of mounts that are not known', () => {
  expect(textsOf({ unfiltered: 'the mounts are not known' })).toEqual(['the mounts are not known']);
});
