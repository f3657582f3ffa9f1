import type { ProcessInfo } from '../deletion/process-table.js';
import type { ResolvedPath } from '../deletion/resolved-path.js';
import type { BurstActor } from '../event/burst-line.js';
import { EventEncoder } from '../event/event-encoder.js';
import type { BurstAction } from '../event/event-words.js';
import type { BootTime } from '../model/clocks.js';
import type { BurstSettings } from '../model/config.js';
import type { RecordView } from '../probe/record-view.js';
import type { WatchFilter } from '../watch/watch-filter.js';
import type { BurstReporter } from './burst-reporter.js';
import { Tally } from './tally.js';
import type { Tracker } from './tracker.js';
import { type TableLimits, TrackerTable } from './tracker-table.js';

/** Some 800 bytes each, and as much again for each that comes near the threshold. */
const LIMITS: TableLimits = { processesMax: 8_192, groupsMax: 1_024 };
/** A burst is over when its window holds less than this part of the threshold. */
const OVER_FRACTION = 0.1;
/** A burst that goes on is told again after so long. */
const CONTINUES_SECONDS = 10;

/** A deletion that has happened and is wanted. */
export interface BurstDeletion {
  readonly filter: WatchFilter;
  /** Indexes of the watches that want it. */
  readonly watches: readonly number[];
  /** Those that want a line, when all of them fold; undefined: the line is written in any case. */
  readonly folding: readonly number[] | undefined;
  readonly path: ResolvedPath;
  readonly process: ProcessInfo | undefined;
}

/** Where the deletions of one process are counted. */
interface Subject {
  readonly filter: WatchFilter;
  readonly tgid: number;
  readonly process: ProcessInfo | undefined;
  readonly watches: readonly number[];
  /** By place in `watches`; undefined: there is no room. */
  readonly own: readonly (Tracker | undefined)[];
  readonly shared: readonly Tracker[];
}

/** The deletion that begins a burst. */
interface Cause {
  readonly record: RecordView;
  readonly deletion: BurstDeletion;
  readonly boot: BootTime;
}

export interface BurstDetectorOptions {
  /** Who deletes, as lines tell it. */
  actorOf(record: RecordView, process: ProcessInfo | undefined): BurstActor;
  readonly reporter: Pick<BurstReporter, 'add' | 'write'>;
  readonly limits?: TableLimits;
}

/**
 * Notices mass deletions while they happen. Deletions are counted for each watch and process, and for the container, cgroup or
 * parent of the process, so that many short processes are a burst as well. A process that bursts by itself does not count for
 * its group. All times are those of the deletions: records that have waited make no burst of what was none.
 */
export class BurstDetector {
  /** Deletions that were counted neither by their process nor by its group, as too many delete at once. */
  untracked = 0;
  private readonly options: BurstDetectorOptions;
  private settings: BurstSettings | null = null;
  private table: TrackerTable;
  private readonly active = new Set<Tracker>();
  private subject: Subject | undefined;
  private bursts = 0;

  constructor(options: BurstDetectorOptions) {
    this.options = options;
    this.table = this.newTable(1);
  }

  /** From now on by these settings; null: not at all. When they are others than before, every burst ends. */
  use(settings: BurstSettings | null, nowSeconds: number, boot: BootTime): void {
    const { settings: before } = this;
    if (before?.threshold === settings?.threshold && before?.windowSeconds === settings?.windowSeconds) return;
    this.endAll(nowSeconds, boot);
    this.settings = settings;
    this.table = this.newTable(settings?.windowSeconds ?? 1);
    this.subject = undefined;
  }

  /** Whether the line of a deletion is left out: it is a part of a burst in each watch that wants the line. */
  folds(record: RecordView, deletion: BurstDeletion): boolean {
    const { folding } = deletion;
    if (folding === undefined || this.active.size === 0) return false;
    const { watches, own, shared } = this.subjectOf(record, deletion);
    const seconds = secondsOf(record);
    return folding.every((watch) => {
      const at = watches.indexOf(watch);
      const tracker = own[at]?.burst === undefined ? shared[at]! : own[at];
      // Processes that have nothing in common hide nothing for each other.
      return tracker.origin !== 'several' && this.goesOn(tracker, seconds);
    });
  }

  /** Counts a deletion; `folded`: its line was left out. */
  count(record: RecordView, deletion: BurstDeletion, folded: boolean, boot: BootTime): void {
    if (this.settings === null) return;
    const subject = this.subjectOf(record, deletion);
    const seconds = secondsOf(record);
    const freedBytes = EventEncoder.freedBytes(record, 'success') ?? 0;
    for (let at = 0; at < subject.watches.length; at++) {
      const own = subject.own[at];
      const shared = subject.shared[at]!;
      const bursting = this.bursting(own, seconds, boot) ?? this.bursting(shared, seconds, boot);
      if (bursting === undefined) {
        if (own === undefined && shared.origin === 'several') this.untracked += 1;
        shared.window.moveTo(seconds);
        shared.window.add(seconds, record.operation, freedBytes);
        own?.window.moveTo(seconds);
        own?.window.add(seconds, record.operation, freedBytes);
        const tracker = this.ripe(own, shared, record, deletion);
        if (tracker !== undefined) this.begin(tracker, subject.watches[at]!, { record, deletion, boot });
      } else {
        bursting.tally?.add(deletion.path, programOf(record, deletion.process));
        addToBurst(bursting, record, freedBytes, folded);
      }
    }
  }

  /** To be called about once a second: tells bursts that go on, and those that are over at `nowSeconds` since boot. */
  look(nowSeconds: number, boot: BootTime): void {
    for (const tracker of [...this.active]) {
      if (!this.goesOn(tracker, nowSeconds)) this.end(tracker, nowSeconds, boot);
      else if (nowSeconds - tracker.burst!.toldSeconds >= CONTINUES_SECONDS) {
        this.tell('mass-deletion-continues', tracker, nowSeconds, boot);
      }
    }
    if (this.table.sweep(nowSeconds)) this.subject = undefined;
  }

  /** Ends every burst: nothing more is seen of it. */
  endAll(nowSeconds: number, boot: BootTime): void {
    for (const tracker of [...this.active]) this.end(tracker, nowSeconds, boot);
  }

  /** Writes the lines that were made, behind the events that were handed on. */
  write(): void {
    this.options.reporter.write();
  }

  private newTable(windowSeconds: number): TrackerTable {
    return new TrackerTable(windowSeconds, this.options.limits ?? LIMITS);
  }

  private subjectOf(record: RecordView, { filter, watches, process }: BurstDeletion): Subject {
    const { tgid } = record;
    const { subject } = this;
    if (
      subject?.tgid === tgid &&
      subject.process === process &&
      subject.filter === filter &&
      areSame(subject.watches, watches)
    )
      return subject;
    this.table.sweep(secondsOf(record));
    const totals = watches.map((index) => filter.counters[index]!.totals);
    this.subject = {
      filter,
      tgid,
      process,
      watches,
      own: totals.map((watch) => this.table.processIn(watch, tgid)),
      shared: totals.map((watch) => this.table.groupIn(watch, process?.origin)),
    };
    return this.subject;
  }

  /** The tracker, when it has a burst that goes on; one that is over by then is ended. */
  private bursting(tracker: Tracker | undefined, seconds: number, boot: BootTime): Tracker | undefined {
    if (tracker?.burst === undefined) return undefined;
    if (this.goesOn(tracker, seconds)) return tracker;
    this.end(tracker, seconds, boot);
    return undefined;
  }

  private goesOn({ burst, window }: Tracker, seconds: number): boolean {
    if (burst === undefined || this.settings === null) return false;
    window.moveTo(seconds);
    return window.total >= Math.max(1, this.settings.threshold * OVER_FRACTION);
  }

  /** The tracker that reaches the threshold with the deletion that was counted last: the process before its group. */
  private ripe(
    own: Tracker | undefined,
    shared: Tracker,
    record: RecordView,
    deletion: BurstDeletion,
  ): Tracker | undefined {
    if (own !== undefined && this.ripens(own, record, deletion)) {
      shared.window.subtract(own.window);
      shared.tally = undefined;
      return own;
    }
    return this.ripens(shared, record, deletion) ? shared : undefined;
  }

  private ripens(tracker: Tracker, record: RecordView, { path, process }: BurstDeletion): boolean {
    const { threshold } = this.settings!;
    const { total } = tracker.window;
    if (total * 2 < threshold) {
      if (tracker.tally !== undefined) tracker.tally = undefined;
      return false;
    }
    tracker.tally ??= new Tally();
    tracker.tally.add(path, programOf(record, process));
    return total >= threshold;
  }

  /** `watch`: its index. */
  private begin(tracker: Tracker, watch: number, { record, deletion, boot }: Cause): void {
    const { filter, process } = deletion;
    const { name, log } = filter.watches.watches[watch]!;
    const { totals } = filter.counters[watch]!;
    const { operations, freedBytes, startSeconds } = tracker.window.sums();
    const lastSeconds = Math.max(secondsOf(record), startSeconds);
    const actor = log ? this.options.actorOf(record, process) : undefined;
    this.bursts += 1;
    tracker.burst = {
      number: this.bursts,
      watch: name,
      totals,
      actor,
      startSeconds,
      lastSeconds,
      toldSeconds: lastSeconds,
      operations,
      freedBytes,
      folded: 0,
    };
    totals.bursts += 1;
    totals.activeBursts += 1;
    this.active.add(tracker);
    this.tell('mass-deletion-started', tracker, lastSeconds, boot);
  }

  private end(tracker: Tracker, nowSeconds: number, boot: BootTime): void {
    this.tell('mass-deletion-ended', tracker, nowSeconds, boot);
    tracker.burst!.totals.activeBursts -= 1;
    tracker.burst = undefined;
    tracker.tally = undefined;
    tracker.window.clear();
    this.active.delete(tracker);
  }

  private tell(action: BurstAction, tracker: Tracker, nowSeconds: number, boot: BootTime): void {
    const burst = tracker.burst!;
    burst.toldSeconds = nowSeconds;
    this.options.reporter.add(action, tracker, { burst, settings: this.settings!, nowSeconds, boot });
  }
}

function addToBurst({ window, burst }: Tracker, record: RecordView, freedBytes: number, folded: boolean): void {
  if (burst === undefined) return;
  const { operation } = record;
  const seconds = secondsOf(record);
  window.add(seconds, operation, freedBytes);
  burst.operations[operation]! += 1;
  burst.freedBytes += freedBytes;
  if (folded) burst.folded += 1;
  if (seconds > burst.lastSeconds) burst.lastSeconds = seconds;
}

function secondsOf({ timeSeconds, timeNanoseconds }: RecordView): number {
  return timeSeconds + timeNanoseconds / 1e9;
}

/** The name of the executable, or of the thread. */
function programOf(record: RecordView, process: ProcessInfo | undefined): string {
  return process?.executableName || record.comm(record.commStart);
}

function areSame(a: readonly number[], b: readonly number[]): boolean {
  return a === b || (a.length === b.length && a.every((index, at) => index === b[at]));
}
