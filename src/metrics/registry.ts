import { Counter, collectDefaultMetrics, Gauge, type Metric, Registry } from 'prom-client';
import { OPERATIONS, type Operation } from '../model/config.js';
import { LOSS_REASONS, type PipelineCounts, type ProbeInfo, type WatchCounts } from '../model/pipeline-counts.js';
import type { DelayHistogram } from './delay-histogram.js';
import { watchMetricsText } from './watch-text.js';

/** Where a scrape reads the numbers from: the parts that count keep plain cells and know nothing of metrics. */
export interface MetricsSources {
  /** The configured watches at this moment; a reload may change the set. */
  watches(): readonly WatchCounts[];
  pipeline(): PipelineCounts;
  /** undefined while nothing is attached. */
  probe(): ProbeInfo | undefined;
  selfTest(): Readonly<Record<Operation, boolean>>;
  reload(): ReloadState;
  /** What the log has not taken yet. */
  output(): OutputState;
  /** Who reads the event socket. */
  socket(): SocketState;
  /** Whether `probe.attach` names better modes than the one that was taken. */
  readonly fallback: boolean;
  looksForBursts(): boolean;
  /** undefined where mounts are not followed. */
  followsMounts(): boolean | undefined;
  readonly delay: DelayHistogram;
  readonly build: BuildInfo;
}

export interface OutputState {
  readonly waitingEvents: number;
  readonly waitingBytes: number;
  /** Unix time in seconds. */
  readonly lastWriteSeconds: number;
}

export interface SocketState {
  readonly readers: number;
  readonly lostLines: number;
}

export interface ReloadState {
  readonly successful: boolean;
  /** Unix time in seconds of the last configuration that was taken over; the one at start counts. */
  readonly lastSuccessSeconds: number;
}

export interface BuildInfo {
  readonly version: string;
  readonly nodeVersion: string;
  readonly libbpfVersion: string;
}

export interface Metrics {
  readonly contentType: string;
  /** The exposition text. It settles without waiting for a turn of the event loop, so a flood of events cannot starve it. */
  text(): Promise<string>;
}

/**
 * Sums that the client library publishes as gauges named `_total`, which only a counter may be; the same numbers, by
 * kind, stay in `nodejs_active_resources`, `_handles` and `_requests`.
 */
const MISNAMED_DEFAULT_METRICS = [
  'nodejs_active_resources_total',
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
];

/**
 * What the library calls the lag of the event loop holds the interval by which it is sampled: half a second at idle with one
 * that leaves an idle host asleep. `rmwatch_event_delay_seconds` tells the delay that matters.
 */
const EVENT_LOOP_LAG = 'nodejs_eventloop_lag_';
/** So rarely that it is never sampled: 31 bits of milliseconds. */
const EVENT_LOOP_SAMPLING_MS = 2 ** 31 - 1;

export function createMetrics(sources: MetricsSources): Metrics {
  const registry = new Registry();
  registerPipelineMetrics(registry, sources);
  registerOutputMetrics(registry, sources);
  registerSocketMetrics(registry, sources);
  registerStateMetrics(registry, sources);
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: EVENT_LOOP_SAMPLING_MS });
  for (const name of MISNAMED_DEFAULT_METRICS) registry.removeSingleMetric(name);
  for (const { name } of registry.getMetricsAsArray()) {
    if (name.startsWith(EVENT_LOOP_LAG)) registry.removeSingleMetric(name);
  }
  return { contentType: registry.contentType, text: async () => `${watchText(sources)}${await registry.metrics()}` };
}

/** System calls do not tell what a rename replaces, nor what a file is: what cannot be observed has no series. */
function seesFiles({ probe }: MetricsSources): boolean {
  return probe()?.attach !== 'tracepoint';
}

function observed(sources: MetricsSources): readonly Operation[] {
  return seesFiles(sources) ? OPERATIONS : OPERATIONS.filter((operation) => operation !== 'replace');
}

function watchText(sources: MetricsSources): string {
  return watchMetricsText(sources.watches(), {
    operations: observed(sources),
    seesFiles: seesFiles(sources),
    looksForBursts: sources.looksForBursts(),
  });
}

function registerPipelineMetrics(registry: Registry, sources: MetricsSources): void {
  const counter = (name: string, help: string, read: (counts: PipelineCounts) => number) =>
    new Counter({
      name,
      help,
      registers: [registry],
      collect() {
        this.reset();
        this.inc(read(sources.pipeline()));
      },
    });
  const gauge = (name: string, help: string, read: (counts: PipelineCounts) => number) =>
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(read(sources.pipeline()));
      },
    });

  counter(
    'rmwatch_events_seen_total',
    'Deletions, names that renames moved where a watch wants moves, and failed attempts where a watch wants failures.',
    (counts) => counts.seen,
  );
  new Counter({
    name: 'rmwatch_events_filtered_total',
    help: 'Attempts to delete or move that no watch wanted, by the stage that decided it.',
    labelNames: ['stage'],
    registers: [registry],
    collect() {
      this.reset();
      const counts = sources.pipeline();
      this.inc({ stage: 'kernel' }, counts.filteredInKernel);
      this.inc({ stage: 'daemon' }, counts.filteredInDaemon);
    },
  });
  new Counter({
    name: 'rmwatch_events_lost_total',
    help: 'Events that were wanted but not delivered, by reason.',
    labelNames: ['reason'],
    registers: [registry],
    collect() {
      this.reset();
      const { lost } = sources.pipeline();
      for (const reason of LOSS_REASONS) this.inc({ reason }, lost[reason]);
    },
  });
  counter(
    'rmwatch_events_delivered_total',
    'Events handed to the outputs, which have taken them.',
    (counts) => counts.delivered,
  );
  counter(
    'rmwatch_events_folded_total',
    'Deletions in bursts that only the summaries tell, as every watch that wants their lines has "fold: true".',
    (counts) => counts.folded,
  );
  counter(
    'rmwatch_burst_untracked_deletions_total',
    'Deletions in which the detector of bursts followed neither the process nor its group, as too many deleted at once.',
    (counts) => counts.untracked,
  );
  counter('rmwatch_probe_missed_total', 'Hook runs that the kernel reports as missed.', (counts) => counts.probeMissed);
  counter(
    'rmwatch_unattributed_deletions_total',
    'Deletions that no watched call led to, as by the servers in the kernel; they are not reported.',
    (counts) => counts.unattributed,
  );
  registerDelay(registry, sources.delay);
  gauge(
    'rmwatch_ring_buffer_bytes',
    'Size of the ring buffer between kernel and daemon.',
    ({ ring }) => ring.capacityBytes,
  );
  gauge(
    'rmwatch_ring_buffer_used_bytes',
    'Bytes of the ring buffer that hold records not yet read.',
    ({ ring }) => ring.usedBytes,
  );
  gauge(
    'rmwatch_backlog_bytes',
    'Size of the memory that the ring buffer is emptied into when the daemon is behind.',
    ({ backlog }) => backlog.capacityBytes,
  );
  gauge(
    'rmwatch_backlog_used_bytes',
    'Bytes of that memory that hold records not yet read.',
    ({ backlog }) => backlog.usedBytes,
  );
}

function registerOutputMetrics(registry: Registry, sources: MetricsSources): void {
  const gauge = (name: string, help: string, read: (state: OutputState) => number) =>
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(read(sources.output()));
      },
    });
  gauge(
    'rmwatch_output_waiting_events',
    'Events with a line that the log has not taken yet.',
    ({ waitingEvents }) => waitingEvents,
  );
  gauge('rmwatch_output_waiting_bytes', 'Bytes that the log has not taken yet.', ({ waitingBytes }) => waitingBytes);
  gauge(
    'rmwatch_output_last_write_timestamp_seconds',
    'Unix time of the last write that the log took; before the first one, that of its opening.',
    ({ lastWriteSeconds }) => lastWriteSeconds,
  );
}

function registerSocketMetrics(registry: Registry, sources: MetricsSources): void {
  new Gauge({
    name: 'rmwatch_socket_readers',
    help: 'Programs that follow the events on the socket of this host.',
    registers: [registry],
    collect() {
      this.set(sources.socket().readers);
    },
  });
  new Counter({
    name: 'rmwatch_socket_lost_lines_total',
    help: 'Lines that readers of the socket were too slow for, each counted for each reader; the log has them.',
    registers: [registry],
    collect() {
      this.reset();
      this.inc(sources.socket().lostLines);
    },
  });
}

function registerStateMetrics(registry: Registry, sources: MetricsSources): void {
  new Gauge({
    name: 'rmwatch_probe_info',
    help: 'How the kernel is hooked; always 1, absent while nothing is attached.',
    labelNames: ['attach', 'symbol', 'kind', 'success'],
    registers: [registry],
    collect() {
      this.reset();
      const probe = sources.probe();
      if (probe) this.set({ ...probe }, 1);
    },
  });
  new Gauge({
    name: 'rmwatch_probe_fallback',
    help: '1 when probe.attach puts another mode first and only system calls could be hooked, which see less than the other modes.',
    registers: [registry],
  }).set(sources.fallback ? 1 : 0);
  const { version, nodeVersion, libbpfVersion } = sources.build;
  new Gauge({
    name: 'rmwatch_build_info',
    help: 'The running version; always 1.',
    labelNames: ['version', 'node_version', 'libbpf_version'],
    registers: [registry],
  }).set({ version, node_version: nodeVersion, libbpf_version: libbpfVersion }, 1);
  new Gauge({
    name: 'rmwatch_self_test_ok',
    help: '1 when the last self-test deletion of that kind came through, right.',
    labelNames: ['operation'],
    registers: [registry],
    collect() {
      this.reset();
      const passed = sources.selfTest();
      for (const operation of observed(sources)) this.set({ operation }, passed[operation] ? 1 : 0);
    },
  });
  new Gauge({
    name: 'rmwatch_mounts_followed',
    help: "1 when the kernel's filter knows the present mounts of this host: 0 for some 50 ms after each change of them that the daemon has noticed.",
    registers: [registry],
    collect() {
      const follows = sources.followsMounts();
      if (follows === undefined) this.remove();
      else this.set(follows ? 1 : 0);
    },
  });
  new Gauge({
    name: 'rmwatch_config_last_reload_successful',
    help: '1 when the configuration was taken over, and the log file opened, at the last load or reload.',
    registers: [registry],
    collect() {
      this.set(sources.reload().successful ? 1 : 0);
    },
  });
  new Gauge({
    name: 'rmwatch_config_last_reload_success_timestamp_seconds',
    help: 'Unix time at which a configuration was last taken over.',
    registers: [registry],
    collect() {
      this.set(sources.reload().lastSuccessSeconds);
    },
  });
}

/**
 * A histogram that is filled elsewhere: the client library offers no way to set one, but reads any metric that is registered
 * through its get().
 */
function registerDelay(registry: Registry, cells: DelayHistogram): void {
  const name = 'rmwatch_event_delay_seconds';
  const description = { name, help: 'Time from a deletion to its line.', type: 'histogram', aggregator: 'sum' };
  const bucket = (le: number | string, value: number) => ({ metricName: `${name}_bucket`, value, labels: { le } });
  const metric = {
    ...description,
    get: async () => ({
      ...description,
      values: [
        ...cells.buckets().map(({ upperBound, count }) => bucket(upperBound, count)),
        bucket('+Inf', cells.count),
        { metricName: `${name}_sum`, value: cells.sum, labels: {} },
        { metricName: `${name}_count`, value: cells.count, labels: {} },
      ],
    }),
  };
  // Its typings name the classes of the library only.
  registry.registerMetric(metric as unknown as Metric);
}
