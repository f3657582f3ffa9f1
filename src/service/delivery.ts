import { BurstDetector } from '../burst/burst-detector.js';
import { BurstReporter } from '../burst/burst-reporter.js';
import { ProcessTable } from '../deletion/process-table.js';
import { EventEncoder } from '../event/event-encoder.js';
import type { DelayHistogram } from '../metrics/delay-histogram.js';
import type { AttachMode, Config } from '../model/config.js';
import type { Steps } from '../model/steps.js';
import { backpressureOf } from '../pipeline/backpressure.js';
import { Ledger } from '../pipeline/ledger.js';
import { LossReporter } from '../pipeline/loss-reporter.js';
import { Pipeline } from '../pipeline/pipeline.js';
import { RingDrain } from '../pipeline/ring-drain.js';
import { handleWaiting, writeWaiting } from '../pipeline/shutdown.js';
import type { NativeProbe } from '../probe/native-probe.js';
import { redactor } from '../text/redact.js';
import type { DaemonRecord } from './daemon-record.js';
import type { EventOutput } from './event-output.js';
import type { CloseFailure } from './resource-stack.js';
import type { RuntimeParts } from './runtime-parts.js';
import type { SelfTest } from './self-test.js';
import type { WatchState } from './watch-state.js';

/** Kinds of defects that are reported; the losses that come with the others are reported anyway. */
const DEFECTS_MAX = 16;
/** How long the notice of losses may take at the very end. */
const LAST_FLUSH_MS = 1_000;

/** A minute. */
const RETRY_TURNS = 60;

export interface DeliveryOptions {
  readonly probe: NativeProbe;
  readonly mode: AttachMode;
  readonly config: Config;
  readonly output: EventOutput;
  readonly watches: WatchState;
  readonly delay: DelayHistogram;
  readonly parts: RuntimeParts;
  /** undefined: the log says nothing of itself. */
  readonly record: DaemonRecord | undefined;
  readonly onFailure: CloseFailure;
}

/** The way of the records of one probe: from the ring to the log, with its books and its self-test. */
export class Delivery {
  readonly ledger: Ledger;
  readonly selfTest: Pick<SelfTest, 'run' | 'observe' | 'close'>;
  private readonly options: DeliveryOptions;
  private readonly pipeline: Pipeline;
  private readonly drain: RingDrain;
  private readonly losses: LossReporter;
  private readonly defects = new Set<string>();
  /** Why the returns of renames could not be hooked; told once. */
  private refusal: string | undefined;
  /** So many turns of the housekeeping pass before it is tried again. */
  private pause = 0;
  private watchdogTurns = -1;
  private recordedTurns = -1;
  private finishing: Promise<void> | undefined;

  /** Puts the watches into a probe that is not yet attached. Throws a NativeError. */
  static *steps(options: DeliveryOptions): Steps<Delivery> {
    const delivery = new Delivery(options);
    yield* delivery.bindWatches();
    return delivery;
  }

  private constructor(options: DeliveryOptions) {
    const { probe, mode, config, output, watches, delay, parts } = options;
    const { ringBufferBytes: ringBytes } = config.probe;
    this.options = options;
    this.selfTest = parts.newSelfTest({ mode, mark: () => this.ledger.mark() });
    const line = new EventEncoder({
      hostName: parts.host.name,
      bootId: parts.host.bootId,
      attach: mode,
      userName: (uid) => parts.users.nameOf(uid),
      errorName: (number) => parts.errorName(number),
    });
    this.pipeline = new Pipeline({
      line,
      lines: output.lines,
      notice: output.notice,
      processes: new ProcessTable({
        args: {
          limitBytes: config.log.processArgsBytes,
          commandLine: config.log.commandLine,
          redact: redactor(config.log.redact),
        },
        bootId: parts.host.bootId,
        forgetInKernel: () => probe.forgetProcesses(),
      }),
      delay,
      bursts: new BurstDetector({
        actorOf: (record, process) => line.actorOf(record, process),
        reporter: new BurstReporter({
          attach: mode,
          hostJson: () => line.host,
          notice: output.notice,
          onProblem: (message) => parts.diagnostics.warn(message),
        }),
      }),
      readClocks: (out) => parts.readClocks(out),
      mountsFor: (device) => watches.mountsFor(device),
      mountsNow: () => watches.mountsNow(),
      isDrained: () => probe.usedBytes() === 0,
      onOwnDeletion: (deletion) => this.selfTest.observe(deletion),
      onDefect: (error) => this.reportDefect(error),
    });
    const drain: RingDrain = new RingDrain({
      probe,
      ringBytes,
      handle: (record, offsets, count) => this.pipeline.handleBatch(record, offsets, count),
      backpressure: () =>
        backpressureOf(probe.usedBytes(), { ringBytes, capacityBytes: drain.capacityBytes }, output.writer),
      onProblem: (message) => parts.diagnostics.warn(message),
    });
    this.drain = drain;
    this.ledger = new Ledger({
      probe,
      pipeline: this.pipeline,
      writer: output.writer,
      capacities: () => drain.capacities,
    });
    this.pipeline.useBursts(config.bursts);
    this.losses = new LossReporter(
      () => this.ledger.counts().lost,
      output.notice,
      () => this.pipeline.host,
    );
  }

  private *bindWatches(): Steps<void> {
    const { probe, mode, watches, parts } = this.options;
    const { source, problems } = parts.findMounts(mode, probe) ?? {};
    if (source !== undefined) parts.diagnostics.info({ source }, 'mounts of this host found');
    const target = { probe, use: this.pipeline.use.bind(this.pipeline) };
    yield* watches.bind(target, true);
    if (watches.unfiltered !== undefined) parts.diagnostics.warn({ problems }, watches.unfiltered);
  }

  start(): void {
    this.drain.start();
  }

  /** To be called about once a second. */
  houseKeep(): void {
    this.ledger.sweep();
    this.followFilesystems();
    this.reportLosses();
    this.pipeline.lookAtBursts();
    this.options.output.writer.lookForTarget();
    // cloud-init, DHCP and hostnamectl change it.
    this.pipeline.useHostName(this.options.parts.host.name);
    this.keepRecord();
  }

  private followFilesystems(): void {
    if (this.pause > 0) {
      this.pause--;
      return;
    }
    try {
      this.options.probe.followFilesystems();
    } catch (error) {
      this.pause = RETRY_TURNS;
      const { message } = error as Error;
      if (message === this.refusal) return;
      this.refusal = message;
      this.options.parts.diagnostics.warn(
        { error: message },
        'what renames replace or take away on ceph is not reported',
      );
    }
  }

  /** From now on bursts are what these settings say. */
  useBursts(settings: Config['bursts']): void {
    this.pipeline.useBursts(settings);
  }

  /** The number of the last event that has a line; 0: none has. */
  get lastSequence(): number {
    return this.pipeline.lastSequence;
  }

  /** The drain sleeps while nothing comes, which is as good as running: it lives when nothing waits or it has moved. */
  alive(): boolean {
    const moved = this.drain.turns !== this.watchdogTurns;
    this.watchdogTurns = this.drain.turns;
    return moved || this.ledger.waitingBytes() === 0;
  }

  private keepRecord(): void {
    const { record } = this.options;
    if (record === undefined) return;
    record.retry();
    const moved = this.drain.turns !== this.recordedTurns;
    this.recordedTurns = this.drain.turns;
    if (moved || this.ledger.waitingBytes() === 0) record.alive(this.lastSequence);
  }

  /** Takes the hooks away, then handles and writes all that waits. Never rejects; a second call joins the first. */
  finish(): Promise<void> {
    this.finishing ??= this.finishAll();
    return this.finishing;
  }

  private async finishAll(): Promise<void> {
    const { probe, output, onFailure } = this.options;
    const startedMs = performance.now();
    const step = async (what: string, act: () => unknown): Promise<void> => {
      try {
        await act();
      } catch (error) {
        onFailure(what, error);
      }
    };
    await step('detach', () => {
      this.ledger.missed();
      probe.detach();
    });
    await step('drain', async () => {
      await handleWaiting(this.drain, output.writer);
      this.ledger.sweep();
      this.reportLosses();
      this.pipeline.endBursts();
      this.options.record?.stopped(this.lastSequence, this.ledger.counts());
    });
    await step('flush', async () => {
      const written = await writeWaiting(output.writer, startedMs);
      // Where there was no room for the notice of losses, there may be now.
      this.reportLosses();
      this.options.record?.retry();
      if (!written || !(await output.writer.flush(LAST_FLUSH_MS))) throw new Error('not everything could be written');
    });
  }

  /** Each kind once. */
  private reportDefect(error: Error): void {
    if (this.defects.has(error.message) || this.defects.size >= DEFECTS_MAX) return;
    this.defects.add(error.message);
    this.options.parts.diagnostics.error({ error }, 'a record could not be handled');
  }

  private reportLosses(): void {
    const lost = this.losses.check();
    if (lost !== undefined) this.options.parts.diagnostics.error({ lost }, 'events were lost');
  }
}
