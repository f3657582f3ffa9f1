import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Check, missingChecks } from '../../guest/scenarios/checks.js';
import { DELETIONS_CHECKS, judgeDeletions } from '../../guest/scenarios/judge-deletions.js';
import { HIDING_CHECKS, judgeHiding } from '../../guest/scenarios/judge-hiding.js';
import { judgeMounts } from '../../guest/scenarios/judge-mounts.js';
import { judgeWorkload, WORKLOAD_CHECKS } from '../../guest/scenarios/judge-workload.js';
import type { Mode } from '../../guest/scenarios/mode.js';
import type { DeletionsRecording, HidingRecording, WorkloadRecording } from '../../guest/scenarios/plan.js';
import {
  namesOn,
  RECORDS,
  RENAMES,
  RENAMES_WITHIN,
  type Rename,
  type ToldRename,
  toldOf,
  workOn,
} from '../../guest/scenarios/plan.js';
import type { Event } from '../../guest/scenarios/record-files.js';
import { scrape as metrics, recordOf as sessionRecordOf } from './session-files.js';

/** Judges are given records that are wrong in one way each: every promise must be able to fail. */
let directory: string;

beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'rmwatch-judges-'));
});

afterEach(() => fs.rmSync(directory, { recursive: true, force: true }));

function recordOf<Recording>(recording: Recording, events: readonly Event[] = [], diagnostics = '') {
  return sessionRecordOf<Recording>(directory, { recording, events, diagnostics });
}

const UNLINKED = 'rmwatch_deletions_total{watch="work",operation="unlink"}';

function deletion(file: string, pid: number, sequence: number, mode: Mode): Event {
  return {
    event: { kind: 'event', action: 'unlink', outcome: 'success', sequence },
    file: { path: `${workOn('tmpfs')}/${file}`, name: file },
    process: { pid, name: 'deleter', thread: { id: pid } },
    rule: { name: ['work'] },
    rmwatch: { attach: mode, requested_path: file },
  };
}

describe('deletions', () => {
  const session = { kind: 'deletions', name: 'session', mode: 'kprobe', burst: 3, filesystem: 'tmpfs' } as const;
  const events = ['f0', 'f1', 'f2'].map((file, index) => deletion(file, 7, index + 1, 'kprobe'));
  const after = metrics({ [UNLINKED]: 3, rmwatch_events_seen_total: 3, rmwatch_events_delivered_total: 3 });
  const burst = { pid: 7, before: metrics(), after, lines: { from: 0, to: 3 } };

  function problemsOf(check: number, recording: Partial<DeletionsRecording>, told = events, diagnostics = '') {
    const record = recordOf<DeletionsRecording>({ release: '6.12.1', ...recording }, told, diagnostics);
    return judgeDeletions(session, record).find(({ name }) => name === DELETIONS_CHECKS[check])!.problems;
  }

  test('a part that was not recorded fails with its reason', () => {
    for (const check of [0, 1, 2, 3, 4, 5, 6]) expect(problemsOf(check, { error: 'it broke' })).toEqual(['it broke']);
    expect(problemsOf(7, {}, [])).toEqual(['there was no event line to hold against the schema']);
  });

  test('a program that the verifier simulates for long fails, and so does a slow build', () => {
    const program = { name: 'p', instructions: 10, verifiedInstructions: 20 };
    expect(problemsOf(0, { verifier: { programs: [program], variant: 'direct' } })).toEqual([]);
    const long = { ...program, verifiedInstructions: 500_001 };
    expect(problemsOf(0, { verifier: { programs: [long], variant: 'direct' } })).toHaveLength(1);
    expect(problemsOf(0, { verifier: { programs: [program], variant: 'loop' } })).toHaveLength(1);
    expect(problemsOf(0, { verifier: { programs: [], variant: 'direct' } })).toEqual(['no program was loaded']);
  });

  test('a single deletion that is told with another path fails, and so does one without event', () => {
    const did = ['f0', 'f1', 'f2'].map((file) => ({ path: `${workOn('tmpfs')}/${file}`, requested: file, pid: 7 }));
    const lines = { from: 0, to: 3 };
    expect(problemsOf(1, { basic: { did, lines } })).toEqual([]);
    const moved = [{ ...did[0]!, path: '/elsewhere' }, ...did.slice(1)];
    expect(problemsOf(1, { basic: { did: moved, lines } })).toHaveLength(1);
    expect(problemsOf(1, { basic: { did, lines: { from: 0, to: 2 } } })).toHaveLength(2);
  });

  test('a burst with a gap, a wrong counter, a loss, or a ledger that does not close fails', () => {
    expect(problemsOf(2, { burst })).toEqual([]);
    expect(problemsOf(2, { burst }, events.slice(1))).not.toEqual([]);
    const gap = events.map((event, index) => (index === 2 ? deletion('f2', 7, 4, 'kprobe') : event));
    expect(problemsOf(2, { burst }, gap)).toEqual(['event.sequence has gaps']);
    const counted = { ...burst, before: metrics({ [UNLINKED]: 1 }) };
    expect(problemsOf(2, { burst: counted })).toEqual(['counter 2, 3 lines']);
    const lost = { ...burst, after: `${after}rmwatch_events_lost_total{reason="decode"} 1\n` };
    expect(problemsOf(2, { burst: lost })).toEqual(['lost 1', 'ledger gap -1']);
  });

  test('a sleeping call that is not told, is told twice, or without outcome fails', () => {
    const did = ['f0', 'f1', 'f2'].map((file, index) => ({ path: `${workOn('tmpfs')}/${file}`, pid: 7 + index }));
    const told = did.map(({ pid }, index) => deletion(`f${index}`, pid, index + 1, 'kprobe'));
    const asleep = { did, before: metrics(), after: metrics(), lines: { from: 0, to: 3 } };
    expect(problemsOf(3, { asleep }, told)).toEqual([]);
    const short = { ...asleep, lines: { from: 0, to: 2 } };
    expect(problemsOf(3, { asleep: short }, told)).toEqual(['1 not told, 0 without outcome']);
    expect(problemsOf(3, { asleep: { ...asleep, lines: { from: 0, to: 4 } } }, [...told, told[1]])).toHaveLength(1);
    told[0].event.outcome = undefined;
    expect(problemsOf(3, { asleep }, told)).toEqual(['0 not told, 1 without outcome']);
  });

  describe('of renames', () => {
    const filesOf = ({ from, to }: Rename, index: number) =>
      Object.fromEntries([from, to].map((name, which) => [name, { inode: 100 + which, size: 2 * index + which }]));
    const expected = (renames: readonly Rename[]) =>
      renames.flatMap((rename, index) => toldOf(rename, filesOf(rename, index), 'kprobe', namesOn('tmpfs')));
    const eventOf = ({ action, path, movedTo, requested, inode, size }: ToldRename) => ({
      event: { kind: 'event', action },
      file: { path, inode: String(inode), size },
      rmwatch: { requested_path: requested, ...(movedTo !== undefined && { moved_to: movedTo }) },
    });
    const problems = (
      told: readonly ToldRename[],
      within: readonly ToldRename[] = expected(RENAMES_WITHIN),
      late = 0,
    ) => {
      const to = told.length;
      const lines = [
        { from: 0, to },
        { from: to, to: to + within.length },
      ];
      const dropped = { rmwatch_events_seen_total: late, 'rmwatch_events_filtered_total{stage="daemon"}': late };
      const renames = [RENAMES, RENAMES_WITHIN].map((list, part) => ({
        before: metrics(),
        after: metrics(part === 0 ? {} : dropped),
        lines: lines[part]!,
        files: list.map(filesOf),
      }));
      return [4, 5].map((check) => problemsOf(check, { renames }, [...told, ...within].map(eventOf)).length);
    };

    test('one whose names are not told, or told though nobody wants them, fails', () => {
      const told = expected(RENAMES);
      expect(problems(told)).toEqual([0, 0]);
      expect(problems(told.slice(1))).toEqual([1, 0]);
      expect(problems([...told, { ...told[0]!, path: `${namesOn('tmpfs')}/other` }])).toEqual([1, 0]);
      expect(problems([...told, told[0]!])).toEqual([1, 0]);
      expect(problems([...told].reverse())).toEqual([1, 0]);
    });

    test.each(['path', 'movedTo', 'requested', 'inode', 'size'] as const)('one with a wrong %s fails', (member) => {
      const [first, ...others] = expected(RENAMES);
      expect(problems([{ ...first!, [member]: 1 }, ...others])).toEqual([1, 0]);
    });

    test('one within a watch that is told as a move, or is not dropped in the kernel, fails', () => {
      const [all, within] = [expected(RENAMES), expected(RENAMES_WITHIN)];
      expect(problems(all, [...within, all[0]!])).toEqual([0, 1]);
      expect(problems(all, within, 1)).toEqual([0, 1]);
    });
  });

  test('an end under load that delivers less than it says fails', () => {
    const stopped = (delivered: number, lost = 0) =>
      `${JSON.stringify({ message: 'stopped', rmwatch: { delivered, lost: { ring_full: lost }, missed: 0 } })}\n`;
    expect(problemsOf(6, { stop: { exit: 0 } }, events, stopped(3))).toEqual([]);
    expect(problemsOf(6, { stop: { exit: 0 } }, events, stopped(4))).toEqual(['4 delivered, 3 lines']);
    expect(problemsOf(6, { stop: { exit: 0 } }, events, stopped(3, 1))).toEqual(['lost 1']);
    expect(problemsOf(6, { stop: { exit: 'SIGKILL' } }, events, stopped(3))).toEqual(['exit SIGKILL']);
  });

  test('a line that is not of the schema fails', () => {
    expect(problemsOf(7, {})[0]).toBe('3 of 3 event lines are not of the schema');
  });
});

describe('hiding', () => {
  const session = { kind: 'hiding', name: 'session', mode: 'kprobe', casefold: false, isContained: false } as const;
  const did = [{ way: 'a bind mount', name: 'file-0', complete: true, path: '/a/file-0', hostPath: '/b/file-0' }];
  const event = (changes: object = {}) => ({
    file: { name: 'file-0', path: '/a/file-0' },
    rmwatch: { path_complete: true, host_path: '/b/file-0', ...changes },
  });

  function problemsOf(recording: HidingRecording, events: readonly Event[]) {
    const checks = judgeHiding(session, recordOf<HidingRecording>(recording, events));
    return checks.find(({ name }) => name === HIDING_CHECKS[0])!.problems;
  }

  test('a way to hide that is not told, or told wrong, fails', () => {
    const mountSource = '/proc/1/mountinfo';
    const recording = { did, mountSource, metrics: metrics() };
    expect(problemsOf(recording, [event()])).toEqual([]);
    expect(problemsOf({ ...recording, mountSource: undefined }, [event()])).toEqual([
      'the mounts of the host are read from undefined',
    ]);
    const contained = judgeHiding({ ...session, isContained: true }, recordOf<HidingRecording>(recording, [event()]));
    expect(contained.flatMap(({ problems }) => problems)).toContain(
      'the mounts of the host are read from /proc/1/mountinfo',
    );
    expect(problemsOf(recording, [])).toEqual(['a bind mount: 0 events']);
    expect(problemsOf(recording, [event({ host_path: '/c' })])).toEqual(['a bind mount: host_path: /c']);
    expect(problemsOf(recording, [event({ path_complete: false })])).toEqual(['a bind mount: path_complete: false']);
    expect(problemsOf(recording, [event(), { file: { name: 'beside' } }])).toEqual(['a file beside was told, too']);
    expect(problemsOf({ ...recording, did: [] }, [])).toEqual(['nothing tried to hide']);
    expect(problemsOf({ did, mountSource, error: 'it broke' }, [event()])).toEqual(['it broke']);
  });
});

describe("the kernel's list of mounts", () => {
  const compared = { mounts: 1, listed: 1, missing: [], unexpected: [] };

  test.each([
    [undefined, ['it broke']],
    [compared, []],
    [{ ...compared, listed: 2 }, ['2 are listed, 1 mounted']],
    [{ ...compared, missing: ['a'], unexpected: ['b'] }, ['missing: a', 'unexpected: b']],
    [{ ...compared, mounts: 0, listed: 0 }, ['nothing is mounted']],
  ])('fails where it is not the same: %j', (mounts, problems) => {
    expect(judgeMounts(mounts, 'it broke').problems).toEqual(problems);
  });
});

describe('the workload', () => {
  const session = {
    kind: 'workload',
    name: 'session',
    mode: 'kprobe',
    filesystems: ['tmpfs'],
    only: [],
    skip: [],
  } as const;
  const hooks = (before: string, during: string, after: string) => ({ before, during, after });

  function problemsOf(check: string, recording: WorkloadRecording) {
    const checks = judgeWorkload(session, recordOf<WorkloadRecording>(recording));
    return checks.find(({ name }) => name === check)!.problems;
  }

  test('hooks that stay after SIGKILL fail, and so do hooks that were never seen', () => {
    const problems = (given: WorkloadRecording['hooks']) =>
      problemsOf(WORKLOAD_CHECKS[0], { runs: [], ...(given === undefined ? {} : { hooks: given }) });
    expect(problems(hooks('', 'do_unlinkat', ''))).toEqual([]);
    expect(problems(hooks('', 'do_unlinkat', 'do_unlinkat'))).toEqual(['still attached: do_unlinkat']);
    expect(problems(hooks('', '', ''))).toEqual(['the hooks were not listed while attached']);
    expect(problems(undefined)).toEqual(['the guest recorded nothing of it']);
  });

  test('a file system that was not run fails, and so does a workload that failed', () => {
    const name = 'every case is told right on tmpfs';
    expect(problemsOf(name, { runs: [], error: 'it broke' })).toEqual(['it broke']);
    const session_ = path.join(directory, RECORDS, 'session');
    fs.mkdirSync(session_, { recursive: true });
    fs.writeFileSync(path.join(session_, 'account'), '');
    const end = { status: 1, stderr: 'no', waits: 0, waitedSeconds: 0 };
    const run = { filesystem: 'tmpfs', ...end, account: 'account', lines: { from: 0, to: 0 } };
    const problems = problemsOf(name, { runs: [{ ...run, before: metrics(), after: metrics() }] });
    expect(problems).toEqual(['no attempt was made', 'the workload: 1 no']);
    // What was lost before the workload ran is not its loss.
    const skipped = (count: number) =>
      metrics({ rmwatch_events_seen_total: count, 'rmwatch_events_lost_total{reason="probe_skipped"}': count });
    const loss = (before: number, after: number) =>
      problemsOf(name, { runs: [{ ...run, before: skipped(before), after: skipped(after) }] }).filter((one) =>
        /lost/.test(one),
      );
    expect(loss(4, 4)).toEqual([]);
    expect(loss(4, 5)).toEqual(['lost 1']);
  });

  test('a kernel server whose deletions are not counted fails, and so does a layer whose deletions are', () => {
    const session_ = path.join(directory, RECORDS, 'session');
    fs.mkdirSync(session_, { recursive: true });
    fs.writeFileSync(path.join(session_, 'account'), '');
    const end = { status: 0, stderr: '', waits: 0, waitedSeconds: 0 };
    const problems = (filesystem: string, count: number, mode: Mode = 'kprobe') => {
      const after = metrics({ rmwatch_unattributed_deletions_total: count });
      const run = { filesystem, ...end, account: 'account', lines: { from: 0, to: 0 }, before: metrics(), after };
      const record = recordOf<WorkloadRecording>({ runs: [run] });
      const [{ problems: found }] = judgeWorkload({ ...session, mode, filesystems: [filesystem] }, record) as [Check];
      return found.filter((one) => one !== 'no attempt was made');
    };
    expect([problems('nfs', 1), problems('overlayfs', 0), problems('tmpfs', 1)]).toEqual([[], [], []]);
    expect(problems('cifs', 0)).toEqual(['no deletion by the server was counted']);
    expect(problems('nfs', 0, 'tracepoint')).toEqual([]);
    expect(problems('overlayfs', 2)).toEqual(['2 deletions by the layer below']);
  });
});

test('a check that was never made counts as failed', () => {
  expect(missingChecks(['one', 'two'], [{ name: 'one', problems: [] }])).toEqual([
    { name: 'two', problems: ['the guest recorded nothing of it'] },
  ]);
});
