/** What the daemon tells: its metrics, its lines in the journal or in a file. */
import fs from 'node:fs';
import zlib from 'node:zlib';
import { newLineCheck } from '/opt/event-lines/event-lines.mjs';
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

/** The daemon's own messages have their level there, where events have none. */
const isDiagnostic = (line) => /^\{"level":"[a-z]+",/.test(line);

/** Every event line of the journal and of the log files of `directory`, rotated ones too, held against the schema. */
export function checkEventLines(directory) {
  const texts = [run('journalctl', '--no-pager', '-o', 'cat', '-t', 'rmwatch').stdout];
  for (const name of fs.readdirSync(directory)) {
    const bytes = fs.readFileSync(`${directory}/${name}`);
    texts.push((name.endsWith('.gz') ? zlib.gunzipSync(bytes) : bytes).toString());
  }
  const check = newLineCheck();
  for (const text of texts) {
    const lines = text.split('\n').filter((line) => line !== '' && !isDiagnostic(line));
    check.add(Buffer.from(lines.map((line) => `${line}\n`).join('')));
  }
  return check.toJSON();
}

export function deletions(lines) {
  return lines.filter((line) => line.event?.dataset === 'rmwatch.deletion' && line.event.kind === 'event');
}
