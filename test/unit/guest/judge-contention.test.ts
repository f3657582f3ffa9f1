import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  CONTENTION_PARTS,
  type ContentionPart,
  type ContentionRecording,
  type ContentionSession,
  MISSED,
  SLEEPERS_MANY,
} from '../../guest/scenarios/contention.js';
import { contentionChecks, judgeContention } from '../../guest/scenarios/judge-contention.js';
import type { Event } from '../../guest/scenarios/record-files.js';
import { recordOf, scrape } from './session-files.js';

const SESSION: ContentionSession = {
  kind: 'contention',
  name: 'session',
  mode: 'fentry',
  canReattach: false,
  leavesOutTracepoints: false,
  large: { watches: 1, binds: 1 },
};
const UNLINKED = 'rmwatch_deletions_total{watch="work",operation="unlink"}';
const SKIPPED = 'rmwatch_events_lost_total{reason="probe_skipped"}';

let directory: string;

beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'rmwatch-judge-contention-'));
});

afterEach(() => fs.rmSync(directory, { recursive: true, force: true }));

function checksOf(recording: Partial<ContentionRecording>, events: readonly Event[] = [], changes: Changes = {}) {
  const record = recordOf<ContentionRecording>(directory, {
    recording: { errors: {}, blocks: {}, ...recording },
    events,
  });
  return judgeContention({ ...SESSION, ...changes }, record);
}

type Changes = Partial<ContentionSession>;

const problemsOf = (
  part: ContentionPart,
  recording: Partial<ContentionRecording>,
  events: readonly Event[] = [],
  changes: Changes = {},
) => checksOf(recording, events, changes)[CONTENTION_PARTS.indexOf(part)]!.problems;

const schemaProblems = (recording: Partial<ContentionRecording>, events: readonly Event[] = []) =>
  checksOf(recording, events).at(-2)!.problems;

const WHOLE = { path_complete: true, requested_path: 'file' };

const lines = (count: number, outcome = 'success', rmwatch: object = WHOLE): Event[] =>
  Array.from({ length: count }, () => ({ event: { outcome }, process: { pid: 7 }, rmwatch }) as Event);

const counted = (count: number, changes: Record<string, number> = {}) =>
  scrape({ rmwatch_events_seen_total: count, rmwatch_events_delivered_total: count, [UNLINKED]: count, ...changes });

test('a part that was not recorded fails with its reason', () => {
  for (const part of CONTENTION_PARTS) expect(problemsOf(part, {})).toEqual(['the guest recorded nothing of it']);
  expect(problemsOf('crowds', { errors: { crowds: 'it broke' } })).toEqual(['it broke']);
  expect(schemaProblems({})).toEqual(['the guest recorded no lines']);
});

test('programs that do not account for a run, or for a deletion, fail', () => {
  const zero = { passed: [0, 0], unattributed: [0, 0], filtered: 0, lostStateFull: 0, mountUnknown: 0 };
  const right = {
    ...zero,
    successRuns: [3, 3],
    told: 3,
    toldBefore: 3,
    seen: 3,
    submitted: 3,
    lostRingFull: 0,
  };
  const full = {
    count: 3,
    seen: 3,
    mountUnknown: 3,
    failed: 2,
    lost: [2, 2] as const,
    succeeded: 2,
    others: [2, 2] as const,
  };
  const kernelRuns = [0, 0].map(() => ({ removed: [3, 3], moved: 0 }));
  const problems = (changes: object, count = 3, kernel = kernelRuns) => {
    const counters = { ...right, ...changes };
    const accounts = { count, skipped: 0, counters, kernelRuns: kernel, full };
    return problemsOf('accounts', { accounts });
  };
  expect(problems({})).toEqual([]);
  expect(problems({ successRuns: [4, 3] })[0]).toBe('7 runs at the success hooks, 6 accounted for');
  expect(problems({ submitted: 2 })[0]).toBe('3 seen, 2 accounted for');
  expect(problems({}, 4)[0]).toBe('deletions are missing');
  const byKernel = (removed: number[], moved = 0) =>
    problems(
      {},
      3,
      [0, 0].map(() => ({ removed, moved })),
    )[0];
  expect(byKernel([4, 3])).toBe('6 runs at the success hooks, 7 removals and 0 moves counted by the kernel');
  expect(byKernel([3, 2])).toBe('6 runs at the success hooks, 5 removals and 0 moves counted by the kernel');
  expect(byKernel([2, 2], 1)).toBe('the kernel counted 2 and 2 runs for 3 deletions');
  expect(byKernel([3, 2], 1)).toBeUndefined();

  const again = (...seen: [number, number, number]) => {
    const accounts = { count: 3, skipped: 0, counters: right, kernelRuns, reattached: { count: 3, seen }, full };
    return problemsOf('accounts', { accounts }, [], { canReattach: true });
  };
  expect(again(3, 3, 6)).toEqual([]);
  expect(again(3, 4, 7)).toEqual(['1 seen while nothing was attached']);
  expect(again(3, 3, 5)).toEqual(['2 of 3 seen when attached again']);
  const accounts = { count: 3, skipped: 0, counters: right, kernelRuns, full };
  expect(problemsOf('accounts', { accounts }, [], { canReattach: true })).toEqual([
    'the programs were not attached again',
  ]);

  const withoutRoom = (changes: object) =>
    problemsOf('accounts', { accounts: { ...accounts, full: { ...full, ...changes } } });
  expect(withoutRoom({})).toEqual([]);
  expect(withoutRoom({ seen: 2 })).toEqual(['2 of 3 seen without room for a call']);
  expect(withoutRoom({ lost: [2, 1] })).toEqual(['of 2 failed calls each without room 2 and 1 count as lost']);
  expect(withoutRoom({ others: [2, 1] })).toEqual(['of 2 rmdir and rename each without room 2 and 1 were seen']);
  expect(withoutRoom({ mountUnknown: 0 })).toEqual(['calls found room where there was none']);
});

test('an event loop that is blocked twice for long, or once for longer, or was not measured, fails', () => {
  const problems = (longestMs: number, secondMs: number, slowness: number) => {
    const blocks = Object.fromEntries(CONTENTION_PARTS.map((part) => [part, { longestMs, secondMs, slowness }]));
    return checksOf({ blocks }).find(({ name }) => name.includes('event loop'))!.problems;
  };
  expect(problems(4_500, 1_500, 15)).toEqual([]);
  expect(problems(3_000, 1_600, 15)).toHaveLength(CONTENTION_PARTS.length - 3);
  expect(problems(3_000, 1_600, 15)[0]).toBe('sleepers: 200 and 107 ms, at most 100 ms');
  expect(problems(4_600, 0, 15)).toHaveLength(CONTENTION_PARTS.length - 1);
  const unmeasured = checksOf({}).find(({ name }) => name.includes('event loop'))!.problems;
  expect(unmeasured).toHaveLength(CONTENTION_PARTS.length - 1);
});

test('a crowd of which a deletion is not told, not counted, lost, or outside of the ledger fails', () => {
  const problems = (told: number, after = counted(3)) => {
    const crowd = { threads: 2, where: 'one', did: { pid: 7, count: 3 }, before: counted(0), after };
    return problemsOf('crowds', { crowds: [crowd] }, lines(told));
  };
  expect(problems(3)).toEqual([]);
  expect(problems(2)).toEqual(['2 threads in one: 2 lines (2 complete), 3 counted, 3 deletions']);
  expect(problems(3, counted(3, { [UNLINKED]: 2 }))).toHaveLength(1);
  expect(problems(3, counted(3, { [SKIPPED]: 1, rmwatch_events_seen_total: 4 }))).toHaveLength(1);
  expect(problems(3, counted(3, { rmwatch_events_seen_total: 4 }))).toEqual(['ledger gap 1']);
  expect(problemsOf('crowds', { crowds: [] })).toEqual(['there was no crowd']);
});

test('where the kernel leaves out tracepoints, a crowd is told or counted as lost', () => {
  const problems = (told: number, lost: number) => {
    const after = counted(told, { [SKIPPED]: lost, rmwatch_events_seen_total: told + lost });
    const crowd = { threads: 2, where: 'one', did: { pid: 7, count: 3 }, before: counted(0), after };
    const changes = { mode: 'tracepoint', leavesOutTracepoints: true } as const;
    return checksOf({ crowds: [crowd] }, lines(told), changes)[0]!.problems;
  };
  expect(problems(2, 1)).toEqual([]);
  expect(problems(2, 4)).toEqual([]);
  expect(problems(1, 1)).toHaveLength(2);
  expect(problems(4, 0)).toHaveLength(1);
});

test('a line that lacks its mount or its typed name fails', () => {
  const victims = { did: { pid: 7, count: 3 }, before: counted(0), after: counted(3) };
  const crowd = { threads: 2, where: 'one', did: victims.did, before: victims.before, after: victims.after };
  const incomplete = lines(3, 'success', { ...WHOLE, path_complete: false });
  expect(problemsOf('crowds', { crowds: [crowd] }, incomplete)).toHaveLength(1);
  const preempted = { ...victims, did: [victims.did], preemption: undefined };
  expect(problemsOf('preempted', { preempted }, incomplete)).toHaveLength(1);
  expect(problemsOf('preempted', { preempted }, lines(3, 'success', { path_complete: true }))).toEqual([
    'of 3 lines 3 are complete, 0 have the typed name',
  ]);
});

test('a deletion beside sleeping calls that is not told fails, and so does one that is lost', () => {
  const problems = (told: number, after = counted(3)) =>
    problemsOf('sleepers', { sleepers: { did: { pid: 7, count: 3 }, before: counted(0), after } }, lines(told));
  expect(problems(3)).toEqual([]);
  expect(problems(2)).toEqual(['2 of 3 told']);
  expect(problems(3, counted(3, { [SKIPPED]: 1, rmwatch_events_seen_total: 4 }))).toEqual(['1 lost']);
});

test('a failure that is neither told nor lost fails, and so does one that is lost where there is room', () => {
  const LOST = 'rmwatch_events_lost_total{reason="state_full"}';
  const problems = (asleep: number, told: number, lost: number) => {
    const [failed, deleted] = [
      { pid: 7, count: 3 },
      { pid: 8, count: 0 },
    ];
    const after = counted(told, { rmwatch_events_seen_total: told + lost, [LOST]: lost });
    const failures = [{ asleep, failed, deleted, before: counted(0), after }];
    return problemsOf('failures', { failures }, lines(told, 'failure'));
  };
  expect(problems(1, 3, 0)).toEqual([]);
  expect(problems(SLEEPERS_MANY, 1, 2)).toEqual([]);
  expect(problems(SLEEPERS_MANY, 1, 1)).toHaveLength(1);
  expect(problems(1, 2, 1)).toHaveLength(1);
});

test('failures that the configuration in force does not want, or of which it wants more, fail', () => {
  const problems = (watched: boolean, told: number, after = counted(told)) =>
    problemsOf(
      'reloads',
      { reloads: [{ watched, failed: { pid: 7, count: 3 }, before: counted(0), after }] },
      lines(told, 'failure'),
    );
  expect([problems(true, 3), problems(false, 0)]).toEqual([[], []]);
  expect(problems(true, 2)).toEqual(['configuration 1: 2 of 3 failures, all wanted']);
  expect(problems(false, 1)).toEqual(['configuration 1: 1 of 3 failures, none wanted']);
  expect(problems(true, 3, counted(3, { [SKIPPED]: 1, rmwatch_events_seen_total: 4 }))).toHaveLength(1);
  expect(problemsOf('reloads', { reloads: [] })).toEqual(['there was no reload']);
});

test.each([
  ['devices', 30],
  ['binds', 20],
  ['renames', 20],
] as const)('deletions beside %s that are late, or not told, fail', (part, most) => {
  const problems = (told: number, seconds: number) =>
    problemsOf(
      part,
      { [part]: { did: { pid: 7, count: 3 }, seconds, cpuSeconds: 1, before: counted(0), after: counted(3) } },
      lines(told),
    );
  expect(problems(3, most - 1)).toEqual([]);
  expect(problems(2, most - 1)).toEqual(['2 of 3 told']);
  expect(problems(3, most + 1)).toEqual([`${most + 1}.0 s, at most ${most} s`]);
});

test.each(['preempted', 'updates'] as const)(
  'a deletion under the attack "%s" that is neither told nor lost fails, and so does one told twice',
  (part) => {
    const problems = (told: number, lost: number) => {
      const after = counted(told, { rmwatch_events_seen_total: told + lost, [SKIPPED]: lost });
      const did = { pid: 7, count: 3 };
      const run = part === 'updates' ? { did } : { did: [did], preemption: undefined };
      return problemsOf(part, { [part]: { ...run, before: counted(0), after } }, lines(told));
    };
    expect(problems(3, 0)).toEqual([]);
    expect(problems(1, 2)).toEqual([]);
    expect(problems(1, 1)).toEqual(['1 told and 1 lost of 3']);
    expect(problems(4, 0)).toEqual(['4 told of 3']);
  },
);

test('a loss beside preempted tasks fails in kprobe mode, and so does an attack that left out nothing', () => {
  const problems = (changes: Changes, preemption: string | undefined, { missed = 0, lost = 0 } = {}) => {
    const samples = { [MISSED]: missed, [SKIPPED]: lost, rmwatch_events_seen_total: 3 };
    const preempted = {
      did: [
        { pid: 7, count: 3 - lost },
        { pid: 8, count: lost },
      ],
      before: counted(0),
      after: counted(3 - lost, samples),
      preemption,
    };
    return problemsOf('preempted', { preempted }, lines(3 - lost), changes);
  };
  expect(problems({ mode: 'kprobe' }, 'full')).toEqual([]);
  expect(problems({ mode: 'kprobe' }, 'full', { lost: 1 })).toEqual(['1 lost']);
  expect(problems({}, 'voluntary')).toEqual([]);
  for (const preemption of ['lazy', 'full']) expect(problems({}, preemption, { missed: 1, lost: 1 })).toEqual([]);
  expect(problems({}, 'lazy')).toEqual([]);
  expect(problems({}, 'full')).toEqual(['the attack made the kernel leave out nothing']);
  expect(problems({ preemption: 'full' }, 'voluntary')).toEqual([
    'the kernel preempts itself by voluntary, not by full',
  ]);
});

test('what was lost before a part is none of its own', () => {
  const before = counted(0, { [SKIPPED]: 5, rmwatch_events_seen_total: 5 });
  const after = counted(3, { [SKIPPED]: 5, rmwatch_events_seen_total: 8 });
  const victims = { did: { pid: 7, count: 3 }, before, after };
  expect(problemsOf('sleepers', { sleepers: victims }, lines(3))).toEqual([]);
  const preempted = { ...victims, did: [victims.did], preemption: undefined };
  expect(problemsOf('preempted', { preempted }, lines(2))).toHaveLength(1);
});

test('a daemon that does not end in order fails', () => {
  const problems = (exit: number | string) => checksOf({ exit }, []).at(-1)!.problems;
  expect([problems(0), problems('SIGSEGV')]).toEqual([[], ['it ended with SIGSEGV']]);
});

test('the checks of a session are those that it must come to', () => {
  expect(checksOf({}, []).map(({ name }) => name)).toEqual(contentionChecks('fentry'));
});

test('a line of a part that is not of the schema fails', () => {
  const sleepers = { did: { pid: 7, count: 1 }, before: counted(0), after: counted(1) };
  expect(schemaProblems({ sleepers }, lines(1))[0]).toBe('1 of 1 event lines are not of the schema');
});
