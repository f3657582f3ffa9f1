import { randomBytes } from 'node:crypto';
import { causesOfSilence } from '../host/silent-probes.js';
import type { Readiness } from '../http/http-routes.js';
import type { HttpServer } from '../http/http-server.js';
import { warnOfOpenPages } from '../http/open-pages.js';
import { DelayHistogram } from '../metrics/delay-histogram.js';
import { createMetrics, type ReloadState } from '../metrics/registry.js';
import { countsOf } from '../metrics/watch-counters.js';
import type { Config } from '../model/config.js';
import type { PipelineCounts } from '../model/pipeline-counts.js';
import { inSlices, type Steps } from '../model/steps.js';
import { type OpenedProbe, probeInfoOf } from '../probe/open-probe.js';
import type { LineTap } from '../socket/event-socket.js';
import { isFallback } from './attach-limits.js';
import { DaemonRecord } from './daemon-record.js';
import { type Degradation, degradationsOf } from './degradation.js';
import { Delivery } from './delivery.js';
import type { EventOutput } from './event-output.js';
import { PageServing } from './page-serving.js';
import { reportProbe, reportUnserved } from './probe-report.js';
import { type CloseFailure, ResourceStack } from './resource-stack.js';
import type { RuntimeParts } from './runtime-parts.js';
import type { SelfTestResult } from './self-test.js';
import { SelfTestSchedule } from './self-test-schedule.js';
import type { ServiceStatus } from './service-status.js';
import { planSteps, type WatchPlan } from './watch-plan.js';
import { WatchState } from './watch-state.js';

const HOUSEKEEPING_MS = 1_000;
/** Others may rotate the log as well, which leaves more files than are to be kept. */
const LOG_LOOK_MS = 60_000;
/** How often it is looked up what the watches mean on this host; what changes is noticed within a minute. */
const LOOK_UP_MS = 30_000;

/** What the daemon around a runtime owns. */
export interface RuntimeSurroundings {
  readonly status: ServiceStatus;
  readonly onFailure: CloseFailure;
}

/** What is open, as openRuntime hands it over. */
interface Opened {
  readonly config: Config;
  readonly parts: RuntimeParts;
  readonly surroundings: RuntimeSurroundings;
  readonly stack: ResourceStack;
  readonly socket: Awaited<ReturnType<RuntimeParts['openEventSocket']>>;
  readonly pages: PageServing;
  readonly output: EventOutput;
  readonly watches: WatchState;
  readonly probe: OpenedProbe<Delivery>;
  readonly delay: DelayHistogram;
  readonly record: DaemonRecord | undefined;
}

/**
 * Opens everything that reports deletions, in order, and resolves once the first self-test is over. Rejects with what
 * stands in the way, or with the signal's reason when that is aborted; what was open is closed then, in reverse order.
 */
export async function openRuntime(
  config: Config,
  parts: RuntimeParts,
  signal: AbortSignal,
  surroundings: RuntimeSurroundings,
): Promise<Runtime> {
  const stack = new ResourceStack(surroundings.onFailure);
  try {
    signal.throwIfAborted();
    const { diagnostics } = parts;
    const openingSocket = parts.openEventSocket(config.socket.path);
    stack.defer('event socket', async () => {
      // What could not be had needs no closing.
      const opened = await openingSocket.catch(() => undefined);
      await opened?.close();
    });
    const socket = await unlessAborted(openingSocket, signal);
    const pages = new PageServing(diagnostics, () => parts.host.name);
    const output = parts.openOutput(config.log, bothTaps(socket, pages.page));
    stack.defer('close the log', () => {
      output.rotation?.close();
      output.writer.close();
    });
    void output.rotation?.look();
    await unlessAborted(parts.lookups.look(config.watches), signal);
    const watches = new WatchState(await inSlices(planFor(config, undefined, parts), signal), {
      readMounts: () => parts.readMounts(),
      watchMounts: (onChange) => parts.watchMounts(onChange),
      onProblem: (message) => diagnostics.warn(message),
    });
    const delay = new DelayHistogram();
    const { onFailure } = surroundings;
    const record = recordOn(output, parts);
    if (record !== undefined) await inSlices(record.prepare(config), signal);
    const opening = parts.openProbe(config.probe, (native, mode) =>
      Delivery.steps({ probe: native, mode, config, output, watches, delay, parts, record, onFailure }),
    );
    const probe = await inSlices(opening, signal);
    const runtime = new Runtime({
      ...{ config, parts, surroundings, stack, socket, pages, output, watches, probe, delay, record },
    });
    await runtime.begin(signal);
    return runtime;
  } catch (error) {
    await stack.dispose();
    throw error;
  }
}

/** Everything that runs, complete. */
export class Runtime {
  private readonly opened: Opened;
  private readonly selfTests: SelfTestSchedule;
  private config: Config;
  private reloadState: ReloadState = { successful: true, lastSuccessSeconds: Date.now() / 1000 };
  private closing = false;
  private isStuck = false;
  private nextLogLookMs = 0;
  private toldStatus: string | undefined;
  private http: HttpServer | undefined;
  private planning = Promise.resolve();

  /** For openRuntime: takes over a probe that is attached. */
  constructor(opened: Opened) {
    const { config, probe, stack, watches } = opened;
    const { prepared: delivery } = probe;
    this.opened = opened;
    this.config = config;
    this.selfTests = new SelfTestSchedule(delivery.selfTest, config.selfTest.intervalMs, (result, previous) =>
      this.selfTested(result, previous),
    );
    stack.defer('close the probe', () => {
      delivery.ledger.close();
      probe.probe.close();
    });
    stack.defer('mounts', () => watches.close());
    stack.defer('records', () => delivery.finish());
  }

  /** For openRuntime: what there is to wait for. Rejects as openRuntime does. */
  async begin(signal: AbortSignal): Promise<void> {
    const { config } = this;
    const { parts, stack, watches, probe, surroundings, output, record, pages } = this.opened;
    const { diagnostics } = parts;
    const { prepared: delivery } = probe;
    reportProbe(probe, config.probe.attach, parts);
    reportUnserved(config, probe.mode, parts);
    if (record !== undefined) {
      output.writer.beginFilesWith(() => record.continued(delivery.lastSequence));
      record.started(config, probe.mode);
    }
    delivery.start();
    if (record !== undefined) await inSlices(record.tellWatches(config.watches), signal);
    watches.follow(() => void this.lookUpAgain());
    pages.use(config.http);
    const serving = parts.serveHttp({
      listen: config.http.listen,
      web: config.http.web,
      metrics: this.createMetrics(),
      readiness: () => this.readiness(),
      more: () => pages.routes,
      onError: (error) => diagnostics.error({ error }, 'http'),
    });
    stack.defer('http', async () => {
      // The last counts can be read until all is written.
      await delivery.finish();
      await pages.page.close();
      // What could not be had needs no closing.
      const server = await serving.catch(() => undefined);
      await server?.close();
    });
    const http = await unlessAborted(serving, signal);
    if (http.address !== undefined) diagnostics.info({ address: http.address }, 'serving metrics');
    this.http = http;
    warnOfOpenPages(config.http, diagnostics);
    const housekeeping = setInterval(() => this.houseKeep(), HOUSEKEEPING_MS);
    stack.defer('housekeeping', () => clearInterval(housekeeping));
    const lookingUp = setInterval(() => void this.lookUpAgain(), LOOK_UP_MS);
    stack.defer('look-ups', () => clearInterval(lookingUp));
    stack.defer('self-test', () => this.selfTests.close());
    await unlessAborted(this.selfTests.run(), signal);
    surroundings.status.startWatchdog(() => delivery.alive());
    diagnostics.info({ watches: config.watches.length }, 'watching for deletions');
  }

  /** What was counted from the start; also when it is closed. */
  counts(): PipelineCounts {
    return this.opened.probe.prepared.ledger.counts();
  }

  /** For systemd and people. */
  get statusText(): string {
    const { mode, description } = this.opened.probe;
    const state = this.selfTests.last?.ok === false ? 'SELF-TEST FAILING' : 'watching';
    const degraded = this.degradations().map(({ status }) => `; ${status}`);
    return `${state}: ${this.config.watches.length} watches, ${mode} on ${description.symbol}${degraded.join('')}`;
  }

  private degradations(): Degradation[] {
    const { output, watches, probe } = this.opened;
    return degradationsOf({
      stuck: output.writer.stuck,
      wanted: this.config.probe.attach,
      mode: probe.mode,
      watches: this.config.watches,
      unfiltered: watches.unfiltered,
    });
  }

  /** Opens the log file again, as after a rotation. Throws when it cannot be opened; the old one stays in use. */
  reopenLog(): void {
    this.opened.output.writer.reopen();
  }

  /** Puts another configuration in force. Rejects, with nothing changed, when the kernel refuses it or `signal` is aborted. */
  async adopt(config: Config, signal: AbortSignal): Promise<void> {
    const { watches, parts, record, socket } = this.opened;
    parts.users.refresh();
    await parts.lookups.look(config.watches);
    await this.alone(async () => {
      const change = await socket.prepare(config.socket.path);
      try {
        const plan = await inSlices(planFor(config, watches.plan, parts), signal);
        await inSlices(watches.adopt(plan), signal);
      } catch (error) {
        await change.abandon();
        throw error;
      }
      await change.commit();
      this.takeOver(config);
      if (record !== undefined) await inSlices(record.reloaded(this.config));
    });
  }

  private takeOver(config: Config): void {
    // Its files were found fit when the configuration was read.
    this.http?.update(config.http.web);
    this.warnOfFixedChanges(config);
    reportUnserved(config, this.opened.probe.mode, this.opened.parts);
    const { probe, log } = this.config;
    this.config = { ...config, probe, http: { ...config.http, listen: this.config.http.listen }, log };
    this.opened.pages.useAgain(this.config.http);
    this.selfTests.every(config.selfTest.intervalMs);
    this.opened.probe.prepared.useBursts(config.bursts);
  }

  /** For the metrics. */
  noteReload(successful: boolean): void {
    const { lastSuccessSeconds } = this.reloadState;
    this.reloadState = { successful, lastSuccessSeconds: successful ? Date.now() / 1000 : lastSuccessSeconds };
  }

  /** Takes the hooks away, writes what waits, and closes everything. Never rejects. */
  async close(): Promise<void> {
    this.closing = true;
    await this.opened.stack.dispose();
  }

  /** What can be saved of the events when the process dies at once. */
  flushSync(): void {
    this.opened.output.writer.flushSync();
  }

  private createMetrics() {
    const { watches, probe, delay, parts, output, socket } = this.opened;
    return createMetrics({
      socket: () => ({ readers: socket.readerCount, lostLines: socket.lostLines }),
      output: () => ({
        waitingEvents: output.writer.queuedLines,
        waitingBytes: output.writer.backlogBytes,
        lastWriteSeconds: output.writer.lastWriteSeconds,
      }),
      fallback: isFallback(this.config.probe.attach, probe.mode),
      watches: () => countsOf(watches.plan.counters),
      pipeline: () => this.counts(),
      probe: () => probeInfoOf(probe),
      selfTest: () => this.selfTests.last?.passed ?? { unlink: false, rmdir: false, replace: false, move: false },
      reload: () => this.reloadState,
      followsMounts: () => watches.followsMounts,
      looksForBursts: () => this.config.bursts !== null,
      delay,
      build: parts.build,
    });
  }

  private readiness(): Readiness {
    const degraded = this.degradations().map(({ text }) => text);
    const unready = this.unreadiness();
    return { ready: unready === undefined, reason: unready ?? 'ready', degraded };
  }

  /** Why deletions that are wanted may go unseen; undefined: they do not. */
  private unreadiness(): string | undefined {
    if (this.closing) return 'stopping';
    const { last } = this.selfTests;
    if (last === undefined) return 'the first self-test is not over';
    if (!last.ok) {
      const causes = causesOfSilence(this.opened.probe.mode).map(({ cause }) => cause);
      return `self-test: ${[...causes, ...last.problems].join('; ')}`;
    }
    return this.opened.watches.unseen;
  }

  private selfTested(result: SelfTestResult, previous: SelfTestResult | undefined): void {
    const { parts, surroundings } = this.opened;
    const { diagnostics } = parts;
    if (!result.ok) {
      const causes = causesOfSilence(this.opened.probe.mode).map(({ cause, fix }) => `${cause} (${fix})`);
      diagnostics.error(
        { problems: result.problems, ...(causes.length > 0 && { causes }) },
        'self-test failed: deletions may go unseen',
      );
    } else if (previous?.ok === false) {
      diagnostics.info('self-test passes again');
    }
    const changed = previous !== undefined && previous.ok !== result.ok;
    surroundings.status.selfTested(result.ok, changed, this.statusText);
  }

  private houseKeep(): void {
    this.opened.probe.prepared.houseKeep();
    this.opened.parts.users.refresh();
    this.watchOutput();
    this.tellReaders();
    this.boundLog();
    const text = this.statusText;
    if (text !== this.toldStatus) this.opened.surroundings.status.changed(text);
    this.toldStatus = text;
  }

  private tellReaders(): void {
    const { socket, pages, watches, probe, output } = this.opened;
    const { page } = pages;
    if (socket.readerCount === 0 && !page.counts) return;
    const { attach, symbol } = probeInfoOf(probe);
    const { reason, degraded } = this.readiness();
    const state = [reason, ...degraded].join('; ');
    const now = {
      ...{ attach, symbol, state, counts: this.counts() },
      queued: output.writer.queuedLines,
      watches: countsOf(watches.plan.counters),
    };
    if (socket.readerCount > 0) socket.tell(now);
    page.tell(now);
  }

  private boundLog(): void {
    const now = performance.now();
    if (now < this.nextLogLookMs) return;
    this.nextLogLookMs = now + LOG_LOOK_MS;
    void this.opened.output.rotation?.look();
  }

  /** Tells when the log begins to take nothing, and when it goes on. */
  private watchOutput(): void {
    const { output, parts } = this.opened;
    const { stuck, queuedLines, backlogBytes } = output.writer;
    if (stuck !== undefined && !this.isStuck) {
      const waiting = { waiting_events: queuedLines, waiting_bytes: backlogBytes };
      parts.diagnostics.warn({ ...stuck, ...waiting }, 'the log takes nothing');
    } else if (stuck === undefined && this.isStuck) {
      parts.diagnostics.info('the log takes lines again');
    }
    this.isStuck = stuck !== undefined;
  }

  /** Never rejects. */
  private async lookUpAgain(): Promise<void> {
    const { parts, watches } = this.opened;
    if (!(await parts.lookups.look(this.config.watches))) return;
    await this.alone(async () => {
      try {
        const plan = await inSlices(planFor(this.config, watches.plan, parts));
        if (!this.closing) await inSlices(watches.adopt(plan));
      } catch (error) {
        if (this.closing) return;
        parts.diagnostics.error({ error }, 'cannot take over what changed on this host');
      }
    });
  }

  /** Makes one plan at a time: each starts from what the one before it put in force. */
  private alone(work: () => Promise<void>): Promise<void> {
    const done = this.planning.then(work);
    this.planning = done.catch(() => undefined);
    return done;
  }

  private warnOfFixedChanges(config: Config): void {
    const fixed = ({ probe, http, log }: Config) => ({ probe, 'http.listen': http.listen, log });
    const before = fixed(this.config);
    for (const [key, value] of Object.entries(fixed(config))) {
      if (JSON.stringify(value) !== JSON.stringify(before[key as keyof typeof before])) {
        this.opened.parts.diagnostics.warn(`${key}: changes take effect at the next start`);
      }
    }
  }
}

/** What each of both gets. */
function bothTaps(first: LineTap, second: LineTap): LineTap {
  return {
    offer: (chunk, length, lines) => {
      first.offer(chunk, length, lines);
      second.offer(chunk, length, lines);
    },
    notice: (line) => {
      first.notice(line);
      second.notice(line);
    },
  };
}

/** The form for people has none. */
function recordOn(output: EventOutput, parts: RuntimeParts): DaemonRecord | undefined {
  if (parts.openRunState === undefined || !output.isJson) return undefined;
  return new DaemonRecord({
    run: randomBytes(8).toString('hex'),
    version: parts.build.version,
    bootId: parts.host.bootId,
    state: parts.openRunState(),
    hostName: () => parts.host.name,
    notice: (line) => output.notice(line),
    onProblem: (message) => parts.diagnostics.warn(message),
  });
}

function* planFor({ watches }: Config, previous: WatchPlan | undefined, { lookups }: RuntimeParts): Steps<WatchPlan> {
  const meant = yield* lookups.watchesFor(watches);
  return yield* planSteps(meant, previous, (name) => lookups.uidOf(name));
}

/** As `promise`, but rejects with the signal's reason as soon as that is aborted. */
async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  let stopWaiting = () => {};
  const abortion = new Promise<void>((resolve) => {
    stopWaiting = resolve;
    signal.addEventListener('abort', stopWaiting, { once: true });
  });
  try {
    const first = await Promise.race([promise, abortion]);
    signal.throwIfAborted();
    return first as T;
  } finally {
    signal.removeEventListener('abort', stopWaiting);
  }
}
