/** What the daemon tells: its metrics, its lines in the journal or in a file. */
import fs from 'node:fs';
import { type Metrics, parseMetrics } from '../../lib/metrics.js';
import { run } from './machine.js';

export function metrics(): Metrics {
  return parseMetrics(run('curl', '-s', 'http://127.0.0.1:29293/metrics').stdout);
}

/** Everything in the journal of the unit, systemd's own lines included. */
export function journal(): string {
  return run('journalctl', '--no-pager', '-o', 'cat', '-u', 'rmwatch').stdout;
}

/** The daemon's own lines in the journal, by the identifier that the manual names. */
export function daemonLines(): string {
  return run('journalctl', '--no-pager', '-o', 'cat', '-t', 'rmwatch').stdout;
}

// biome-ignore lint/suspicious/noExplicitAny: what the daemon writes is what is tested
type Line = any;

/** The daemon's lines, parsed: from the journal, or from a file. */
export function rmwatchLines(file?: string): Line[] {
  const text = file === undefined ? daemonLines() : fs.readFileSync(file, 'utf8');
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}

export function deletions(lines: readonly Line[]): Line[] {
  return lines.filter((line) => line.event?.dataset === 'rmwatch.deletion' && line.event.kind === 'event');
}
