import { beforeEach, describe, expect, it } from 'vitest';
import type { BurstDeletion, BurstDetector } from '../../../src/burst/burst-detector.js';
import type { TableLimits } from '../../../src/burst/tracker-table.js';
import type { ProcessInfo, ProcessOrigin } from '../../../src/deletion/process-table.js';
import { PathResolver } from '../../../src/deletion/resolved-path.js';
import { EventEncoder } from '../../../src/event/event-encoder.js';
import { countersFor, type WatchCounter } from '../../../src/metrics/watch-counters.js';
import type { WatchConfig } from '../../../src/model/config.js';
import {
  DELETION_ALLOCATION_KNOWN,
  DELETION_HAS_VICTIM,
  DELETION_OPEN_KNOWN,
  DELETION_PATH_COMPLETE,
} from '../../../src/probe/record-layout.generated.js';
import { WatchFilter } from '../../../src/watch/watch-filter.js';
import { validateEventLine } from '../../lib/event-schema.js';
import { newBursts } from '../../lib/new-bursts.js';
import { deletionRecord, viewOf } from '../../lib/records.js';
import { watchOf } from '../../lib/watch-of.js';

const BOOT = { bootSeconds: 1_795_350_000, bootNanoseconds: 0 };
const SETTINGS = { threshold: 20, windowSeconds: 10 };
const MAIL: ProcessOrigin = { kind: 'cgroup', id: '/system.slice/mail.service' };

const newWatch = (changes: Partial<WatchConfig> = {}) => watchOf({ include: ['/**'], ...changes });

// biome-ignore lint/suspicious/noExplicitAny: what the daemon writes is what is tested
let lines: any[];
let hasRoom: boolean;
let problems: string[];
let bursts: BurstDetector;
let filter: WatchFilter;
let counters: readonly WatchCounter[];

function start({ watches = [newWatch()], limits }: { watches?: WatchConfig[]; limits?: TableLimits } = {}): void {
  lines = [];
  problems = [];
  hasRoom = true;
  counters = countersFor(watches);
  filter = WatchFilter.of(watches, counters, () => undefined);
  const encoder = new EventEncoder({
    hostName: 'h',
    bootId: undefined,
    attach: 'kprobe',
    userName: () => 'root',
    errorName: String,
  });
  const notice = (line: string) => {
    if (!hasRoom) return false;
    expect(validateEventLine(JSON.parse(line))).toEqual([]);
    lines.push(JSON.parse(line));
    return true;
  };
  bursts = newBursts(encoder, notice, { onProblem: (message) => problems.push(message), ...(limits && { limits }) });
  bursts.use(SETTINGS, 0, BOOT);
}

beforeEach(() => start());

interface Deletion {
  readonly seconds: number;
  readonly pid?: number;
  readonly origin?: ProcessOrigin | undefined;
  readonly path?: string;
  readonly watches?: readonly number[];
  readonly freedBytes?: number;
}

const paths = new PathResolver();

/** Returns whether its line was left out. */
function one({
  seconds,
  pid = 7,
  origin = MAIL,
  path = '/srv/a.log',
  watches = [0],
  freedBytes = 0,
}: Deletion): boolean {
  const whole = Math.floor(seconds);
  const members = { time_seconds: whole, time_nanoseconds: Math.round((seconds - whole) * 1e9), tgid: pid, tid: pid };
  const flags = DELETION_HAS_VICTIM | DELETION_OPEN_KNOWN | DELETION_ALLOCATION_KNOWN | DELETION_PATH_COMPLETE;
  const file = { flags, mode: 0o100644, link_count: 1, allocated_bytes: freedBytes };
  const record = viewOf(deletionRecord({ ...members, ...file }, { path, comm: 'rm' }));
  const process = { executableName: 'rm', processJson: '', containerJson: '', rmwatchJson: '', origin } as ProcessInfo;
  const logging = watches.filter((index) => filter.watches.watches[index]!.log);
  const folds = logging.length > 0 && logging.every((index) => filter.watches.watches[index]!.fold);
  const folding = folds ? logging : undefined;
  const deletion: BurstDeletion = { filter, watches, folding, path: paths.resolve(record, undefined), process };
  const folded = bursts.folds(record, deletion);
  bursts.count(record, deletion, folded, BOOT);
  bursts.write();
  return folded;
}

/** Returns how many of the lines were left out. */
function many(count: number, deletion: Deletion): number {
  let folded = 0;
  for (let i = 0; i < count; i++) folded += one(deletion) ? 1 : 0;
  return folded;
}

function look(seconds: number): void {
  bursts.look(seconds, BOOT);
  bursts.write();
}

const actions = () => lines.map(({ event }) => event.action.replace('mass-deletion-', ''));
const counted = (index = 0) => [counters[index]!.totals.bursts, counters[index]!.totals.activeBursts];

describe('a burst', () => {
  it('begins with the deletion that reaches the threshold, and not before', () => {
    many(19, { seconds: 100 });
    expect([lines, counted()]).toEqual([[], [0, 0]]);
    one({ seconds: 109.9 });
    expect(actions()).toEqual(['started']);
    expect(counted()).toEqual([1, 1]);
    expect(lines[0]).toMatchObject({
      event: { kind: 'alert', dataset: 'rmwatch.burst' },
      log: { level: 'warn' },
      rule: { name: ['w'] },
      process: { pid: 7, name: 'rm' },
      rmwatch: { burst: { number: 1, by: 'process', deletions: 20, operations: { unlink: 20 }, folded: 0 } },
    });
  });

  it('does not begin when the same deletions take longer than the window', () => {
    for (let i = 0; i < 200; i++) one({ seconds: 100 + i * 0.6 });
    expect(lines).toEqual([]);
  });

  it('begins by the times of the deletions, however late and in what order they are read', () => {
    for (let i = 0; i < 100; i++) many(10, { seconds: 100 + i * 60 });
    expect(lines).toEqual([]);
    // Each CPU has its own order; a time before the newest counts as that.
    many(19, { seconds: 9_000 });
    one({ seconds: 8_999 });
    expect(actions()).toEqual(['started']);
    const [{ event }] = lines;
    expect(event.start <= event.end).toBe(true);
  });

  it('is told every ten seconds, and ends when it ebbs away', () => {
    many(20, { seconds: 100 });
    for (let seconds = 101; seconds <= 125; seconds++) {
      one({ seconds });
      look(seconds);
    }
    expect(actions()).toEqual(['started', 'continues', 'continues']);
    // Two of the last eleven seconds are a tenth of the threshold.
    look(134);
    expect(actions()).toEqual(['started', 'continues', 'continues', 'continues']);
    look(135);
    expect(actions().slice(4)).toEqual(['ended']);
    expect(counted()).toEqual([1, 0]);
    expect(lines.at(-1)).toMatchObject({ log: { level: 'info' }, rmwatch: { burst: { number: 1, deletions: 45 } } });
    expect(Date.parse(lines.at(-1).event.end)).toBe((BOOT.bootSeconds + 125) * 1000);
  });

  it('that is over before the next deletion is read ends first', () => {
    many(20, { seconds: 100 });
    many(20, { seconds: 200 });
    expect(actions()).toEqual(['started', 'ended', 'started']);
    expect(lines.map(({ rmwatch }) => rmwatch.burst.number)).toEqual([1, 1, 2]);
    expect(counted()).toEqual([2, 1]);
  });

  it('goes on when the clock of a look is behind its deletions', () => {
    many(20, { seconds: 100 });
    look(50);
    look(100);
    expect(actions()).toEqual(['started']);
  });

  it('tells operations, bytes, directories, extensions and samples', () => {
    for (let i = 0; i < 40; i++) {
      one({
        seconds: 100,
        path: `/srv/data/${i % 4 === 0 ? 'x' : 'y'}/f${i}${i % 2 === 0 ? '.db' : ''}`,
        freedBytes: 10,
      });
    }
    bursts.endAll(101, BOOT);
    bursts.write();
    const { burst } = lines.at(-1).rmwatch;
    expect(burst).toMatchObject({
      deletions: 40,
      operations: { unlink: 40 },
      freed_bytes: 400,
      directory: '/srv/data',
    });
    expect(burst.directories.map(({ path }: { path: string }) => path)).toEqual(['/srv/data/y', '/srv/data/x']);
    expect(burst.extensions.map(({ extension }: { extension: string }) => extension).sort()).toEqual(['', '.db']);
    expect(burst.programs).toEqual([{ name: 'rm', count: 31 }]);
    expect(burst.samples.length).toBeGreaterThan(1);
    expect(lines.at(-1).message).toContain('40 deletions in 0.0 s by rm[7] (root) below /srv/data');
  });

  it('has a line of bounded length, whatever names it is made of', () => {
    for (let i = 0; i < 600; i++)
      one({ seconds: 100, path: `/${`${'\x01'.repeat(200)}${i}/`.repeat(18)}${i}.${'\x02'.repeat(12)}` });
    bursts.endAll(101, BOOT);
    bursts.write();
    for (const line of lines) expect(Buffer.byteLength(JSON.stringify(line))).toBeLessThan(48_000);
    expect(lines.at(-1).rmwatch.burst.at_least).toBe(true);
  });

  it('of a watch without lines is counted only', () => {
    start({ watches: [newWatch({ log: false })] });
    many(30, { seconds: 100 });
    look(200);
    expect([lines, counted()]).toEqual([[], [1, 0]]);
  });

  it('ends with other settings, and none begins without any', () => {
    many(20, { seconds: 100 });
    bursts.use({ ...SETTINGS }, 101, BOOT);
    bursts.write();
    expect(actions()).toEqual(['started']);
    bursts.use(null, 101, BOOT);
    bursts.write();
    expect(actions()).toEqual(['started', 'ended']);
    many(100, { seconds: 101 });
    expect(counted()).toEqual([1, 0]);
  });

  it('waits for a log without room, and is then told in order', () => {
    hasRoom = false;
    many(20, { seconds: 100 });
    look(200);
    hasRoom = true;
    look(201);
    expect(actions()).toEqual(['started', 'ended']);
  });

  it('keeps a bounded number of lines for a log without room, and says so', () => {
    hasRoom = false;
    for (let i = 0; i < 2_000; i++) many(20, { seconds: 100 + 100 * i });
    hasRoom = true;
    bursts.write();
    expect(lines).toHaveLength(2_048);
    expect(problems).toEqual(['the log takes no lines: not all mass deletions are told there']);
  });
});

describe('many short processes', () => {
  it('of one cgroup are one burst', () => {
    for (let i = 0; i < 40; i++) one({ seconds: 100, pid: 1000 + i });
    expect(actions()).toEqual(['started']);
    expect(lines[0].rmwatch.burst).toMatchObject({ by: 'cgroup', origin: '/system.slice/mail.service', deletions: 20 });
  });

  it('of one container, or one parent, are one burst', () => {
    for (let i = 0; i < 20; i++) one({ seconds: 100, pid: 1000 + i, origin: { kind: 'container', id: 'c0ffee' } });
    for (let i = 0; i < 20; i++) one({ seconds: 100, pid: 2000 + i, origin: { kind: 'parent', id: 'find[99]' } });
    expect(lines.map(({ rmwatch }) => rmwatch.burst.by)).toEqual(['container', 'parent']);
    expect(lines[1].message).toContain('by children of find[99] (root)');
  });

  it('of several cgroups are none', () => {
    for (let i = 0; i < 40; i++) one({ seconds: 100, pid: 1000 + i, origin: { kind: 'cgroup', id: `/${i % 4}` } });
    expect(lines).toEqual([]);
  });

  it('are not joined by a process that bursts by itself', () => {
    many(20, { seconds: 100 });
    for (let i = 0; i < 19; i++) one({ seconds: 100, pid: 1000 + i });
    many(50, { seconds: 100 });
    expect(lines.map(({ rmwatch }) => rmwatch.burst.by)).toEqual(['process']);
    one({ seconds: 100, pid: 2000 });
    expect(lines.map(({ rmwatch }) => rmwatch.burst.by)).toEqual(['process', 'cgroup']);
    expect(lines[1].rmwatch.burst.deletions).toBe(20);
  });
});

describe('bounded state', () => {
  const limits = { processesMax: 10, groupsMax: 2 };
  const cgroup = (id: number): ProcessOrigin => ({ kind: 'cgroup', id: `/${id}` });

  it('beyond its processes counts the others by their groups', () => {
    start({ limits });
    for (let i = 0; i < 19; i++) one({ seconds: 100, pid: 1000 + i });
    expect(bursts.untracked).toBe(0);
    one({ seconds: 100, pid: 5000 });
    expect(lines.map(({ rmwatch }) => rmwatch.burst.by)).toEqual(['cgroup']);
  });

  it('beyond its groups counts all others together, and how many they are', () => {
    start({ limits });
    for (let i = 0; i < 30; i++) one({ seconds: 100, pid: 1000 + i, origin: cgroup(i) });
    expect(lines.map(({ rmwatch }) => rmwatch.burst)).toMatchObject([{ by: 'several', deletions: 20 }]);
    // Ten were followed by their processes; those of the burst are told by it.
    expect(bursts.untracked).toBe(12);
  });

  it('gives the room of what is idle to others', () => {
    start({ limits });
    for (let i = 0; i < 30; i++) one({ seconds: 100, pid: 1000 + i, origin: cgroup(i) });
    const { untracked } = bursts;
    for (let i = 0; i < 8; i++) many(2, { seconds: 150, pid: 3000 + i, origin: cgroup(i % 2) });
    expect(bursts.untracked).toBe(untracked);
    many(18, { seconds: 150, pid: 3000 });
    expect(lines.at(-1).rmwatch.burst.by).toBe('process');
  });
});

describe('folding', () => {
  const folding = newWatch({ name: 'folding', fold: true });
  const plain = newWatch({ name: 'plain' });
  const counting = newWatch({ name: 'counting', log: false });

  it('leaves out the lines of the burst, from its beginning to its end', () => {
    start({ watches: [folding] });
    expect(many(20, { seconds: 100 })).toBe(0);
    expect(many(30, { seconds: 101 })).toBe(30);
    look(120);
    expect(lines.at(-1).rmwatch.burst).toMatchObject({ deletions: 50, folded: 30 });
    expect(lines.at(-1).message).toContain(', 30 of them folded');
    expect(many(19, { seconds: 121 })).toBe(0);
  });

  it('leaves out no line of another process, nor of another cgroup', () => {
    start({ watches: [folding] });
    many(50, { seconds: 100 });
    expect(one({ seconds: 100, pid: 8 })).toBe(false);
    expect(one({ seconds: 100, pid: 9, origin: { kind: 'cgroup', id: '/other' } })).toBe(false);
    expect(one({ seconds: 100 })).toBe(true);
  });

  it('leaves out lines of the cgroup that bursts', () => {
    start({ watches: [folding] });
    for (let i = 0; i < 20; i++) one({ seconds: 100, pid: 1000 + i });
    expect(one({ seconds: 100, pid: 3000 })).toBe(true);
    expect(one({ seconds: 100, pid: 3001, origin: { kind: 'cgroup', id: '/other' } })).toBe(false);
  });

  it('leaves out no line that another watch wants', () => {
    start({ watches: [folding, plain] });
    expect(many(100, { seconds: 100, watches: [0, 1] })).toBe(0);
    expect(many(10, { seconds: 100, watches: [0] })).toBe(10);
  });

  it('leaves out a line of two watches only when the burst is one in both', () => {
    start({ watches: [folding, { ...folding, name: 'second' }] });
    many(20, { seconds: 100, watches: [0] });
    expect(many(20, { seconds: 100, watches: [0, 1] })).toBe(0);
    expect(one({ seconds: 100, watches: [0, 1] })).toBe(true);
  });

  it('does not ask a watch that wants no lines', () => {
    start({ watches: [folding, counting] });
    expect(many(100, { seconds: 100, watches: [0, 1] })).toBe(80);
  });

  it('leaves out nothing of processes that have nothing in common', () => {
    start({ watches: [folding], limits: { processesMax: 0, groupsMax: 0 } });
    expect(many(100, { seconds: 100 })).toBe(0);
    expect(actions()).toEqual(['started']);
  });
});
