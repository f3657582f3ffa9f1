/** The daemon's metrics as a test reads them. */

/** Samples by `name{labels}`, as the text exposition writes them. */
export type Metrics = ReadonlyMap<string, number>;

export function parseMetrics(text: string): Metrics {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
  );
}

/** The sample of this name; throws when the daemon does not export it, so that a renamed metric is never taken for 0. */
export function sampleOf(metrics: Metrics, name: string): number {
  const value = metrics.get(name);
  if (value === undefined) throw new Error(`the daemon exports no ${name}`);
  return value;
}

function sumOf(metrics: Metrics, pattern: RegExp): number {
  let sum = 0;
  for (const [name, value] of metrics) if (pattern.test(name)) sum += value;
  return sum;
}

/** What remains of seen - filtered - lost - delivered: 0 when every event is accounted for. */
export function ledgerGap(metrics: Metrics): number {
  const accounted = sampleOf(metrics, 'rmwatch_events_delivered_total');
  return (
    sampleOf(metrics, 'rmwatch_events_seen_total') - accounted - sumOf(metrics, /^rmwatch_events_(filtered|lost)_total/)
  );
}

/** Lost events, all reasons together. */
export function lostEvents(metrics: Metrics): number {
  return sumOf(metrics, /^rmwatch_events_lost_total/);
}
