import type { ProcessOrigin } from '../deletion/process-table.js';
import type { WatchTotals } from '../metrics/watch-counters.js';
import { Tracker } from './tracker.js';

/** Idle trackers are looked for at most this often while there is no room, and at least so often otherwise. */
const SWEEP_FULL_SECONDS = 1;
const SWEEP_SECONDS = 60;

/** The trackers of one watch. */
interface WatchTrackers {
  /** By process id. */
  readonly processes: Map<number, Tracker>;
  readonly groups: Map<string, Tracker>;
  several: Tracker | undefined;
}

export interface TableLimits {
  /** Trackers of processes, of all watches together; and those of groups. */
  readonly processesMax: number;
  readonly groupsMax: number;
}

/** All trackers, of a bounded number. */
export class TrackerTable {
  private readonly watches = new Map<WatchTotals, WatchTrackers>();
  private processes = 0;
  private groups = 0;
  private sweptSeconds = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly windowSeconds: number,
    private readonly limits: TableLimits,
  ) {}

  /** undefined: there is no room. */
  processIn(watch: WatchTotals, tgid: number): Tracker | undefined {
    const { processes } = this.trackersOf(watch);
    let tracker = processes.get(tgid);
    if (tracker === undefined) {
      if (this.processes >= this.limits.processesMax) return undefined;
      tracker = new Tracker('process', '', this.windowSeconds);
      processes.set(tgid, tracker);
      this.processes += 1;
    }
    return tracker;
  }

  /** What the process has in common with others; without room, and where nothing is known, all of the watch have one. */
  groupIn(watch: WatchTotals, group: ProcessOrigin | undefined): Tracker {
    const trackers = this.trackersOf(watch);
    if (group !== undefined) {
      const key = `${group.kind} ${group.id}`;
      let tracker = trackers.groups.get(key);
      if (tracker === undefined && this.groups < this.limits.groupsMax) {
        tracker = new Tracker(group.kind, group.id, this.windowSeconds);
        trackers.groups.set(key, tracker);
        this.groups += 1;
      }
      if (tracker !== undefined) return tracker;
    }
    trackers.several ??= new Tracker('several', '', this.windowSeconds);
    return trackers.several;
  }

  /** Drops trackers that are idle, when it is time to. True: some were. */
  sweep(seconds: number): boolean {
    const isFull = this.processes >= this.limits.processesMax || this.groups >= this.limits.groupsMax;
    if (seconds - this.sweptSeconds < (isFull ? SWEEP_FULL_SECONDS : SWEEP_SECONDS)) return false;
    this.sweptSeconds = seconds;
    const before = this.processes + this.groups;
    for (const [watch, trackers] of this.watches) {
      const { processes, groups } = trackers;
      this.processes -= dropIdle(processes, seconds);
      this.groups -= dropIdle(groups, seconds);
      if (trackers.several?.isIdle(seconds) === true) trackers.several = undefined;
      if (processes.size + groups.size === 0 && trackers.several === undefined) this.watches.delete(watch);
    }
    return this.processes + this.groups < before;
  }

  private trackersOf(watch: WatchTotals): WatchTrackers {
    let trackers = this.watches.get(watch);
    if (trackers === undefined) {
      trackers = { processes: new Map(), groups: new Map(), several: undefined };
      this.watches.set(watch, trackers);
    }
    return trackers;
  }
}

function dropIdle<Key>(trackers: Map<Key, Tracker>, seconds: number): number {
  const before = trackers.size;
  for (const [key, tracker] of trackers) if (tracker.isIdle(seconds)) trackers.delete(key);
  return before - trackers.size;
}
