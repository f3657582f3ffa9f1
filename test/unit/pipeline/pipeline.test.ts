import { describe, expect, it, vi } from 'vitest';
import type { OwnDeletion } from '../../../src/deletion/own-deletion.js';
import { ProcessTable } from '../../../src/deletion/process-table.js';
import { EventEncoder } from '../../../src/event/event-encoder.js';
import { LineBuffer } from '../../../src/event/line-buffer.js';
import { type KnownMounts, MountTable } from '../../../src/host/mount-table.js';
import { DelayHistogram } from '../../../src/metrics/delay-histogram.js';
import { countersFor, countsOf, type WatchCounter } from '../../../src/metrics/watch-counters.js';
import { OPERATIONS, type WatchConfig } from '../../../src/model/config.js';
import { Pipeline } from '../../../src/pipeline/pipeline.js';
import {
  DELETION_ALLOCATION_KNOWN,
  DELETION_BASE_SHARED,
  DELETION_FS_ROOT,
  DELETION_HAS_VICTIM,
  DELETION_HOST_NAMESPACE,
  DELETION_MOVED_BESIDE,
  DELETION_MOVED_COMPLETE,
  DELETION_MOVED_CUT,
  DELETION_OPEN_KNOWN,
  DELETION_PATH_COMPLETE,
  DELETION_PATH_CUT,
  DELETION_PATH_IS_BASE,
  DELETION_RESULT_KNOWN,
  DELETION_SELF,
  DELETION_STILL_OPEN,
  PROCESS_HAS_ARGS,
  PROCESS_TEXT_CGROUP,
  PROCESS_TEXT_COMPLETE,
  PROCESS_TEXT_EXECUTABLE,
} from '../../../src/probe/record-layout.generated.js';
import { RecordView } from '../../../src/probe/record-view.js';
import { WatchFilter } from '../../../src/watch/watch-filter.js';
import { validateEventLine } from '../../lib/event-schema.js';
import { newBursts } from '../../lib/new-bursts.js';
import { deletionRecord, processRecord, processTextRecord, ringOf, WHOLE_ARGS } from '../../lib/records.js';
import { systemErrorName } from '../../lib/system-error-name.js';

const COMPLETE = PROCESS_TEXT_COMPLETE;
const ENOENT = 2;
const EFAULT = 14;
const UPTIME = 900;
/** A device at which the stand-in of the mount table throws. */
const UNREADABLE = 99;
/** A user at whose name the encoder of lines throws. */
const UNNAMEABLE = 98;
const HALF_WRITTEN = 78;
/** What the kernel says of most files on the host. */
const FOUND =
  DELETION_HAS_VICTIM |
  DELETION_ALLOCATION_KNOWN |
  DELETION_PATH_COMPLETE |
  DELETION_RESULT_KNOWN |
  DELETION_OPEN_KNOWN |
  DELETION_HOST_NAMESPACE;
const FILE = {
  flags: FOUND,
  mode: 0o100644,
  link_count: 1,
  allocated_bytes: 4096,
  time_seconds: UPTIME,
  generation: 1,
  tgid: 4242,
  tid: 4242,
  mount_namespace: 4_026_531_841,
};

function watch(name: string, changes: Partial<WatchConfig> = {}): WatchConfig {
  const ignore = { processes: [], ownedByRoot: false, users: [], effectiveUsers: [] };
  return {
    name,
    include: ['/**'],
    exclude: [],
    view: 'host',
    operations: OPERATIONS,
    caseInsensitive: false,
    fold: false,
    failures: false,
    ignore,
    log: true,
    ...changes,
  };
}

/** Fails for some records after it has written a part of their line. */
class FailingEncoder extends EventEncoder {
  override write(...[out, record, context]: Parameters<EventEncoder['write']>): void {
    super.write(out, record, context);
    if (record.uid === HALF_WRITTEN) throw new Error('the line cannot be finished');
  }
}

class Bench {
  // biome-ignore lint/suspicious/noExplicitAny: tests look at all of it
  readonly lines: any[] = [];
  readonly own: OwnDeletion[] = [];
  readonly askedDevices: number[] = [];
  readonly defects: string[] = [];
  /** Whether the log has room for a line that is no event. */
  noticeRoom = true;
  /** How often the mounts of the moment were asked for. */
  askedNow = 0;
  /** Whether the ring is empty when the pipeline asks. */
  drained = true;
  readonly delay = new DelayHistogram();
  counters: readonly WatchCounter[] = [];
  /** What the host's newest mounts are when the pipeline asks. */
  newestMounts: KnownMounts | undefined;
  readonly pipeline: Pipeline;

  constructor() {
    const userName = (uid: number) => {
      if (uid === UNNAMEABLE) throw new Error('the user cannot be named');
      return undefined;
    };
    const take = (chunk: Buffer, length: number, count: number) => {
      const texts = chunk.toString('utf8', 0, length).split('\n').slice(0, -1);
      expect(texts).toHaveLength(count);
      const lines = texts.map((text) => JSON.parse(text));
      expect(lines.flatMap(validateEventLine)).toEqual([]);
      this.lines.push(...lines);
    };
    const line = new FailingEncoder({
      hostName: 'h',
      bootId: undefined,
      attach: 'kprobe',
      userName,
      errorName: systemErrorName,
    });
    const notice = (text: string) => {
      expect(validateEventLine(JSON.parse(text))).toEqual([]);
      if (this.noticeRoom) this.lines.push(JSON.parse(text));
      return this.noticeRoom;
    };
    this.pipeline = new Pipeline({
      line,
      lines: new LineBuffer(take),
      notice,
      processes: new ProcessTable({
        args: { ...WHOLE_ARGS, limitBytes: 512, commandLine: false },
        bootId: undefined,
        forgetInKernel: () => {},
      }),
      delay: this.delay,
      bursts: newBursts(line, notice),
      readClocks: (out) => out.set([0, 0, UPTIME]),
      mountsFor: (device) => {
        if (device === UNREADABLE) throw new Error('the mounts cannot be read');
        this.askedDevices.push(device);
        return this.newestMounts;
      },
      mountsNow: () => {
        this.askedNow += 1;
        return this.newestMounts;
      },
      isDrained: () => this.drained,
      onOwnDeletion: (deletion) => this.own.push(deletion),
      onDefect: (error) => this.defects.push(error.message),
    });
  }

  use(generation: number, watches: WatchConfig[], mounts?: KnownMounts): void {
    this.counters = countersFor(watches, this.counters);
    this.pipeline.use(generation, { filter: WatchFilter.of(watches, this.counters, () => undefined), mounts });
  }

  handle(...records: Buffer[]): void {
    const { ring, offsets } = ringOf(records);
    const view = new RecordView(ring);
    for (let handled = 0; handled < records.length; ) {
      const waiting = offsets.subarray(handled, records.length);
      handled += this.pipeline.handleBatch(view, waiting, waiting.length);
    }
  }

  /** [filtered, handled, undecodable]: each record of a deletion by others is in exactly one of them. */
  ledger(): number[] {
    return [this.pipeline.filtered, this.pipeline.handled, this.pipeline.undecodable];
  }

  paths(): string[] {
    return this.lines.map((line) => line.file.path);
  }
}

function deletion(path: string, members: object = {}): Buffer {
  return deletionRecord({ ...FILE, ...members }, { path, typed: path.slice(path.lastIndexOf('/') + 1), comm: 'rm' });
}

describe('Pipeline', () => {
  it('makes a line of each record, in order, numbered from 1', () => {
    const bench = new Bench();
    bench.use(1, [watch('all')]);
    bench.handle(deletion('/a'), deletion('/b/c'));
    bench.handle(deletion('/d'));
    expect(bench.paths()).toEqual(['/a', '/b/c', '/d']);
    expect(bench.lines.map(({ event }) => event.sequence)).toEqual([1, 2, 3]);
    expect(bench.ledger()).toEqual([0, 3, 0]);
  });

  it('handles only as many records as it is told', () => {
    const bench = new Bench();
    bench.use(1, [watch('all')]);
    const { ring, offsets } = ringOf([deletion('/a'), deletion('/b')]);
    bench.pipeline.handleBatch(new RecordView(ring), offsets, 1);
    expect(bench.paths()).toEqual(['/a']);
    bench.pipeline.handleBatch(new RecordView(ring), offsets, 0);
    expect(bench.ledger()).toEqual([0, 1, 0]);
  });

  it('leaves to the next turn what it has no time for', () => {
    const bench = new Bench();
    bench.use(1, [watch('all')]);
    const { ring, offsets } = ringOf([deletion('/a'), deletion('/b'), deletion('/c')]);
    const view = new RecordView(ring);
    let now = 0;
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => (now += 15));
    try {
      expect(bench.pipeline.handleBatch(view, offsets, 3)).toBe(2);
      now = 0;
      clock.mockImplementation(() => (now += 1_000));
      expect(bench.pipeline.handleBatch(view, offsets.subarray(2), 1)).toBe(1);
    } finally {
      clock.mockRestore();
    }
    expect(bench.paths()).toEqual(['/a', '/b', '/c']);
  });

  it('counts what no watch wants as filtered, and gives it no number', () => {
    const bench = new Bench();
    bench.use(1, [watch('a', { include: ['/a/**'], exclude: ['*.tmp'] })]);
    bench.handle(deletion('/a/1'), deletion('/b/1'), deletion('/a/1.tmp'), deletion('/a/2'));
    expect(bench.lines.map(({ file, event }) => [file.path, event.sequence])).toEqual([
      ['/a/1', 1],
      ['/a/2', 2],
    ]);
    expect(bench.ledger()).toEqual([2, 2, 0]);
  });

  it('counts for each watch by operation, and the space that was released', () => {
    const bench = new Bench();
    bench.use(1, [watch('all', { failures: true }), watch('quiet', { log: false, operations: ['unlink'] })]);
    bench.handle(
      deletion('/f'),
      deletion('/open', { flags: FOUND | DELETION_STILL_OPEN }),
      deletion('/linked', { link_count: 2 }),
      deletion('/d', { operation: 1, mode: 0o040755, flags: FOUND & ~DELETION_OPEN_KNOWN }),
      deletion('/r', { operation: 2, allocated_bytes: 512 }),
      deletion('/no', { result: -ENOENT }),
      deletion('/missed', { flags: FOUND & ~DELETION_RESULT_KNOWN }),
    );
    // Each has a line for the sake of the first watch.
    expect([bench.pipeline.handled, bench.pipeline.unlogged, bench.lines.length]).toEqual([7, 0, 7]);
    expect(countsOf(bench.counters)).toEqual([
      {
        name: 'all',
        deletions: { unlink: 3, rmdir: 1, replace: 1, move: 0 },
        failures: { unlink: 1, rmdir: 0, replace: 0, move: 0 },
        reportsFailures: true,
        freedBytes: 4608,
        bursts: 0,
        activeBursts: 0,
      },
      {
        name: 'quiet',
        deletions: { unlink: 3, rmdir: 0, replace: 0, move: 0 },
        failures: { unlink: 0, rmdir: 0, replace: 0, move: 0 },
        reportsFailures: false,
        freedBytes: 4096,
        bursts: 0,
        activeBursts: 0,
      },
    ]);
    expect(bench.ledger()).toEqual([0, 7, 0]);
    expect(bench.lines.map(({ event }) => event.outcome)).toEqual([...Array(5).fill('success'), 'failure', undefined]);
  });

  it('counts what it folds, in the watch as well, and numbers the lines that are left', () => {
    const bench = new Bench();
    bench.pipeline.useBursts({ threshold: 10, windowSeconds: 10 });
    bench.use(1, [watch('folding', { include: ['/a/**'], fold: true }), watch('plain', { include: ['/a/b/**'] })]);
    bench.handle(...Array.from({ length: 30 }, (_, i) => deletion(`/a/${i}`)), deletion('/a/b/c'));
    bench.handle(
      deletion('/a/no', { result: -ENOENT }),
      deletion('/a/missed', { flags: FOUND & ~DELETION_RESULT_KNOWN }),
    );
    bench.pipeline.endBursts();
    const events = bench.lines.filter(({ event }) => event.kind === 'event');
    // Ten before the burst began, one that another watch wants, one of which it is not known that it succeeded.
    expect(events.map(({ event }) => event.sequence)).toEqual(Array.from({ length: 12 }, (_, i) => i + 1));
    expect([bench.pipeline.handled, bench.pipeline.folded, bench.pipeline.unlogged]).toEqual([32, 20, 0]);
    expect(countsOf(bench.counters)[0]).toMatchObject({ deletions: { unlink: 31 }, bursts: 1, activeBursts: 0 });
    const alerts = bench.lines.filter(({ event }) => event.kind === 'alert');
    expect(alerts.map(({ event }) => event.action)).toEqual(['mass-deletion-started', 'mass-deletion-ended']);
    expect(alerts[1].rmwatch.burst).toMatchObject({ deletions: 31, folded: 20 });
  });

  it('ends a burst while nothing comes, by the time of what waits or of the host', () => {
    const bench = new Bench();
    bench.pipeline.useBursts({ threshold: 10, windowSeconds: 10 });
    bench.use(1, [watch('all')]);
    bench.handle(...Array.from({ length: 10 }, (_, i) => deletion(`/a/${i}`, { time_seconds: UPTIME - 100 })));
    const actions = () => bench.lines.filter(({ event }) => event.kind === 'alert').map(({ event }) => event.action);
    // Records of the burst may wait.
    bench.drained = false;
    bench.pipeline.lookAtBursts();
    expect(actions()).toEqual(['mass-deletion-started']);
    bench.drained = true;
    bench.pipeline.lookAtBursts();
    expect(actions()).toEqual(['mass-deletion-started', 'mass-deletion-ended']);
  });

  it('judges moves by where they lead to, for each watch', () => {
    const bench = new Bench();
    bench.use(1, [watch('app', { include: ['/a/b/**'] }), watch('all')]);
    const move = (path: string, movedTo: string, members = {}) =>
      deletionRecord(
        {
          ...FILE,
          operation: OPERATIONS.indexOf('move'),
          flags: FOUND | DELETION_MOVED_COMPLETE,
          generation: 1,
          ...members,
        },
        { path, movedTo },
      );
    bench.handle(move('/a/b/x', '/c/x'), move('/a/b/x', '/a/b/y'), move('/a', '/c', { mode: 0o040755 }));
    expect(
      bench.lines.map(({ file, rule, rmwatch }) => [file.path, rmwatch.moved_to, rule.name, rmwatch.took_watched]),
    ).toEqual([
      ['/a/b/x', '/c/x', ['app'], undefined],
      ['/a', '/c', ['app'], true],
    ]);
    expect(bench.ledger()).toEqual([1, 2, 0]);
    expect(countsOf(bench.counters).map(({ name, deletions }) => [name, deletions.move])).toEqual([
      ['app', 2],
      ['all', 0],
    ]);
  });

  it('judges a deletion by the name that the file had before as well', () => {
    const bench = new Bench();
    bench.use(1, [watch('log', { include: ['/var/log/*.log'] }), watch('zero', { include: ['/var/log/0'] })]);
    const removed = (path: string, former?: string) =>
      deletionRecord({ ...FILE, flags: FOUND, generation: 1 }, { path, ...(former !== undefined && { former }) });
    bench.handle(removed('/var/log/0', 'auth.log'), removed('/var/log/1', 'auth.log'), removed('/var/log/1', '2'));
    expect(bench.lines.map(({ file, rule, rmwatch }) => [file.path, rule.name, rmwatch.former_paths])).toEqual([
      ['/var/log/0', ['log', 'zero'], ['/var/log/auth.log']],
      ['/var/log/1', ['log'], ['/var/log/auth.log']],
    ]);
    expect(bench.ledger()).toEqual([1, 2, 0]);
  });

  it('keeps a deletion out of a watch only when it excludes both names', () => {
    const bench = new Bench();
    bench.use(1, [watch('srv', { include: ['/srv/**'], exclude: ['*~'] })]);
    const removed = (path: string, former: string) =>
      deletionRecord({ ...FILE, flags: FOUND, generation: 1 }, { path, former });
    bench.handle(removed('/srv/a~', 'a'), removed('/srv/b', 'b~'), removed('/srv/c~~', 'c~'));
    expect(bench.lines.map(({ file }) => file.path)).toEqual(['/srv/a~', '/srv/b']);
  });

  it('knows a rename within one directory where its typed names are all that is sure', () => {
    const bench = new Bench();
    bench.use(1, [watch('app', { include: ['/srv/**'] })]);
    const flags = DELETION_RESULT_KNOWN | DELETION_PATH_IS_BASE | DELETION_BASE_SHARED | DELETION_MOVED_CUT;
    const rename = (typed: string, movedTyped: string, more = 0) =>
      deletionRecord(
        { ...FILE, operation: OPERATIONS.indexOf('move'), flags: flags | more, generation: 1 },
        { path: '/srv', typed, movedTyped },
      );
    bench.handle(
      rename('a.new', 'a', DELETION_MOVED_BESIDE),
      rename('in/a', 'out/a', DELETION_MOVED_BESIDE),
      rename('a.new', 'a'),
    );
    expect(bench.lines.map(({ rmwatch }) => rmwatch.requested_path)).toEqual(['in/a', 'a.new']);
  });

  it('delivers without a line what is only to be counted', () => {
    const bench = new Bench();
    bench.use(1, [watch('quiet', { log: false })]);
    bench.handle(deletion('/f'));
    expect([bench.lines, bench.ledger(), bench.pipeline.unlogged]).toEqual([[], [0, 1, 0], 1]);
    expect(bench.delay.count).toBe(1);
  });

  it('measures the time from the deletion to now', () => {
    const bench = new Bench();
    bench.use(1, [watch('all', { include: ['/a'] })]);
    bench.handle(deletion('/a', { time_seconds: UPTIME - 2, time_nanoseconds: 500_000_000 }), deletion('/filtered'));
    expect([bench.delay.count, bench.delay.sum]).toEqual([1, 1.5]);
  });

  it('ignores an executable by its path only where no other user can choose what is there', () => {
    const bench = new Bench();
    bench.use(1, [
      watch('all', {
        ignore: { processes: ['/usr/sbin/logrotate'], ownedByRoot: false, users: [], effectiveUsers: [] },
      }),
    ]);
    const describe = (id: number, cgroup: string) => [
      processTextRecord({ process_id: id, which: PROCESS_TEXT_EXECUTABLE, flags: COMPLETE }, '/usr/sbin/logrotate'),
      processTextRecord({ process_id: id, which: PROCESS_TEXT_CGROUP, flags: COMPLETE }, cgroup),
      processRecord({ process_id: id }),
    ];
    const elsewhere = FOUND & ~DELETION_HOST_NAMESPACE;
    bench.handle(
      ...describe(7, '/system.slice/logrotate.service'),
      ...describe(8, `/docker/${'ab'.repeat(32)}`),
      deletion('/by-user', { process_id: 7, uid: 1000 }),
      deletion('/by-root-in-a-service', { process_id: 7, uid: 0, flags: elsewhere }),
      deletion('/by-user-in-a-namespace', { process_id: 7, uid: 1000, flags: elsewhere }),
      deletion('/by-root-in-a-container', { process_id: 8, uid: 0, flags: elsewhere }),
    );
    expect(bench.lines.map(({ file }) => file.path)).toEqual(['/by-user-in-a-namespace', '/by-root-in-a-container']);
  });

  it('knows the process by what came before', () => {
    const bench = new Bench();
    bench.use(1, [
      watch('all', { ignore: { processes: ['logrotate'], ownedByRoot: false, users: [], effectiveUsers: [] } }),
    ]);
    for (const [id, name] of [
      [7, 'rm'],
      [8, 'logrotate'],
    ] as const) {
      const which = PROCESS_TEXT_EXECUTABLE;
      bench.handle(
        processTextRecord({ process_id: id, which, flags: PROCESS_TEXT_COMPLETE }, `/usr/bin/${name}`),
        processRecord({ process_id: id }),
        deletion(`/by-${name}`, { process_id: id }),
      );
    }
    bench.handle(deletion('/later', { process_id: 7 }), deletion('/by-nobody', { process_id: 0 }));
    expect(bench.lines.map(({ file, process }) => [file.path, process.executable])).toEqual([
      ['/by-rm', '/usr/bin/rm'],
      ['/later', '/usr/bin/rm'],
      ['/by-nobody', undefined],
    ]);
    expect(bench.ledger()).toEqual([1, 3, 0]);
  });

  it('writes all arguments of a process once, before its first line that has only some', () => {
    const bench = new Bench();
    bench.use(1, [watch('all')]);
    const args = Array.from({ length: 600 }, (_, i) => `file-${i}`);
    bench.handle(processRecord({ process_id: 7, flags: PROCESS_HAS_ARGS, tgid: 42 }, args));
    bench.noticeRoom = false;
    bench.handle(deletion('/a', { process_id: 7 }));
    bench.noticeRoom = true;
    bench.handle(deletion('/b', { process_id: 7 }), deletion('/c', { process_id: 7 }));
    expect(bench.lines.map(({ event, file, process }) => [event.dataset, file?.path ?? process.args.length])).toEqual([
      ['rmwatch.deletion', '/a'],
      ['rmwatch.process', 600],
      ['rmwatch.deletion', '/b'],
      ['rmwatch.deletion', '/c'],
    ]);
    expect(bench.lines[0].rmwatch.args_truncated).toBe(true);
    expect(bench.ledger()).toEqual([0, 3, 0]);
  });

  it('passes its own deletions on, counted and reported nowhere', () => {
    const bench = new Bench();
    bench.use(1, [watch('all')]);
    bench.handle(
      deletion('/run/\xc3\xa9', { flags: FOUND | DELETION_SELF, operation: 2 }),
      deletion('/run/x', { flags: DELETION_SELF, result: -5 }),
      deletionRecord({ flags: DELETION_SELF | DELETION_PATH_IS_BASE | DELETION_RESULT_KNOWN, result: -5 }),
    );
    expect(bench.own).toEqual([
      { operation: 2, result: 0, path: '/run/\xc3\xa9', hasVictim: true },
      { operation: 0, result: undefined, path: '/run/x', hasVictim: false },
      { operation: 0, result: -5, path: undefined, hasVictim: false },
    ]);
    expect([bench.lines, bench.ledger(), bench.delay.count]).toEqual([[], [0, 0, 0], 0]);
  });

  it('counts records that it does not understand', () => {
    const bench = new Bench();
    const strange = Buffer.alloc(16);
    strange.writeUInt32LE(99, 0);
    // Before any watch is known no watch can judge.
    bench.handle(strange, deletion('/a'));
    bench.use(1, [watch('all')]);
    bench.handle(strange, deletion('/b'));
    expect(bench.ledger()).toEqual([0, 1, 3]);
    expect(bench.paths()).toEqual(['/b']);
  });

  it('shows a name that could not be read to watches on everything', () => {
    const bench = new Bench();
    bench.use(1, [watch('all', { failures: true }), watch('some', { include: ['/a/**'], failures: true })]);
    const flags = DELETION_PATH_IS_BASE | DELETION_RESULT_KNOWN | DELETION_HOST_NAMESPACE;
    bench.handle(deletionRecord({ ...FILE, flags, result: -EFAULT }, { path: '/a' }));
    expect(bench.lines).toMatchObject([{ error: { code: 'EFAULT' }, rule: { name: ['all'] } }]);
    expect(bench.lines[0]).not.toHaveProperty('file');
  });

  it('judges names by their bytes', () => {
    const bench = new Bench();
    bench.use(1, [watch('a', { include: ['/ü/?'] })]);
    bench.handle(deletion('/\xc3\xbc/\xe2\x82\xac'), deletion('/\xfc/a'), deletion('/\xc3\xbc/a\nb'));
    expect(bench.paths()).toEqual(['/ü/€']);
  });
});

describe('a reload', () => {
  it('judges each record by the configuration that the kernel judged it by', () => {
    const bench = new Bench();
    bench.use(1, [watch('old', { include: ['/old/**'] })]);
    bench.use(2, [watch('new', { include: ['/new/**'] })]);
    bench.handle(
      deletion('/old/1', { generation: 1 }),
      deletion('/new/1', { generation: 1 }),
      deletion('/old/2', { generation: 2 }),
      deletion('/new/2', { generation: 2 }),
    );
    expect(bench.lines.map(({ file, rule }) => [file.path, rule.name])).toEqual([
      ['/old/1', ['old']],
      ['/new/2', ['new']],
    ]);
    expect(bench.ledger()).toEqual([2, 2, 0]);
    expect(bench.lines.map(({ event }) => event.sequence)).toEqual([1, 2]);
  });

  it('judges records older than all that is remembered by the oldest, and remembers no more than the kernel does', () => {
    const bench = new Bench();
    for (let generation = 1; generation <= 100; generation++) {
      bench.use(generation, [watch('w', { include: [`/${generation}`] })]);
    }
    const tried = [1, 96, 97, 98, 100];
    for (const generation of tried) bench.handle(deletion(`/${generation}`, { generation }));
    expect(bench.paths()).toEqual(['/97', '/98', '/100']);
    bench.handle(deletion('/97', { generation: 1 }));
    expect(bench.paths().at(-1)).toBe('/97');
    expect(bench.ledger()).toEqual([2, 4, 0]);
  });

  it('remembers more while records wait, and forgets them afterwards', () => {
    const bench = new Bench();
    const use = (generation: number) => bench.use(generation, [watch('w', { include: [`/${generation}`] })]);
    use(1);
    bench.drained = false;
    for (let generation = 2; generation <= 500; generation++) use(generation);
    for (const generation of [1, 250, 500]) bench.handle(deletion(`/${generation}`, { generation }));
    expect(bench.paths()).toEqual(['/1', '/250', '/500']);
    for (let generation = 501; generation <= 3_000; generation++) use(generation);
    const oldest = 3_000 - 1_024 + 1;
    for (const generation of [oldest - 1, oldest]) bench.handle(deletion(`/${generation}`, { generation }));
    expect(bench.paths().slice(3)).toEqual([`/${oldest}`]);
    bench.drained = true;
    use(3_001);
    for (const generation of [2_997, 2_998]) bench.handle(deletion(`/${generation}`, { generation }));
    expect(bench.paths().slice(4)).toEqual(['/2998']);
  });

  it('holds no more than 200,000 mounts of all generations while records wait, those in common counted once', () => {
    const bench = new Bench();
    const tableOf = (count: number) =>
      new MountTable(Array.from({ length: count }, (_, id) => ({ id, device: id, root: '', mountPoint: `/${id}` })));
    const use = (generation: number, mounts: MountTable) =>
      bench.use(generation, [watch('w', { include: [`/${generation}`] })], mounts);
    bench.drained = false;
    const shared = tableOf(50_000);
    for (let generation = 1; generation <= 10; generation++) use(generation, shared);
    for (let generation = 11; generation <= 14; generation++) use(generation, tableOf(50_000));
    for (const generation of [10, 11, 14]) bench.handle(deletion(`/${generation}`, { generation }));
    expect(bench.paths()).toEqual(['/11', '/14']);
  });
});

describe('a record that cannot be handled', () => {
  it('costs neither the others of its batch nor the ledger', () => {
    const bench = new Bench();
    bench.use(1, [watch('all')]);
    const cannot = deletion('/tmp/b', { flags: FOUND | DELETION_FS_ROOT, device: UNREADABLE });
    bench.handle(deletion('/tmp/a'), cannot, deletion('/tmp/c'));
    expect(bench.paths()).toEqual(['/tmp/a', '/tmp/c']);
    expect([bench.ledger(), bench.defects]).toEqual([[0, 2, 1], ['the mounts cannot be read']]);
  });
});

describe('a line that cannot be written', () => {
  it('is counted as lost and as nothing else, and leaves no gap in the numbers', () => {
    const bench = new Bench();
    bench.use(1, [watch('all')]);
    bench.handle(deletion('/a'), deletion('/b', { uid: UNNAMEABLE }), deletion('/c'));
    expect(bench.lines.map(({ file, event }) => [file.path, event.sequence])).toEqual([
      ['/a', 1],
      ['/c', 2],
    ]);
    expect([bench.ledger(), bench.defects]).toEqual([[0, 2, 1], ['the user cannot be named']]);
    expect([countsOf(bench.counters)[0]!.deletions.unlink, bench.delay.count, bench.pipeline.unlogged]).toEqual([
      2, 2, 0,
    ]);
  });
});

describe('a line of which a part was written', () => {
  it('is taken back before the next one', () => {
    const bench = new Bench();
    bench.use(1, [watch('all')]);
    bench.handle(deletion('/a'), deletion('/b', { uid: HALF_WRITTEN }), deletion('/c'));
    expect(bench.lines.map(({ file, event }) => [file.path, event.sequence])).toEqual([
      ['/a', 1],
      ['/c', 2],
    ]);
    expect([bench.ledger(), bench.defects]).toEqual([[0, 2, 1], ['the line cannot be finished']]);
  });
});

describe('paths that were cut', () => {
  const CUT = { flags: (FOUND & ~DELETION_PATH_COMPLETE) | DELETION_PATH_CUT };

  it('are shown to every watch that may want them', () => {
    const bench = new Bench();
    const watches = [
      watch('srv', { include: ['/srv/data/**'] }),
      watch('db', { include: ['/srv/*.db'] }),
      watch('no-tmp', { include: ['/srv/**'], exclude: ['*.tmp'] }),
      watch('process', { include: ['/home/*/**'], view: 'process' }),
    ];
    bench.use(1, watches);
    bench.handle(deletion('/x/f.tmp', CUT), deletion('/x/f', CUT), deletion('/x/f.tmp'));
    expect(bench.lines.map(({ file, rule, rmwatch }) => [file.path, rule.name, rmwatch.path_complete])).toEqual([
      ['/x/f.tmp', ['srv', 'process'], false],
      ['/x/f', ['srv', 'no-tmp', 'process'], false],
    ]);
    expect(bench.ledger()).toEqual([1, 2, 0]);
  });

  it('are judged by what the mounts say of them, where that is more', () => {
    const bench = new Bench();
    const mounts = new MountTable([{ id: 1, device: 5, root: '', mountPoint: '/mnt' }]);
    bench.newestMounts = mounts;
    bench.use(1, [watch('srv', { include: ['/srv/**'] }), watch('mnt', { include: ['/mnt/**'] })], mounts);
    const members = { ...FILE, ...CUT, flags: CUT.flags | DELETION_FS_ROOT, device: 5 };
    bench.handle(deletionRecord(members, { path: '/d/x/f', typed: 'f', belowMount: 4 }));
    expect(bench.lines.map(({ rule, rmwatch }) => [rule.name, rmwatch.host_path])).toEqual([[['mnt'], '/mnt/x/f']]);
  });
});

describe('files that are seen at several places of the host', () => {
  const mounts = new MountTable([
    { id: 1, device: 5, root: '', mountPoint: '' },
    { id: 2, device: 5, root: '/srv/data', mountPoint: '/mnt' },
  ]);

  /** Removed by a process of the host, through the mount at /mnt. */
  function throughBind(name: string): Buffer {
    const members = { ...FILE, flags: FOUND | DELETION_FS_ROOT, device: 5 };
    return deletionRecord(members, {
      path: `/mnt/${name}`,
      typed: name,
      fsRoot: ['data', 'srv'],
      belowMount: 1 + name.length,
    });
  }

  it('match by each of them, and tell the one that matched', () => {
    const bench = new Bench();
    bench.newestMounts = mounts;
    bench.use(1, [watch('srv', { include: ['/srv/**'] }), watch('g', { include: ['/mnt/g'] })], mounts);
    bench.handle(throughBind('f'), throughBind('g'));
    expect(bench.lines.map(({ file, rule, rmwatch }) => [file.path, rule.name, rmwatch.host_path])).toEqual([
      ['/mnt/f', ['srv'], '/srv/data/f'],
      ['/mnt/g', ['srv', 'g'], undefined],
    ]);
  });
});

describe('files on a host whose mounts are not known', () => {
  it('are reported to every watch that could want them, without a path on the host', () => {
    const bench = new Bench();
    bench.newestMounts = 'unknown';
    const watches = [
      watch('vol', { include: ['/vol/**'] }),
      watch('logs', { include: ['/**/*.log'] }),
      watch('deep', { include: ['/srv/a/b/x'] }),
      watch('no-x', { include: ['/vol/**'], exclude: ['x'] }),
      watch('seen-by-process', { include: ['/vol/**'], view: 'process' }),
    ];
    bench.use(1, watches, 'unknown');
    const members = { ...FILE, flags: FOUND | DELETION_FS_ROOT, device: 5 };
    const foreign = { ...members, flags: members.flags & ~DELETION_HOST_NAMESPACE };
    bench.handle(
      deletionRecord(members, { path: '/other/x', typed: 'x', belowMount: 2 }),
      deletionRecord(foreign, { path: '/b/x', typed: 'x', belowMount: 4 }),
      // The walk did not get to the root of the filesystem: only the name is known.
      deletionRecord(members, { path: '/other/x', typed: 'x', belowMount: 0 }),
    );
    expect(bench.lines.map(({ file, rule, rmwatch }) => [file.path, rule.name, rmwatch.host_path])).toEqual([
      ['/other/x', ['vol', 'deep'], undefined],
      ['/b/x', ['vol', 'deep'], undefined],
      ['/other/x', ['vol', 'deep'], undefined],
    ]);
    expect(bench.askedDevices).toEqual([5, 5, 5]);
  });
});

describe('the name of the host', () => {
  it('is another in lines after it changed', () => {
    const bench = new Bench();
    bench.use(1, [watch('all')]);
    bench.handle(deletion('/a'));
    bench.pipeline.useHostName('second');
    bench.handle(deletion('/b'));
    expect(bench.lines.map(({ host }) => host.name)).toEqual(['h', 'second']);
    expect(bench.pipeline.host).toBe('{"name":"second"}');
  });
});

describe('paths of other mount namespaces', () => {
  const FOREIGN = { flags: (FOUND & ~DELETION_HOST_NAMESPACE) | DELETION_FS_ROOT, device: 5 };
  const mounted = (mountPoint: string) => new MountTable([{ id: 1, device: 5, root: '', mountPoint }]);

  /** Made in a container, whose root is the root of the filesystem on device 5. */
  function inContainer(path: string, members: object = {}): Buffer {
    return deletionRecord({ ...FILE, ...FOREIGN, ...members }, { path, typed: 'f', belowMount: path.length });
  }

  it('are judged as the host sees them, or as the process does, as each watch wants it', () => {
    const bench = new Bench();
    bench.use(
      1,
      [
        watch('seen-by-process', { include: ['/tmp/**'], view: 'process' }),
        watch('seen-by-host', { include: ['/merged/**'] }),
        watch('host-tmp', { include: ['/tmp/**'] }),
      ],
      mounted('/merged'),
    );
    bench.handle(inContainer('/tmp/f'), deletion('/tmp/f'), inContainer('/etc/f'));
    expect(bench.lines.map(({ file, rmwatch, rule }) => [file.path, rmwatch.host_path, rule.name])).toEqual([
      ['/tmp/f', '/merged/tmp/f', ['seen-by-process', 'seen-by-host']],
      ['/tmp/f', undefined, ['seen-by-process', 'host-tmp']],
      ['/etc/f', '/merged/etc/f', ['seen-by-host']],
    ]);
    expect(bench.askedDevices).toEqual([]);
  });

  it('are placed by the newest mounts where those of their generation do not know the device', () => {
    const bench = new Bench();
    bench.newestMounts = new MountTable([
      { id: 9, device: 5, root: '', mountPoint: '/new' },
      { id: 1, device: 5, root: '', mountPoint: '/second' },
    ]);
    bench.use(1, [watch('all')], new MountTable([]));
    bench.use(2, [watch('all')], mounted('/second'));
    bench.handle(inContainer('/f', { generation: 1 }), inContainer('/f', { generation: 2 }));
    expect(bench.lines.map(({ rmwatch }) => rmwatch.host_path)).toEqual(['/new/f', '/second/f']);
    expect(bench.askedDevices).toEqual([5]);
  });

  it('are left out when the mount went away meanwhile, but still seen by watches', () => {
    const bench = new Bench();
    bench.use(1, [watch('srv', { include: ['/srv/**'] })], mounted('/srv'));
    bench.newestMounts = new MountTable([]);
    bench.handle(inContainer('/f'));
    expect(bench.lines.map(({ rule, rmwatch }) => [rule.name, rmwatch.host_path])).toEqual([[['srv'], undefined]]);
  });

  it('have the path that a watch asks for, and the first one for other watches', () => {
    const bench = new Bench();
    const mounts = new MountTable([
      { id: 1, device: 5, root: '', mountPoint: '/all' },
      { id: 2, device: 5, root: '/vol', mountPoint: '/part' },
    ]);
    bench.newestMounts = mounts;
    bench.use(1, [watch('part', { include: ['/part/**'] }), watch('f', { include: ['/**/f'] })], mounts);
    bench.handle(inContainer('/vol/g'), inContainer('/vol/f'), inContainer('/f'));
    expect(bench.lines.map(({ rule, rmwatch }) => [rule.name, rmwatch.host_path])).toEqual([
      [['part'], '/part/g'],
      [['part', 'f'], '/all/vol/f'],
      [['f'], '/all/f'],
    ]);
  });

  it('are compared with the mounts of the moment once for each batch, those of the host never', () => {
    const bench = new Bench();
    bench.use(1, [watch('all')], mounted('/srv'));
    bench.handle(deletion('/a'), deletion('/b'));
    expect(bench.askedNow).toBe(0);
    bench.handle(inContainer('/f'), inContainer('/g'));
    expect(bench.askedNow).toBe(1);
    bench.newestMounts = new MountTable([{ id: 2, device: 5, root: '', mountPoint: '/srv' }]);
    bench.handle(inContainer('/h'), inContainer('/i'));
    expect(bench.askedNow).toBe(2);
    const hostPaths = bench.lines.map(({ rmwatch }) => rmwatch.host_path);
    expect(hostPaths).toEqual([undefined, undefined, '/srv/f', '/srv/g', undefined, undefined]);
  });

  it('stay as they are when the device is mounted nowhere on the host', () => {
    const bench = new Bench();
    bench.use(1, [watch('private', { include: ['/tmp/**'] })], new MountTable([]));
    bench.handle(inContainer('/tmp/f'), deletion('/tmp/g'));
    expect(bench.paths()).toEqual(['/tmp/f', '/tmp/g']);
    expect(bench.lines[0].rmwatch).not.toHaveProperty('host_path');
    // The host's own records need no mounts.
    expect(bench.askedDevices).toEqual([5]);
  });
});
