import { expect, test } from 'vitest';
import { ledgerGap, lostEvents, Metrics, sampleOf, sumOf } from '../../lib/metrics.js';

const SCRAPE = `# HELP rmwatch_events_seen_total Deletions.
# TYPE rmwatch_events_seen_total counter
rmwatch_events_seen_total 15
rmwatch_events_delivered_total 4
rmwatch_events_folded_total 5
rmwatch_events_filtered_total{stage="kernel"} 2
rmwatch_events_filtered_total{stage="daemon"} 1
rmwatch_events_lost_total{reason="ring_full"} 1
rmwatch_events_lost_total{reason="output"} 1
rmwatch_deletions_total{watch="a b",operation="unlink"} 3
`;

test('samples are known by name and labels, and the text of the scrape is kept', () => {
  const metrics = new Metrics(SCRAPE);
  expect(metrics.get('rmwatch_deletions_total{watch="a b",operation="unlink"}')).toBe(3);
  expect(metrics.text).toBe(SCRAPE);
});

test('the ledger adds all stages and reasons up', () => {
  const metrics = new Metrics(SCRAPE);
  expect([sumOf(metrics, 'rmwatch_events_filtered_total'), lostEvents(metrics), ledgerGap(metrics)]).toEqual([3, 2, 1]);
});

test('a metric that the daemon does not export is never taken for 0', () => {
  const metrics = new Metrics('');
  expect(() => sampleOf(metrics, 'rmwatch_events_seen_total')).toThrow('exports no rmwatch_events_seen_total');
  expect(() => ledgerGap(metrics)).toThrow('exports no rmwatch_events_filtered_total');
});
