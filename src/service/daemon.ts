import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { ProcessTable } from '../deletion/process-table.js';
import type { Diagnostics } from '../diagnostics/diagnostics.js';
import { EventEncoder } from '../event/event-encoder.js';
import { AccountNames } from '../host/account-names.js';
import { readMountTable } from '../host/mount-table.js';
import type { Readiness } from '../http/http-routes.js';
import { type HttpServer, startHttpServer } from '../http/http-server.js';
import { createMetrics } from '../metrics/registry.js';
import { countsOf } from '../metrics/watch-counters.js';
import type { AttachMode, Config } from '../model/config.js';
import { backpressureOf } from '../pipeline/backpressure.js';
import { DelayHistogram } from '../pipeline/delay-histogram.js';
import { Ledger } from '../pipeline/ledger.js';
import { LossReporter } from '../pipeline/loss-reporter.js';
import { Pipeline } from '../pipeline/pipeline.js';
import { RingDrain } from '../pipeline/ring-drain.js';
import { handleWaiting, writeWaiting } from '../pipeline/shutdown.js';
import type { NativeBinding, NativeProbe } from '../probe/native-probe.js';
import { type OpenedProbe, openProbe, probeInfoOf } from '../probe/open-probe.js';
import { redactor } from '../text/redact.js';
import { type EventOutput, openEventOutput } from './event-output.js';
import { SelfTest, type SelfTestResult } from './self-test.js';
import { Systemd } from './systemd.js';
import { WatchLookups } from './watch-lookups.js';
import { planWatches, type WatchPlan } from './watch-plan.js';
import { WatchState } from './watch-state.js';

/** The host's own mounts, also when the service lives in a mount namespace of its own. */
const HOST_MOUNTS = '/proc/1/mountinfo';
const HOUSEKEEPING_MS = 1_000;
/** How often it is looked up what the watches mean on this host; what changes is noticed within a minute. */
const LOOK_UP_MS = 30_000;
/** Until a self-test passes for the first time systemd waits, and so the next one should not be far. */
const SELF_TEST_RETRY_MS = 2_000;

export interface DaemonOptions {
  readonly config: Config;
  readonly binding: NativeBinding;
  readonly diagnostics: Diagnostics;
  readonly version: string;
  /** Reads the configuration again; undefined when it is bad, which has been said then. */
  readConfig(): Promise<Config | undefined>;
}

/** Everything that runs, in the order in which it was started; `stop` takes it down in reverse. */
export class Daemon {
  private config: Config;
  private readonly options: DaemonOptions;
  private readonly users: AccountNames;
  private readonly lookups: WatchLookups;
  private readonly watches: WatchState;
  private readonly delay = new DelayHistogram();
  private readonly systemd: Systemd;
  private output: EventOutput | undefined;
  private opened: OpenedProbe | undefined;
  private pipeline: Pipeline | undefined;
  private drain: RingDrain | undefined;
  private ledger: Ledger | undefined;
  private selfTest: SelfTest | undefined;
  private lastSelfTest: SelfTestResult | undefined;
  private losses: LossReporter | undefined;
  private http: HttpServer | undefined;
  private housekeeping: NodeJS.Timeout | undefined;
  private lookingUp: NodeJS.Timeout | undefined;
  private selfTestTimer: NodeJS.Timeout | undefined;
  private reloadState = { successful: true, lastSuccessSeconds: Date.now() / 1000 };
  private watchdogTurns = -1;
  private readonly defects = new Set<string>();
  /** systemd has been told that the service is ready. */
  private announced = false;
  private announcement: NodeJS.Timeout | undefined;
  private reloading = false;
  private reloadAgain = false;
  private stopping: Promise<number> | undefined;

  constructor(options: DaemonOptions) {
    this.options = options;
    this.config = options.config;
    this.users = new AccountNames('passwd');
    this.systemd = new Systemd((path, message) => options.binding.sendDatagram(path, message));
    this.lookups = new WatchLookups({ users: this.users, diagnostics: options.diagnostics });
    this.watches = new WatchState(
      planWatches([], undefined, () => undefined),
      {
        readMounts: () => readMountTable(HOST_MOUNTS),
        watchMounts: (onChange) => new options.binding.MountWatch(HOST_MOUNTS, onChange),
        onProblem: (message) => options.diagnostics.warn(message),
      },
    );
  }

  /** Where metrics are served; undefined when they are not. */
  get address(): string | undefined {
    return this.http?.address;
  }

  /** Resolves once deletions are reported and the first self-test is over. Throws what stands in the way. */
  async start(): Promise<void> {
    const { binding, diagnostics } = this.options;
    this.output = openEventOutput(this.config.log, diagnostics);
    await this.lookups.look(this.config.watches);
    if (this.stopping !== undefined) return;
    this.watches.adopt(this.planFor(this.config, this.watches.plan));
    const { attach, ringBufferBytes } = this.config.probe;
    const opened = openProbe(binding, attach, ringBufferBytes, (probe, mode) => this.prepare(probe, mode));
    this.opened = opened;
    const ledger = this.keepLedger(opened.probe);
    for (const { mode, reason, hint, details } of opened.refusals) {
      diagnostics.info({ mode, reason, ...(hint && { hint }) }, 'attach mode not usable');
      diagnostics.debug({ mode, details }, 'what libbpf said');
    }
    diagnostics.info(probeInfoOf(opened), 'probe attached');
    if (opened.description.leftOut !== '') {
      diagnostics.info({ reason: opened.description.leftOut }, 'hooks carry one program instead of two');
    }
    if (attach === 'auto' && opened.mode === 'tracepoint') {
      diagnostics.warn('only system calls can be hooked: no replaced files, no io_uring and no file details are told');
    }
    if (opened.description.hostMountNamespace === 0) {
      diagnostics.warn("cannot tell this host's mount namespace: every process counts as the host's");
    }
    this.selfTest = new SelfTest({ mode: opened.mode, mark: () => ledger.mark() });
    const drain: RingDrain = new RingDrain({
      probe: opened.probe,
      ringBytes: ringBufferBytes,
      handle: (record, offsets, count) => this.pipeline!.handleBatch(record, offsets, count),
      backpressure: () =>
        backpressureOf(
          opened.probe.usedBytes(),
          { ringBytes: ringBufferBytes, capacityBytes: drain.capacityBytes },
          this.output!.writer,
        ),
      onProblem: (message) => diagnostics.warn(message),
    });
    this.drain = drain;
    this.drain.start();
    this.watches.follow(() => void this.lookUpAgain());
    this.http = await startHttpServer({
      listen: this.config.http.listen,
      metrics: this.createMetrics(),
      readiness: () => this.readiness(),
      onError: (error) => diagnostics.error({ error }, 'http'),
    });
    if (this.http.address !== undefined) diagnostics.info({ address: this.http.address }, 'serving metrics');
    this.housekeeping = setInterval(() => this.houseKeep(), HOUSEKEEPING_MS);
    this.lookingUp = setInterval(() => void this.lookUpAgain(), LOOK_UP_MS);
    await this.runSelfTest();
    this.scheduleSelfTest();
    this.systemd.startWatchdog(() => this.alive());
    this.announce();
    diagnostics.info({ watches: this.config.watches.length }, 'watching for deletions');
  }

  /**
   * Takes over a changed configuration and opens the log file again. Never throws. A log file that cannot be opened
   * leaves all as it is; a bad configuration leaves the old one, but not the log file: logrotate has moved that away.
   */
  async reload(): Promise<void> {
    // One at a time, and none forgotten: a signal during a reload may stand for a file that was not read yet.
    if (this.reloading) {
      this.reloadAgain = true;
      return;
    }
    this.reloading = true;
    do {
      this.reloadAgain = false;
      await this.reloadOnce();
    } while (this.reloadAgain && this.stopping === undefined);
    this.reloading = false;
  }

  private async reloadOnce(): Promise<void> {
    const { diagnostics } = this.options;
    if (this.announced) this.systemd.reloading();
    let successful = false;
    try {
      successful = this.reopenLog() && (await this.takeOverConfig());
    } catch (error) {
      diagnostics.error({ error }, 'cannot take over the configuration, the old one stays');
    }
    const { lastSuccessSeconds } = this.reloadState;
    this.reloadState = { successful, lastSuccessSeconds: successful ? Date.now() / 1000 : lastSuccessSeconds };
    if (this.announced && this.stopping === undefined) this.systemd.ready(this.statusText());
  }

  private reopenLog(): boolean {
    try {
      this.output?.writer.reopen();
      return true;
    } catch (error) {
      this.options.diagnostics.error({ error }, 'cannot reopen the log file, and the old configuration stays');
      return false;
    }
  }

  private async takeOverConfig(): Promise<boolean> {
    const config = await this.options.readConfig();
    if (config === undefined || this.stopping !== undefined) return false;
    await this.lookups.look(config.watches);
    if (this.stopping !== undefined) return false;
    this.watches.adopt(this.planFor(config, this.watches.plan));
    this.warnOfFixedChanges(config);
    this.config = { ...config, probe: this.config.probe, http: this.config.http, log: this.config.log };
    this.scheduleSelfTest();
    this.options.diagnostics.info({ watches: config.watches.length }, 'configuration reloaded');
    return true;
  }

  /** Detaches, drains, flushes. Returns the exit code; may be called again while it runs. */
  stop(): Promise<number> {
    this.stopping ??= this.takeDown();
    return this.stopping;
  }

  /** What can be saved of the events when the process dies at once. */
  flushSync(): void {
    this.output?.writer.flushSync();
  }

  private prepare(probe: NativeProbe, mode: AttachMode): void {
    const { binding } = this.options;
    const bootId = readBootId();
    const line = new EventEncoder({
      hostName: hostname(),
      bootId,
      attach: mode,
      userName: (uid) => this.users.nameOf(uid),
    });
    this.pipeline = new Pipeline({
      line,
      lines: this.output!.lines,
      notice: this.output!.notice,
      processes: new ProcessTable({
        args: {
          limitBytes: this.config.log.processArgsBytes,
          commandLine: this.config.log.commandLine,
          redact: redactor(this.config.log.redact),
        },
        bootId,
        forgetInKernel: () => probe.forgetProcesses(),
      }),
      delay: this.delay,
      readClocks: (out) => binding.readClocks(out),
      mountsFor: (device) => this.watches.mountsFor(device),
      mountsNow: () => this.watches.mountsNow(),
      isDrained: () => probe.usedBytes() === 0,
      onOwnDeletion: (deletion) => this.selfTest?.observe(deletion),
      onDefect: (error) => this.reportDefect(error),
    });
    const { pipeline } = this;
    this.watches.bind({
      setFilter: (filter) => probe.setFilter(filter),
      use: (generation, judgedBy) => pipeline.use(generation, judgedBy),
    });
  }

  private planFor({ watches }: Config, previous: WatchPlan | undefined): WatchPlan {
    return planWatches(this.lookups.watchesFor(watches), previous, (name) => this.lookups.uidOf(name));
  }

  private keepLedger(probe: NativeProbe): Ledger {
    const pipeline = this.pipeline!;
    const { writer, notice } = this.output!;
    const capacityBytes = () => this.drain?.capacityBytes ?? this.config.probe.ringBufferBytes;
    const ledger = new Ledger({ probe, pipeline, writer, capacityBytes });
    this.losses = new LossReporter(() => ledger.counts().lost, notice, pipeline.host);
    this.ledger = ledger;
    return ledger;
  }

  /** Each kind once: the loss that comes with it is told anyway. */
  private reportDefect(error: Error): void {
    if (this.defects.has(error.message) || this.defects.size >= 16) return;
    this.defects.add(error.message);
    this.options.diagnostics.error({ error }, 'a record could not be handled');
  }

  private createMetrics() {
    const { binding, version } = this.options;
    return createMetrics({
      watches: () => countsOf(this.watches.plan.counters),
      pipeline: () => this.ledger!.counts(),
      probe: () => this.opened && probeInfoOf(this.opened),
      selfTest: () => this.lastSelfTest?.passed ?? { unlink: false, rmdir: false, replace: false },
      reload: () => this.reloadState,
      delay: this.delay,
      build: { version, nodeVersion: process.version, libbpfVersion: binding.libbpfVersion },
    });
  }

  private readiness(): Readiness {
    if (this.stopping !== undefined) return { ready: false, reason: 'stopping' };
    if (this.opened === undefined) return { ready: false, reason: 'not attached yet' };
    if (this.lastSelfTest === undefined) return { ready: false, reason: 'the first self-test is not over' };
    if (!this.lastSelfTest.ok) return { ready: false, reason: `self-test: ${this.lastSelfTest.problems.join('; ')}` };
    return { ready: true, reason: 'ready' };
  }

  private async runSelfTest(): Promise<void> {
    const { diagnostics } = this.options;
    const wasOk = this.lastSelfTest?.ok;
    this.lastSelfTest = await this.selfTest!.run();
    if (this.stopping !== undefined) return;
    if (!this.lastSelfTest.ok) {
      diagnostics.error({ problems: this.lastSelfTest.problems }, 'self-test failed: deletions may go unseen');
    } else if (wasOk === false) {
      diagnostics.info('self-test passes again');
    }
    if (wasOk !== undefined && wasOk !== this.lastSelfTest.ok) this.systemd.status(this.statusText());
  }

  /** Tells systemd that the service is ready, or, while no self-test has passed, tries again until one does. */
  private announce(): void {
    if (this.stopping !== undefined) return;
    if (this.lastSelfTest?.ok === true) {
      this.announced = true;
      this.systemd.ready(this.statusText());
      return;
    }
    this.systemd.status(this.statusText());
    this.announcement = setTimeout(() => void this.runSelfTest().then(() => this.announce()), SELF_TEST_RETRY_MS);
  }

  private scheduleSelfTest(): void {
    clearInterval(this.selfTestTimer);
    const { intervalMs } = this.config.selfTest;
    if (intervalMs !== null) this.selfTestTimer = setInterval(() => void this.runSelfTest(), intervalMs);
  }

  /** Never rejects. */
  private async lookUpAgain(): Promise<void> {
    const changed = await this.lookups.look(this.config.watches);
    if (!changed || this.stopping !== undefined) return;
    try {
      this.watches.adopt(this.planFor(this.config, this.watches.plan));
    } catch (error) {
      this.options.diagnostics.error({ error }, 'cannot take over what changed on this host');
    }
  }

  private houseKeep(): void {
    this.ledger?.sweep();
    this.reportLosses();
    this.output?.writer.lookForTarget();
    this.users.refresh();
  }

  private reportLosses(): void {
    const lost = this.losses?.check();
    if (lost !== undefined) this.options.diagnostics.error({ lost }, 'events were lost');
  }

  /** The drain sleeps while nothing comes, which is as good as running: it lives when nothing waits or it has moved. */
  private alive(): boolean {
    const turns = this.drain?.turns ?? 0;
    const moved = turns !== this.watchdogTurns;
    this.watchdogTurns = turns;
    return moved || this.ledger?.waitingBytes() === 0;
  }

  private statusText(): string {
    const state = this.lastSelfTest?.ok === false ? 'SELF-TEST FAILING' : 'watching';
    return `${state}: ${this.config.watches.length} watches, ${this.opened?.mode} on ${this.opened?.description.symbol}`;
  }

  private warnOfFixedChanges(config: Config): void {
    for (const key of ['probe', 'http', 'log'] as const) {
      if (JSON.stringify(config[key]) !== JSON.stringify(this.config[key])) {
        this.options.diagnostics.warn(`${key}: changes take effect at the next start`);
      }
    }
  }

  private async takeDown(): Promise<number> {
    const { diagnostics } = this.options;
    const { drain, output, ledger } = this;
    const startedMs = performance.now();
    let code = 0;
    const step = async (what: string, act: () => unknown): Promise<void> => {
      try {
        await act();
      } catch (error) {
        code = 1;
        diagnostics.error({ error }, `stopping: ${what}`);
      }
    };
    await step('systemd', () => this.systemd.stopping());
    clearInterval(this.housekeeping);
    clearInterval(this.lookingUp);
    clearInterval(this.selfTestTimer);
    clearTimeout(this.announcement);
    await step('detach', () => {
      ledger?.missed();
      this.opened?.probe.detach();
    });
    await step('drain', async () => {
      if (drain !== undefined && output !== undefined) await handleWaiting(drain, output.writer);
      ledger?.sweep();
      this.reportLosses();
    });
    await step('flush', async () => {
      if (output === undefined) return;
      const written = await writeWaiting(output.writer, startedMs);
      // Where there was no room to tell of losses, there may be now.
      this.reportLosses();
      if (!written || !(await output.writer.flush(HOUSEKEEPING_MS))) throw new Error('not everything could be written');
    });
    await step('http', () => this.http?.close());
    await step('mounts', () => this.watches.close());
    await step('close the probe', () => {
      ledger?.close();
      this.opened?.probe.close();
    });
    await step('close the log', () => this.output?.writer.close());
    const { seen, delivered, lost, probeMissed } = ledger?.counts() ?? {};
    diagnostics.info({ seen, delivered, lost, missed: probeMissed }, 'stopped');
    return code;
  }
}

function readBootId(): string | undefined {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return undefined;
  }
}
