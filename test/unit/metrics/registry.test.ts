import { beforeEach, describe, expect, it } from 'vitest';
import { DelayHistogram } from '../../../src/metrics/delay-histogram.js';
import { createMetrics, type Metrics } from '../../../src/metrics/registry.js';
import { countersFor, countsOf, type WatchCounter } from '../../../src/metrics/watch-counters.js';
import type { Operation } from '../../../src/model/config.js';
import type { PipelineCounts, ProbeInfo } from '../../../src/model/pipeline-counts.js';
import { findPromtool, lintMetrics } from '../../lib/promtool.js';

let counters: readonly WatchCounter[];
let delay: DelayHistogram;
let pipeline: PipelineCounts;
let probe: ProbeInfo | undefined;
let selfTest: Record<Operation, boolean>;
let reloadSuccessful: boolean;
let followsMounts: boolean | undefined;
let metrics: Metrics;

beforeEach(() => {
  counters = countersFor([
    { name: 'app', failures: true },
    { name: 'all', failures: false },
  ]);
  delay = new DelayHistogram();
  pipeline = {
    seen: 0,
    filteredInKernel: 0,
    filteredInDaemon: 0,
    unattributed: 0,
    lost: { ring_full: 0, state_full: 0, probe_skipped: 0, decode: 0, output: 0 },
    delivered: 0,
    folded: 0,
    untracked: 0,
    probeMissed: 0,
    ring: { capacityBytes: 16 * 1024 * 1024, usedBytes: 0 },
    backlog: { capacityBytes: 64, usedBytes: 0 },
  };
  probe = undefined;
  selfTest = { unlink: false, rmdir: false, replace: false, move: false };
  reloadSuccessful = true;
  followsMounts = true;
  metrics = createMetrics({
    watches: () => countsOf(counters),
    pipeline: () => pipeline,
    probe: () => probe,
    selfTest: () => selfTest,
    reload: () => ({ successful: reloadSuccessful, lastSuccessSeconds: 1_700_000_000 }),
    output: () => ({ waitingEvents: 3, waitingBytes: 4_000, lastWriteSeconds: 1_700_000_001 }),
    socket: () => ({ readers: 2, lostLines: 9 }),
    fallback: true,
    looksForBursts: () => true,
    followsMounts: () => followsMounts,
    delay,
    build: { version: '1.2.3', nodeVersion: 'v20.0.0', libbpfVersion: '1.5.0' },
  });
});

/** The product's own lines, without those of the client library. */
async function ownLines(): Promise<string[]> {
  return (await metrics.text()).split('\n').filter((line) => /^(# (HELP|TYPE) )?rmwatch_/.test(line));
}

async function seriesOf(name: string): Promise<string[]> {
  return (await ownLines()).filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
}

describe('metrics text', () => {
  it('has every metric with its type, and every configured series at 0 from the start', async () => {
    const lines = await ownLines();
    expect(lines.filter((line) => line.startsWith('# TYPE'))).toEqual([
      '# TYPE rmwatch_deletions_total counter',
      '# TYPE rmwatch_deletion_failures_total counter',
      '# TYPE rmwatch_freed_bytes_total counter',
      '# TYPE rmwatch_bursts_total counter',
      '# TYPE rmwatch_bursts_active gauge',
      '# TYPE rmwatch_events_seen_total counter',
      '# TYPE rmwatch_events_filtered_total counter',
      '# TYPE rmwatch_events_lost_total counter',
      '# TYPE rmwatch_events_delivered_total counter',
      '# TYPE rmwatch_events_folded_total counter',
      '# TYPE rmwatch_burst_untracked_deletions_total counter',
      '# TYPE rmwatch_probe_missed_total counter',
      '# TYPE rmwatch_unattributed_deletions_total counter',
      '# TYPE rmwatch_event_delay_seconds histogram',
      '# TYPE rmwatch_ring_buffer_bytes gauge',
      '# TYPE rmwatch_ring_buffer_used_bytes gauge',
      '# TYPE rmwatch_backlog_bytes gauge',
      '# TYPE rmwatch_backlog_used_bytes gauge',
      '# TYPE rmwatch_output_waiting_events gauge',
      '# TYPE rmwatch_output_waiting_bytes gauge',
      '# TYPE rmwatch_output_last_write_timestamp_seconds gauge',
      '# TYPE rmwatch_socket_readers gauge',
      '# TYPE rmwatch_socket_lost_lines_total counter',
      '# TYPE rmwatch_probe_info gauge',
      '# TYPE rmwatch_probe_fallback gauge',
      '# TYPE rmwatch_build_info gauge',
      '# TYPE rmwatch_self_test_ok gauge',
      '# TYPE rmwatch_mounts_followed gauge',
      '# TYPE rmwatch_config_last_reload_successful gauge',
      '# TYPE rmwatch_config_last_reload_success_timestamp_seconds gauge',
    ]);
    expect(lines.filter((line) => !line.startsWith('#') && !line.startsWith('rmwatch_event_delay'))).toEqual([
      'rmwatch_deletions_total{watch="app",operation="unlink"} 0',
      'rmwatch_deletions_total{watch="app",operation="rmdir"} 0',
      'rmwatch_deletions_total{watch="app",operation="replace"} 0',
      'rmwatch_deletions_total{watch="app",operation="move"} 0',
      'rmwatch_deletions_total{watch="all",operation="unlink"} 0',
      'rmwatch_deletions_total{watch="all",operation="rmdir"} 0',
      'rmwatch_deletions_total{watch="all",operation="replace"} 0',
      'rmwatch_deletions_total{watch="all",operation="move"} 0',
      'rmwatch_deletion_failures_total{watch="app",operation="unlink"} 0',
      'rmwatch_deletion_failures_total{watch="app",operation="rmdir"} 0',
      'rmwatch_deletion_failures_total{watch="app",operation="replace"} 0',
      'rmwatch_deletion_failures_total{watch="app",operation="move"} 0',
      'rmwatch_freed_bytes_total{watch="app"} 0',
      'rmwatch_freed_bytes_total{watch="all"} 0',
      'rmwatch_bursts_total{watch="app"} 0',
      'rmwatch_bursts_total{watch="all"} 0',
      'rmwatch_bursts_active{watch="app"} 0',
      'rmwatch_bursts_active{watch="all"} 0',
      'rmwatch_events_seen_total 0',
      'rmwatch_events_filtered_total{stage="kernel"} 0',
      'rmwatch_events_filtered_total{stage="daemon"} 0',
      'rmwatch_events_lost_total{reason="ring_full"} 0',
      'rmwatch_events_lost_total{reason="state_full"} 0',
      'rmwatch_events_lost_total{reason="probe_skipped"} 0',
      'rmwatch_events_lost_total{reason="decode"} 0',
      'rmwatch_events_lost_total{reason="output"} 0',
      'rmwatch_events_delivered_total 0',
      'rmwatch_events_folded_total 0',
      'rmwatch_burst_untracked_deletions_total 0',
      'rmwatch_probe_missed_total 0',
      'rmwatch_unattributed_deletions_total 0',
      'rmwatch_ring_buffer_bytes 16777216',
      'rmwatch_ring_buffer_used_bytes 0',
      'rmwatch_backlog_bytes 64',
      'rmwatch_backlog_used_bytes 0',
      'rmwatch_output_waiting_events 3',
      'rmwatch_output_waiting_bytes 4000',
      'rmwatch_output_last_write_timestamp_seconds 1700000001',
      'rmwatch_socket_readers 2',
      'rmwatch_socket_lost_lines_total 9',
      'rmwatch_probe_fallback 1',
      'rmwatch_build_info{version="1.2.3",node_version="v20.0.0",libbpf_version="1.5.0"} 1',
      'rmwatch_self_test_ok{operation="unlink"} 0',
      'rmwatch_self_test_ok{operation="rmdir"} 0',
      'rmwatch_self_test_ok{operation="replace"} 0',
      'rmwatch_self_test_ok{operation="move"} 0',
      'rmwatch_mounts_followed 1',
      'rmwatch_config_last_reload_successful 1',
      'rmwatch_config_last_reload_success_timestamp_seconds 1700000000',
    ]);
  });

  it('has no series of what tracepoint mode cannot observe', async () => {
    probe = { attach: 'kprobe', symbol: 'do_unlinkat', kind: 'perf', success: 'hook' };
    expect((await ownLines()).filter((line) => /operation="replace"|freed_bytes_total\{/.test(line))).toHaveLength(6);
    probe = { attach: 'tracepoint', symbol: 'sys_exit', kind: 'tracepoint', success: 'return' };
    const lines = await ownLines();
    expect(lines.filter((line) => /operation="replace"|freed_bytes_total\{/.test(line))).toEqual([]);
    expect(lines).toContain('rmwatch_deletions_total{watch="app",operation="unlink"} 0');
    expect(lines).toContain('rmwatch_self_test_ok{operation="rmdir"} 0');
  });

  it('repeats the same numbers at a second scrape', async () => {
    pipeline = {
      ...pipeline,
      seen: 7,
      filteredInKernel: 3,
      filteredInDaemon: 2,
      delivered: 1,
      folded: 5,
      untracked: 6,
      probeMissed: 9,
      unattributed: 8,
    };
    pipeline = {
      ...pipeline,
      lost: { ring_full: 1, state_full: 2, probe_skipped: 5, decode: 3, output: 4 },
      ring: { capacityBytes: 1024, usedBytes: 512 },
    };
    counters = countersFor([{ name: 'app', failures: true }], counters);
    const app = counters[0]!.totals;
    app.deletions.unlink = 4;
    app.failures.rmdir = 5;
    app.freedBytes = 4096;
    app.bursts = 3;
    app.activeBursts = 1;
    const first = await ownLines();
    expect(await ownLines()).toEqual(first);
    expect(first).toContain('rmwatch_deletions_total{watch="app",operation="unlink"} 4');
    expect(first).toContain('rmwatch_deletion_failures_total{watch="app",operation="rmdir"} 5');
    expect(first).toContain('rmwatch_freed_bytes_total{watch="app"} 4096');
    expect(first).toContain('rmwatch_bursts_total{watch="app"} 3');
    expect(first).toContain('rmwatch_bursts_active{watch="app"} 1');
    expect(first).toContain('rmwatch_events_folded_total 5');
    expect(first).toContain('rmwatch_burst_untracked_deletions_total 6');
    expect(first).toContain('rmwatch_events_seen_total 7');
    expect(first).toContain('rmwatch_events_filtered_total{stage="kernel"} 3');
    expect(first).toContain('rmwatch_events_filtered_total{stage="daemon"} 2');
    expect(first).toContain('rmwatch_events_lost_total{reason="ring_full"} 1');
    expect(first).toContain('rmwatch_events_lost_total{reason="state_full"} 2');
    expect(first).toContain('rmwatch_events_lost_total{reason="probe_skipped"} 5');
    expect(first).toContain('rmwatch_events_lost_total{reason="decode"} 3');
    expect(first).toContain('rmwatch_events_lost_total{reason="output"} 4');
    expect(first).toContain('rmwatch_events_delivered_total 1');
    expect(first).toContain('rmwatch_probe_missed_total 9');
    expect(first).toContain('rmwatch_unattributed_deletions_total 8');
    expect(first).toContain('rmwatch_ring_buffer_used_bytes 512');
  });

  it('drops the series of a watch that a reload removed and of failures no longer asked for', async () => {
    await metrics.text();
    counters = countersFor([{ name: 'app', failures: false }], counters);
    expect((await ownLines()).join('\n')).not.toContain('watch="all"');
    expect(await seriesOf('rmwatch_deletion_failures_total')).toEqual([]);
  });

  it('tells the attached probe only while there is one', async () => {
    expect(await seriesOf('rmwatch_probe_info')).toEqual([]);
    probe = { attach: 'kprobe', symbol: 'do_unlinkat', kind: 'kprobe.multi', success: 'kprobe.multi+fentry' };
    expect(await seriesOf('rmwatch_probe_info')).toEqual([
      'rmwatch_probe_info{attach="kprobe",symbol="do_unlinkat",kind="kprobe.multi",success="kprobe.multi+fentry"} 1',
    ]);
    probe = { attach: 'fentry', symbol: 'do_unlinkat', kind: 'fentry', success: 'fentry' };
    expect(await seriesOf('rmwatch_probe_info')).toEqual([
      'rmwatch_probe_info{attach="fentry",symbol="do_unlinkat",kind="fentry",success="fentry"} 1',
    ]);
  });

  it('follows the self-test and the reload state', async () => {
    selfTest = { unlink: true, rmdir: false, replace: true, move: true };
    reloadSuccessful = false;
    const lines = await ownLines();
    expect(lines).toContain('rmwatch_self_test_ok{operation="unlink"} 1');
    expect(lines).toContain('rmwatch_self_test_ok{operation="rmdir"} 0');
    expect(lines).toContain('rmwatch_self_test_ok{operation="replace"} 1');
    expect(lines).toContain('rmwatch_config_last_reload_successful 0');
  });

  it('says whether the mounts of the host are followed, and nothing where they are not', async () => {
    followsMounts = false;
    expect(await seriesOf('rmwatch_mounts_followed')).toEqual(['rmwatch_mounts_followed 0']);
    followsMounts = undefined;
    expect(await seriesOf('rmwatch_mounts_followed')).toEqual([]);
    followsMounts = true;
    expect(await seriesOf('rmwatch_mounts_followed')).toEqual(['rmwatch_mounts_followed 1']);
  });

  it('publishes the delay as a histogram', async () => {
    for (const seconds of [0.0005, 0.002, 0.002, 30]) delay.observe(seconds);
    const lines = await ownLines();
    expect(lines).toContain('rmwatch_event_delay_seconds_bucket{le="0.001"} 1');
    expect(lines).toContain('rmwatch_event_delay_seconds_bucket{le="0.0025"} 3');
    expect(lines).toContain('rmwatch_event_delay_seconds_bucket{le="10"} 3');
    expect(lines).toContain('rmwatch_event_delay_seconds_bucket{le="+Inf"} 4');
    expect(lines).toContain('rmwatch_event_delay_seconds_count 4');
    expect(lines).toContain('rmwatch_event_delay_seconds_sum 30.0045');
  });

  it("includes the client library's process and Node.js metrics", async () => {
    const text = await metrics.text();
    expect(text).toMatch(/^process_cpu_seconds_total /m);
    expect(text).toMatch(/^process_resident_memory_bytes /m);
    expect(text).toMatch(/^nodejs_heap_size_used_bytes /m);
    // Its values were those of the sampling interval.
    expect(text).not.toContain('eventloop_lag');
  });

  it('is ready within the same turn of the event loop', async () => {
    let turns = 0;
    const turn = setImmediate(() => turns++);
    await metrics.text();
    clearImmediate(turn);
    expect(turns).toBe(0);
  });

  const promtool = findPromtool();
  const missing = 'missing' in promtool ? promtool.missing : '';
  it.skipIf(missing !== '' && process.env['CI'] !== 'true')(
    missing ? `passes promtool check metrics (${missing})` : 'passes promtool check metrics',
    async () => {
      if ('missing' in promtool) throw new Error(promtool.missing);
      probe = { attach: 'kprobe', symbol: 'do_unlinkat', kind: 'kprobe.multi', success: 'kprobe.multi+fentry' };
      delay.observe(0.003);
      expect(lintMetrics(promtool.path, await metrics.text())).toBe('');
      // The check itself must be able to fail.
      expect(lintMetrics(promtool.path, '# TYPE wrong_total gauge\nwrong_total 1\n')).not.toBe('');
    },
  );
});
