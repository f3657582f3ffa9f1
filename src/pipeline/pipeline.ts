import type { BurstDeletion, BurstDetector } from '../burst/burst-detector.js';
import { type Move, matchMove } from '../deletion/match-move.js';
import { hostPlaceOf, matchPlaces, type PlaceMatch } from '../deletion/match-places.js';
import { type OwnDeletion, ownDeletionOf } from '../deletion/own-deletion.js';
import type { ProcessInfo, ProcessTable, WholeArgs } from '../deletion/process-table.js';
import { formerPathOf, PathResolver, type Place, type ResolvedPath } from '../deletion/resolved-path.js';
import { EventEncoder, type MoveContext } from '../event/event-encoder.js';
import type { LineBuffer } from '../event/line-buffer.js';
import type { KnownMounts } from '../host/mount-table.js';
import type { DelayHistogram } from '../metrics/delay-histogram.js';
import type { WatchTotals } from '../metrics/watch-counters.js';
import { Clocks } from '../model/clocks.js';
import { type BurstSettings, OPERATIONS } from '../model/config.js';
import {
  DELETION_FS_ROOT,
  DELETION_HAS_VICTIM,
  DELETION_HOST_NAMESPACE,
  DELETION_MOVED_BESIDE,
  DELETION_PATH_IS_BASE,
  DELETION_RESULT_KNOWN,
  DELETION_SELF,
  FILTER_GENERATIONS,
  OPERATION_MOVE,
  RECORD_DELETION,
  RECORD_PROCESS,
  RECORD_PROCESS_TEXT,
} from '../probe/record-layout.generated.js';
import type { RecordView } from '../probe/record-view.js';
import { union } from '../watch/union.js';
import type { Actor, Outcome, WatchFilter } from '../watch/watch-filter.js';

const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;

export interface PipelineParts {
  readonly line: EventEncoder;
  readonly lines: LineBuffer;
  /** Writes a line that is no event, behind those that were flushed; false when there is no room. */
  notice(line: string): boolean;
  readonly processes: ProcessTable;
  readonly delay: DelayHistogram;
  readonly bursts: BurstDetector;
  /** Writes the offsets of the clocks, see NativeBinding.readClocks. */
  readClocks(out: Float64Array): void;
  /** The newest mounts of the host, for a device that those of a record's generation do not know. Puts no filter in force. */
  mountsFor(device: number): KnownMounts | undefined;
  /** The mounts of the host at this moment; asked at most once for each batch. */
  mountsNow(): KnownMounts | undefined;
  /** Whether no record waits. */
  isDrained(): boolean;
  onOwnDeletion(deletion: OwnDeletion): void;
  /** A record could not be handled; it is counted as lost. */
  onDefect(error: Error): void;
}

/** Generations remembered while records wait. They come at most every 50 ms. */
const GENERATIONS_MAX = 1024;
/** Mounts of all generations together, some 150 MB; a host with many of them has few generations. */
const MOUNTS_KEPT_MAX = 200_000;
/** Other work of the event loop has its turn after so long, however much one record costs. */
const BATCH_MS = 20;

/** By what the records of one generation are judged, and placed on the host. */
export interface FilterGeneration {
  readonly filter: WatchFilter;
  readonly mounts: KnownMounts | undefined;
}

/** What becomes of one record. */
interface Decision extends BurstDeletion {
  /** JSON of the names of the watches that want a line; undefined: none does. */
  readonly ruleJson: string | undefined;
  readonly outcome: Outcome;
  readonly mounts: KnownMounts | undefined;
  readonly hostPlace: Place | undefined;
  /** Of a move. */
  readonly move: MoveContext | undefined;
  /** The path under the name that the file had a moment before. */
  readonly former: ResolvedPath | undefined;
}

/**
 * The way of the data behind the ring: record, path, verdict, counters, line. Works on whole batches; the only thing
 * made for each event is its line.
 */
export class Pipeline {
  /** Records of deletions, whatever became of them; the daemon's own count, too. */
  deletions = 0;
  /** Judged, and wanted by no watch. */
  filtered = 0;
  /** Handled to the end: counted, and written when a watch wants lines. */
  handled = 0;
  /** The part of `handled` that has no line, because its watches only count. */
  unlogged = 0;
  /** The part of `handled` that is told by the summaries of a burst only. */
  folded = 0;
  /** Records that could not be understood. */
  undecodable = 0;

  private readonly parts: PipelineParts;
  private readonly paths = new PathResolver();
  /** Of places that moves lead to: each resolver remembers one directory. */
  private readonly targets = new PathResolver();
  /** In the order of their generations. */
  private readonly generations = new Map<number, FilterGeneration>();
  private readonly clocks = new Clocks();
  private sequence = 0;
  /** Seconds since boot of the newest deletion. */
  private newestSeconds = 0;
  /** The newest generation of which no record can wait. */
  private drainedGeneration = 0;
  /** The mounts at the time of this batch; null until a record asks for them. */
  private mountsNow: KnownMounts | undefined | null = null;

  constructor(parts: PipelineParts) {
    this.parts = parts;
  }

  /** The number of the last event that has a line; 0: none has. */
  get lastSequence(): number {
    return this.sequence;
  }

  /** See BurstDetector.untracked. */
  get untracked(): number {
    return this.parts.bursts.untracked;
  }

  /** The host part of its lines, for others. */
  get host(): string {
    return this.parts.line.host;
  }

  /** Lines from now on carry this name of the host. */
  useHostName(name: string): void {
    this.parts.line.useHostName(name);
  }

  /** From `generation` on, records are judged by `judgedBy`. */
  use(generation: number, judgedBy: FilterGeneration): void {
    this.generations.set(generation, judgedBy);
    if (this.parts.isDrained()) this.drainedGeneration = generation;
    // A program of the kernel side can be running with an older filter: the kernel keeps so many. The oldest judges what is older.
    const oldest = Math.max(this.drainedGeneration - FILTER_GENERATIONS, generation - GENERATIONS_MAX);
    for (const known of this.generations.keys()) {
      if (known > oldest && (known === generation || this.countMounts() <= MOUNTS_KEPT_MAX)) break;
      this.generations.delete(known);
    }
  }

  /** Generations share the tables that are the same. */
  private countMounts(): number {
    const tables = new Set([...this.generations.values()].map(({ mounts }) => mounts));
    return [...tables].reduce((sum, table) => sum + (typeof table === 'object' ? table.mounts.length : 0), 0);
  }

  /**
   * Handles records at the first `count` offsets, as many as there is time for, and hands on the lines. Returns how many: at
   * least one, when there is one.
   */
  handleBatch(record: RecordView, offsets: Uint32Array, count: number): number {
    this.parts.readClocks(this.clocks.values);
    this.mountsNow = null;
    const until = performance.now() + BATCH_MS;
    let handled = 0;
    while (handled < count && (handled === 0 || performance.now() < until)) {
      record.moveTo(offsets[handled]!);
      handled += 1;
      try {
        this.handleRecord(record);
      } catch (error) {
        // One bad record costs neither its batch nor the ledger: nothing of it is counted before its line is written.
        this.parts.lines.cancelLine();
        if (record.kind === RECORD_DELETION && (record.flags & DELETION_SELF) === 0) this.undecodable += 1;
        this.parts.onDefect(error as Error);
      }
    }
    this.parts.lines.flush();
    this.parts.bursts.write();
    return handled;
  }

  /** To be called about once a second: tells bursts that go on or are over. Never throws. */
  lookAtBursts(): void {
    const { bursts, onDefect } = this.parts;
    try {
      bursts.look(this.nowSeconds(), this.clocks);
      bursts.write();
    } catch (error) {
      onDefect(error as Error);
    }
  }

  /** From now on bursts are what these settings say; null: nothing is. */
  useBursts(settings: BurstSettings | null): void {
    this.parts.bursts.use(settings, this.nowSeconds(), this.clocks);
    this.parts.bursts.write();
  }

  /** Nothing more is seen: every burst ends. */
  endBursts(): void {
    this.parts.bursts.endAll(this.nowSeconds(), this.clocks);
    this.parts.bursts.write();
  }

  /** Seconds since boot up to which every deletion has been handled. */
  private nowSeconds(): number {
    this.parts.readClocks(this.clocks.values);
    return this.parts.isDrained() ? this.clocks.uptimeSeconds : this.newestSeconds;
  }

  private handleRecord(record: RecordView): void {
    switch (record.kind) {
      case RECORD_DELETION:
        this.deletions += 1;
        requireSound(record);
        this.handleDeletion(record);
        break;
      case RECORD_PROCESS_TEXT:
        requireSound(record);
        this.parts.processes.addText(record);
        break;
      case RECORD_PROCESS:
        requireSound(record);
        this.parts.processes.add(record, this.clocks);
        break;
      default:
        this.undecodable += 1;
    }
  }

  private handleDeletion(record: RecordView): void {
    if ((record.flags & DELETION_SELF) !== 0) {
      this.parts.onOwnDeletion(ownDeletionOf(record, this.paths));
      return;
    }
    this.newestSeconds = record.timeSeconds;
    const judgedBy = this.generationOf(record.generation);
    if (judgedBy === undefined) {
      this.undecodable += 1;
      return;
    }
    const decision = this.decide(record, judgedBy);
    if (decision.watches.length === 0) {
      this.filtered += 1;
      return;
    }
    const folded = decision.outcome === 'success' && this.parts.bursts.folds(record, decision);
    const hasLine = !folded && this.write(record, decision);
    this.commit(record, decision, hasLine, folded);
    if (decision.outcome === 'success') this.countForBursts(record, decision, folded);
  }

  /** What is to be told of the record, and by which watches. */
  private decide(record: RecordView, { filter, mounts: used }: FilterGeneration): Decision {
    const outcome = outcomeOf(record);
    const mounts = this.mountsOf(record, used);
    const path = this.paths.resolve(record, mounts);
    const process = this.parts.processes.get(record.processId);
    if (record.operation === OPERATION_MOVE) {
      const move = { from: path, to: this.targets.resolveTarget(record, mounts), ...movedBy(record) };
      const match = matchMove(filter.watches, move, filter.hasProcessView);
      const { watches, ruleJson, folding } = filter.decide(
        match.watches,
        record.operation,
        outcome,
        actorOf(record, process),
      );
      const context = contextOf(move, match.losingBelow, watches, filter);
      const { hostPlace } = match;
      const former = undefined;
      return { filter, outcome, mounts, path, hostPlace, move: context, former, process, watches, ruleJson, folding };
    }
    const former = formerPathOf(record, path);
    const { watches, hostPlace } = matchNames(filter, path, former);
    const verdict = filter.decide(watches, record.operation, outcome, actorOf(record, process));
    return {
      filter,
      outcome,
      mounts,
      path,
      hostPlace,
      move: undefined,
      former,
      process,
      watches: verdict.watches,
      ruleJson: verdict.ruleJson,
      folding: verdict.folding,
    };
  }

  /** False: no watch wants a line. */
  private write(record: RecordView, decision: Decision): boolean {
    const { ruleJson, mounts, path, hostPlace, move, former, outcome, process } = decision;
    if (ruleJson === undefined) return false;
    if (process?.wholeArgs?.written === false) this.writeWholeArgs(record, process.wholeArgs);
    const holds = mounts !== undefined && this.stillHolds(record.device, mounts);
    this.parts.line.write(this.parts.lines, record, {
      path,
      hostPlace: holds ? hostPlace : undefined,
      move: move === undefined || holds ? move : { ...move, hostPlace: undefined },
      former,
      outcome,
      process,
      ruleJson,
      sequence: this.sequence + 1,
      boot: this.clocks,
    });
    this.parts.lines.endLine();
    return true;
  }

  /** Counts what was written. Nothing here can fail. */
  private commit(record: RecordView, { watches, filter, outcome }: Decision, hasLine: boolean, folded: boolean): void {
    for (const index of watches) count(filter.counters[index]!.totals, record, outcome);
    this.handled += 1;
    if (hasLine) this.sequence += 1;
    else if (folded) this.folded += 1;
    else this.unlogged += 1;
    this.parts.delay.observe(this.clocks.uptimeSeconds - record.timeSeconds - record.timeNanoseconds / 1e9);
  }

  /** What goes wrong here costs no deletion: it is counted and written. */
  private countForBursts(record: RecordView, decision: Decision, folded: boolean): void {
    try {
      this.parts.bursts.count(record, decision, folded, this.clocks);
    } catch (error) {
      this.parts.onDefect(error as Error);
    }
  }

  private generationOf(generation: number): FilterGeneration | undefined {
    return this.generations.get(generation) ?? this.generations.values().next().value;
  }

  /** undefined where the record's path is the only one on this host. */
  private mountsOf(record: RecordView, mounts: KnownMounts | undefined): KnownMounts | undefined {
    const { flags } = record;
    if ((flags & DELETION_FS_ROOT) === 0 && record.fsRootLength === 0) return undefined;
    if ((flags & DELETION_HAS_VICTIM) === 0) return undefined;
    if (typeof mounts === 'object' && mounts.knows(record.device)) return mounts;
    return this.parts.mountsFor(record.device);
  }

  /**
   * Device numbers are given out again at once. What was mounted when the record was made and is not any more may have
   * been another filesystem: watches see its files, so that nothing goes unseen, but its path is not told for sure.
   */
  private stillHolds(device: number, mounts: KnownMounts): boolean {
    if (this.mountsNow === null) this.mountsNow = this.parts.mountsNow();
    const { mountsNow } = this;
    if (mountsNow === mounts || mountsNow === undefined || typeof mounts !== 'object') return true;
    return mountsNow !== 'unknown' && mountsNow.agrees(device, mounts);
  }

  /** Once for each process, before the first line that has only a part of its arguments; without room, before the next. */
  private writeWholeArgs(record: RecordView, args: WholeArgs): void {
    const { line, lines, notice } = this.parts;
    lines.flush();
    args.written = notice(line.processLine(record, args, this.clocks));
  }
}

function requireSound(record: RecordView): void {
  if (!record.isSound) throw new Error(`a record of kind ${record.kind} is damaged`);
}

function actorOf(record: RecordView, process: ProcessInfo | undefined): Actor {
  const { uid, effectiveUid } = record;
  if (process === undefined)
    return { executableName: '', executablePath: '', executableOfRoot: false, uid, effectiveUid };
  const { executableName, executablePath, executableOfRoot, containerJson } = process;
  // Any user can make a mount namespace of their own, where /usr/sbin/logrotate is what they like. Services of the system
  // have such namespaces, too, but run as root, which no user namespace gives.
  const isHosts = (record.flags & DELETION_HOST_NAMESPACE) !== 0 || (uid === 0 && containerJson === '');
  return { executableName, executablePath: isHosts ? executablePath : '', executableOfRoot, uid, effectiveUid };
}

/** The watches that match one of the two names, and where the host sees the present one. */
function matchNames(
  { watches, hasProcessView }: WatchFilter,
  path: ResolvedPath,
  former: ResolvedPath | undefined,
): PlaceMatch {
  const present = matchPlaces(watches, path, hasProcessView);
  if (former === undefined) return present;
  const before = matchPlaces(watches, former, hasProcessView);
  return { ...present, watches: union(present.watches, before.watches) };
}

/** What the record says of what has moved. */
function movedBy(record: RecordView): Pick<Move, 'moved' | 'isBeside'> {
  const { flags, mode } = record;
  const isBeside = (flags & DELETION_MOVED_BESIDE) !== 0 && typedBeside(record);
  if ((flags & DELETION_HAS_VICTIM) === 0) return { moved: 'unknown', isBeside };
  return { moved: (mode & S_IFMT) === S_IFDIR ? 'directory' : 'other', isBeside };
}

/** Whether names that were typed from one directory lie in one; others do as the kernel says. */
function typedBeside(record: RecordView): boolean {
  if ((record.flags & DELETION_PATH_IS_BASE) === 0) return true;
  const old = record.latin1(record.typedStart, record.typedLength);
  const next = record.latin1(record.movedTypedStart, record.movedTypedLength);
  return directoryOf(old) === directoryOf(next);
}

function directoryOf(typed: string): string {
  return typed.slice(0, typed.lastIndexOf('/') + 1);
}

/** `losingBelow`: as MoveMatch has it; `wanting`: the watches that want the move. */
function contextOf(
  { to, moved }: Move,
  losingBelow: readonly number[],
  wanting: readonly number[],
  { watches }: WatchFilter,
): MoveContext {
  const losing = losingBelow.filter((index) => wanting.includes(index)).map((index) => watches.watches[index]!);
  return {
    target: to,
    hostPlace: to && hostPlaceOf(to),
    isDirectory: moved === 'directory',
    losing: losing.filter(({ log }) => log).map(({ name }) => name),
  };
}

function outcomeOf(record: RecordView): Outcome {
  if ((record.flags & DELETION_RESULT_KNOWN) === 0) return 'unknown';
  return record.result === 0 ? 'success' : 'failure';
}

function count(totals: WatchTotals, record: RecordView, outcome: Outcome): void {
  const name = OPERATIONS[record.operation]!;
  if (outcome === 'failure') totals.failures[name] += 1;
  else if (outcome === 'success') {
    totals.deletions[name] += 1;
    totals.freedBytes += EventEncoder.freedBytes(record, outcome) ?? 0;
  }
}
