import type { LossReason, PipelineCounts } from '../model/pipeline-counts.js';
import type { EventWriter } from '../output/event-writer.js';
import type { NativeProbe } from '../probe/native-probe.js';
import type { KernelCounters } from '../probe/record-layout.generated.js';
import type { Pipeline } from './pipeline.js';

export interface LedgerSources {
  readonly probe: NativeProbe;
  readonly pipeline: Pipeline;
  readonly writer: EventWriter;
  /** Sizes of the ring and of the backlog. */
  readonly capacities: () => { readonly ringBytes: number; readonly backlogBytes: number };
}

/** What was counted of the deletions at each step of their way from one probe to the log, also when that is closed. */
export class Ledger {
  private readonly sources: LedgerSources;
  /** The kernel's counters when the probe was closed. */
  private last: KernelCounters | undefined;
  private lastMissed = 0;
  private lastSkipped = 0;
  /** Failed attempts whose end the kernel left out. */
  private abandoned = 0;

  constructor(sources: LedgerSources) {
    this.sources = sources;
  }

  counts(): PipelineCounts {
    const { pipeline, writer } = this.sources;
    const kernel = this.kernelCounters();
    const probeMissed = this.missed();
    const lost: Record<LossReason, number> = {
      ring_full: kernel.lostRingFull,
      state_full: kernel.lostStateFull + this.abandoned,
      probe_skipped: this.lastSkipped,
      decode: pipeline.undecodable,
      output: writer.lostLines,
    };
    return {
      // What the programs did not run for they could not count.
      seen: kernel.seen + this.abandoned + this.lastSkipped,
      filteredInKernel: kernel.filtered,
      filteredInDaemon: pipeline.filtered,
      lost,
      // A line that waits for a slow reader may still be lost, and what is counted once cannot be taken back. So it counts when
      // the kernel has taken it; until then the ledger is short by what is queued.
      delivered: pipeline.unlogged + writer.writtenLines,
      folded: pipeline.folded,
      untracked: pipeline.untracked,
      probeMissed,
      // Programs of both kinds stand at the same hooks.
      unattributed: Math.max(...kernel.unattributed),
      ...this.buffers(),
    };
  }

  private buffers(): Pick<PipelineCounts, 'ring' | 'backlog'> {
    const { ringBytes, backlogBytes } = this.sources.capacities();
    const waiting = this.waitingBytes();
    // What moves meanwhile is counted as in the ring.
    const inBacklog = this.last === undefined ? Math.min(this.sources.probe.backlogUsedBytes(), waiting) : 0;
    return {
      ring: { capacityBytes: ringBytes, usedBytes: waiting - inBacklog },
      backlog: { capacityBytes: backlogBytes, usedBytes: inBacklog },
    };
  }

  /** Bytes of records that wait. */
  waitingBytes(): number {
    return this.last === undefined ? this.sources.probe.usedBytes() : 0;
  }

  /** The returned function tells whether all deletions have been handled whose records were made before this call. */
  mark(): () => boolean {
    const { submitted } = this.kernelCounters();
    return () => this.waitingBytes() === 0 || this.sources.pipeline.deletions >= submitted;
  }

  /** To be called about once a second: counts attempts of threads that ended unseen as lost. */
  sweep(): void {
    this.abandoned += this.sources.probe.sweepAttempts();
  }

  /** Never falls: what the kernel counts at a hook it forgets when the hook is taken away, before which this is to be called. */
  missed(): number {
    if (this.last === undefined) {
      const { probe } = this.sources;
      this.lastMissed = Math.max(this.lastMissed, probe.missedRuns());
      this.lastSkipped = Math.max(this.lastSkipped, probe.skippedSuccesses() ?? 0);
    }
    return this.lastMissed;
  }

  /** To be called before the probe is closed: from then on the counters stay as they are. */
  close(): void {
    this.missed();
    this.last = this.kernelCounters();
  }

  private kernelCounters(): KernelCounters {
    return this.last ?? this.sources.probe.readCounters();
  }
}
