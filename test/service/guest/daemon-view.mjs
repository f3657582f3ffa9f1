/** What the daemon tells: its metrics, its lines in the journal or in a file. */
import fs from 'node:fs';
import { parseMetrics } from '/opt/kernel-guest/daemon.mjs';
import { run } from './machine.mjs';

export function metrics() {
  return parseMetrics(run('curl', '-s', 'http://127.0.0.1:29293/metrics').stdout);
}

/** Everything in the journal of the unit, systemd's own lines included. */
export function journal() {
  return run('journalctl', '--no-pager', '-o', 'cat', '-u', 'rmwatch').stdout;
}

/** The daemon's lines, parsed: from the journal, by the identifier that the README names, or from a file. */
export function rmwatchLines(file) {
  const text =
    file === undefined
      ? run('journalctl', '--no-pager', '-o', 'cat', '-t', 'rmwatch').stdout
      : fs.readFileSync(file, 'utf8');
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}

export function deletions(lines) {
  return lines.filter((line) => line.event?.dataset === 'rmwatch.deletion' && line.event.kind === 'event');
}
