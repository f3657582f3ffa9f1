/** The daemon's metrics as a test reads them. */

/** Samples by `name{labels}`, as the text exposition writes them. */
export class Metrics extends Map<string, number> {
  /** `text`: the body of a scrape. */
  constructor(readonly text: string) {
    super();
    for (const line of text.split('\n')) {
      if (line === '' || line.startsWith('#')) continue;
      const space = line.lastIndexOf(' ');
      this.set(line.slice(0, space), Number(line.slice(space + 1)));
    }
  }
}

export function parseMetrics(text: string): Metrics {
  return new Metrics(text);
}

/** The sample of this name; throws when the daemon does not export it, so that a renamed metric is never taken for 0. */
export function sampleOf(metrics: ReadonlyMap<string, number>, name: string): number {
  const value = metrics.get(name);
  if (value === undefined) throw new Error(`the daemon exports no ${name}`);
  return value;
}

/** All samples of a metric together, whatever their labels; throws when the daemon exports none. */
export function sumOf(metrics: ReadonlyMap<string, number>, metric: string): number {
  let sum: number | undefined;
  for (const [name, value] of metrics) {
    if (name === metric || name.startsWith(`${metric}{`)) sum = (sum ?? 0) + value;
  }
  if (sum === undefined) throw new Error(`the daemon exports no ${metric}`);
  return sum;
}

/** What remains of seen - filtered - lost - delivered - folded: 0 when every event is accounted for. */
export function ledgerGap(metrics: ReadonlyMap<string, number>): number {
  const accounted =
    sumOf(metrics, 'rmwatch_events_filtered_total') +
    lostEvents(metrics) +
    sampleOf(metrics, 'rmwatch_events_delivered_total') +
    sampleOf(metrics, 'rmwatch_events_folded_total');
  return sampleOf(metrics, 'rmwatch_events_seen_total') - accounted;
}

/** Lost events, all reasons together. */
export function lostEvents(metrics: ReadonlyMap<string, number>): number {
  return sumOf(metrics, 'rmwatch_events_lost_total');
}
