import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, rmdirSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { expectCheckedLines } from '../lib/checked-lines.js';
import { dashboardQueries, dashboardVariables, readDashboard, substitute } from '../lib/grafana-dashboard.js';
import { HostDaemon } from '../lib/host-daemon.js';
import { findPrometheus, PrometheusServer, type Series } from '../lib/prometheus.js';
import { lintMetrics } from '../lib/promtool.js';
import { waitUntil } from '../lib/wait-until.js';

const configured = (name: string) => fileURLToPath(new URL(`../../config/prometheus/${name}`, import.meta.url));
const RULES = configured('rules.yml');
const RULE_CASES = configured('rules.test.yml');
const EXAMPLE = configured('prometheus.example.yml');

const programs = process.geteuid?.() === 0 ? findPrometheus() : { missing: 'hooking the kernel needs root' };
const missing = 'missing' in programs ? programs.missing : undefined;
const skipped = missing !== undefined && process.env['CI'] !== 'true';
if (skipped) console.warn(`test/host/prometheus.test.ts, what needs a real Prometheus is skipped: ${missing}`);

function found() {
  if ('missing' in programs) throw new Error(programs.missing);
  return programs;
}

/** Exit code and what was said, so that a failure shows it. */
function promtool(...args: string[]): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(found().promtool, args, { encoding: 'utf8' });
  return { status, output: `${stdout}${stderr}` };
}

/** Different numbers, so that none can stand for another. */
const DELETED = { unlink: 17, rmdir: 5, replace: 3 } as const;
const FAILED = { unlink: 4, rmdir: 2 } as const;

function deleteThings(work: string): void {
  const each = (count: number, act: (path: string) => void) => {
    for (let i = 0; i < count; i++) act(join(work, `thing${i}`));
  };
  each(DELETED.unlink, (path) => {
    writeFileSync(path, 'content');
    unlinkSync(path);
  });
  each(DELETED.rmdir, (path) => {
    mkdirSync(path);
    rmdirSync(path);
  });
  writeFileSync(join(work, 'kept'), 'old');
  each(DELETED.replace, (path) => {
    writeFileSync(path, 'new');
    renameSync(path, join(work, 'kept'));
  });
  each(FAILED.unlink, (path) => expect(() => unlinkSync(path)).toThrow('ENOENT'));
  each(FAILED.rmdir, (path) => expect(() => rmdirSync(path)).toThrow('ENOENT'));
}

describe.skipIf(skipped)('a real Prometheus that scrapes the daemon', () => {
  let daemon: HostDaemon;
  let prometheus: PrometheusServer;
  let mode: string;

  beforeAll(async () => {
    const { server } = found();
    daemon = new HostDaemon({ listen: 'port' });
    prometheus = new PrometheusServer(server);
    daemon.configure({
      watches: [
        { name: 'work', include: [`${daemon.work}/**`], failures: true },
        { name: 'quiet', include: [`${daemon.work}/nothing/here/**`] },
      ],
    });
    await daemon.start();
    await prometheus.start(scrapeConfig(daemon.address));
    const deletions = 'rmwatch_deletions_total{watch="work",operation="unlink"}';
    await waitUntil('three scrapes before', async () => (await samples(deletions)).length >= 3, 20_000);
    deleteThings(daemon.work);
    const settled = (await daemon.settle()).get('rmwatch_events_seen_total')!;
    await waitUntil(
      'three scrapes after',
      async () =>
        (await samples('rmwatch_events_seen_total')).filter(([, value]) => Number(value) >= settled).length >= 3,
      20_000,
    );
    mode = (await prometheus.query('rmwatch_probe_info'))[0]!.metric['attach']!;
  }, 90_000);

  afterAll(async () => {
    await prometheus?.dispose();
    await daemon?.dispose();
    expectCheckedLines();
  });

  /** As the example has it, only faster and with this daemon as its target. */
  function scrapeConfig(target: string): object {
    const example = parse(readFileSync(EXAMPLE, 'utf8'));
    expect(example.scrape_configs).toHaveLength(1);
    const [job] = example.scrape_configs;
    return {
      global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
      rule_files: [RULES],
      scrape_configs: [{ ...job, scrape_interval: '1s', static_configs: [{ targets: [target] }] }],
    };
  }

  async function samples(selector: string) {
    return (await prometheus.query(`${selector}[10m]`))[0]?.values ?? [];
  }

  /**
   * Counter, increase and rate of a series as Prometheus has them. From a first sample of 0 up to the moment of the last
   * one there is nothing to extrapolate, so that the latter two are exact.
   */
  async function counted(selector: string) {
    const scraped = await samples(selector);
    const first = scraped[0]!;
    const [lastAt] = scraped.at(-1)!;
    const value = async (query: string) => Number((await prometheus.query(query, lastAt))[0]?.value?.[1]);
    return {
      first: Number(first[1]),
      counter: await value(selector),
      increase: await value(`increase(${selector}[10m])`),
      rate: await value(`rate(${selector}[10m])`),
    };
  }

  function exactly(count: number) {
    return { first: 0, counter: count, increase: count, rate: expect.closeTo(count / 600, 12) };
  }

  test.each(Object.entries(DELETED))('counts and rates every %s, exactly', async (operation, count) => {
    const series = (watch: string) => `rmwatch_deletions_total{watch="${watch}",operation="${operation}"}`;
    // System calls do not tell what a rename replaces.
    if (operation === 'replace' && mode === 'tracepoint') {
      expect(await samples(series('work'))).toEqual([]);
      return;
    }
    expect(await counted(series('work'))).toEqual(exactly(count));
    expect(await counted(series('quiet'))).toEqual(exactly(0));
  });

  test.each(Object.entries(FAILED))('counts and rates every failed %s, exactly', async (operation, count) => {
    const selector = `rmwatch_deletion_failures_total{watch="work",operation="${operation}"}`;
    expect(await counted(selector)).toEqual(exactly(count));
  });

  test('its series close the ledger', async () => {
    const gap =
      'rmwatch_events_seen_total - ignoring(stage) sum without (stage) (rmwatch_events_filtered_total)' +
      ' - sum without (reason) (rmwatch_events_lost_total) - rmwatch_events_delivered_total - rmwatch_events_folded_total';
    await waitUntil('a closed ledger', async () => (await prometheus.query(gap))[0]?.value?.[1] === '0', 20_000);
  });

  test('promtool finds nothing wrong with what the daemon serves', async () => {
    const { body } = await daemon.get('/metrics');
    expect(body).toContain('rmwatch_deletions_total{watch="quiet",operation="rmdir"} 0\n');
    expect(lintMetrics(found().promtool, body)).toBe('');
  });

  test('every rule is evaluated, and none alerts while all is well', async () => {
    const rules = await prometheus.rules();
    expect(rules.length).toBeGreaterThan(0);
    expect(rules.filter(({ health }) => health !== 'ok')).toEqual([]);
    const alerts = (await prometheus.alerts()).map(({ labels }) => labels['alertname']);
    // On a kernel that allows nothing better, it is right.
    expect(alerts.filter((name) => name !== 'RmwatchFallback' || mode !== 'tracepoint')).toEqual([]);
  });

  describe('the Grafana dashboard', () => {
    const dashboard = readDashboard();
    const queries = dashboardQueries(dashboard);
    const values: Record<string, string[]> = { __rate_interval: ['30s'], __range: ['60s'] };

    beforeAll(async () => {
      for (const { name, label, matcher } of dashboardVariables(dashboard)) {
        values[name] = await prometheus.labelValues(label, substitute(matcher, values));
      }
    });

    test('its variables find what there is', () => {
      expect(values).toMatchObject({ job: ['rmwatch'], instance: [daemon.address], watch: ['quiet', 'work'] });
    });

    test('can be imported anywhere, and says of every number whose it is', () => {
      expect(dashboard).toMatchObject({ id: null, uid: 'rmwatch' });
      expect(dashboard.templating.list[0]).toMatchObject({ name: 'datasource', type: 'datasource' });
      const panels = dashboard.panels.filter(({ type }) => type !== 'row');
      expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
      for (const { title, datasource, targets = [] } of panels) {
        expect([datasource, ...targets.map((target) => target.datasource)], title).toEqual(
          Array(targets.length + 1).fill({ type: 'prometheus', uid: '${' + 'datasource}' }),
        );
      }
      for (const { where, expr } of queries) expect(expr, where).toMatch(/job=~"\$job", instance=~"\$instance"/);
    });

    test('its panels do not overlap', () => {
      const taken = new Map<string, string>();
      for (const { title, gridPos } of dashboard.panels) {
        expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24);
        for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
          for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
            expect(taken.get(`${x},${y}`), `${title} at ${x},${y}`).toBeUndefined();
            taken.set(`${x},${y}`, title);
          }
        }
      }
    });

    /** What rightly has no data here. */
    function empty(expr: string): boolean {
      return (
        expr.startsWith('ALERTS') ||
        expr.startsWith('instance_watch:rmwatch_deletions:burst_threshold') ||
        (mode === 'tracepoint' &&
          ((expr.startsWith('rmwatch_self_test_ok') && expr.includes('operation="replace"')) ||
            expr.includes('freed_bytes')))
      );
    }

    function hasData(series: readonly Series[]): boolean {
      return series.some(({ value, values: several = [] }) =>
        [...(value === undefined ? [] : [value]), ...several].some(([, text]) => Number.isFinite(Number(text))),
      );
    }

    test.each(queries)('$where: Prometheus answers $expr', async ({ expr, instant }) => {
      const query = substitute(expr, values);
      const answer = instant ? await prometheus.query(query) : await prometheus.queryRange(query, 60);
      expect(hasData(answer)).toBe(!empty(expr));
    });

    test('shows every metric of the contract', async () => {
      const names = await prometheus.labelValues('__name__', '{job="rmwatch"}');
      const own = names.filter((name) => /^rmwatch_(?!.*_(sum|count)$)/.test(name));
      expect(own.length).toBeGreaterThan(15);
      expect(own.filter((name) => !queries.some(({ expr }) => expr.includes(name)))).toEqual([]);
    });

    test('its numbers are those that happened', async () => {
      const { expr } = queries.find(({ where }) => where === 'Attached')!;
      const [attached] = await prometheus.query(substitute(expr, values));
      expect(attached?.value?.[1]).toBe('1');
      for (const title of ['Not attached', 'Self-tests failing', 'Reloads failed', 'Lost']) {
        const query = queries.find(({ where }) => where === title)!;
        expect((await prometheus.query(substitute(query.expr, values)))[0]?.value?.[1], title).toBe('0');
      }
    });
  });

  describe('alerts in earnest', () => {
    const pending = (name: string) => async () =>
      (await prometheus.alerts()).some(({ labels }) => labels['alertname'] === name);

    test('a bad configuration is on its way to RmwatchReloadFailed', async () => {
      daemon.configure({ watchs: [] });
      daemon.signal('SIGHUP');
      await waitUntil('RmwatchReloadFailed is pending', pending('RmwatchReloadFailed'), 20_000);
    });

    test('a daemon that is gone is on its way to RmwatchDown, and to nothing else', async () => {
      await daemon.stop();
      await waitUntil('RmwatchDown is pending', pending('RmwatchDown'), 20_000);
      await waitUntil(
        'only RmwatchDown is left',
        async () => (await prometheus.alerts()).every(({ labels }) => labels['alertname'] === 'RmwatchDown'),
        20_000,
      );
    });
  });
});

describe.skipIf(skipped)('config/prometheus', () => {
  test('promtool check rules', () => {
    expect(promtool('check', 'rules', RULES)).toMatchObject({ status: 0 });
  });

  test('promtool test rules', () => {
    expect(promtool('test', 'rules', RULE_CASES)).toMatchObject({ status: 0 });
  });

  test('promtool check config', () => {
    expect(promtool('check', 'config', EXAMPLE)).toMatchObject({ status: 0 });
  });
});

describe('the cases of rules.test.yml', () => {
  interface AlertCase {
    readonly alertname: string;
    readonly exp_alerts?: readonly unknown[];
  }
  const { groups } = parse(readFileSync(RULES, 'utf8')) as { groups: { rules: Record<string, unknown>[] }[] };
  const rules = groups.flatMap((group) => group.rules);
  const { tests } = parse(readFileSync(RULE_CASES, 'utf8')) as {
    tests: { name: string; alert_rule_test?: AlertCase[]; promql_expr_test?: { expr: string }[] }[];
  };
  const alerts = rules.filter((rule) => rule['alert'] !== undefined);

  test.each(alerts)('$alert has one that fires and one that stays silent throughout', ({ alert }) => {
    const outcomes = tests
      .map(({ alert_rule_test: cases = [] }) => cases.filter(({ alertname }) => alertname === alert))
      .filter((cases) => cases.length > 0)
      .map((cases) => cases.some(({ exp_alerts: expected = [] }) => expected.length > 0));
    expect(outcomes).toContain(true);
    expect(outcomes).toContain(false);
  });

  test.each(alerts)('$alert says what it is, how bad, and what to do', ({ labels, annotations }) => {
    expect(labels).toEqual({ severity: expect.stringMatching(/^(critical|warning)$/) });
    const text = expect.stringMatching(/\S/);
    expect(annotations).toEqual({ summary: text, description: text, runbook: text, runbook_url: text });
  });

  test.each(rules.filter((rule) => rule['record'] !== undefined))('$record is asked for', ({ record }) => {
    const expressions = tests.flatMap(({ promql_expr_test: cases = [] }) => cases.map(({ expr }) => expr));
    expect(expressions.map((expr) => expr.replace(/\{.*/, ''))).toContain(record);
  });
});
