import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { outputOf } from './decompression.js';
import { type Span, streamSpan, type TimeBounds } from './spans.js';

const UNIT = 'rmwatch.service';
/** The value of the unit's LogNamespace=, where it has one. */
const NAMESPACE = 'rmwatch';

/** What the service has written to the journal, oldest first, through journalctl(1). */
export function journalSpan({ sinceMs, untilMs }: TimeBounds): Span {
  const options = ['--output=cat', '--no-pager', '--quiet', '--all', `--unit=${UNIT}`, '_TRANSPORT=stdout'];
  // "+": together with the journal that the unit had before it got a namespace of its own.
  if (hasNamespace()) options.push(`--namespace=+${NAMESPACE}`);
  // The time of an entry is that of its arrival, which is a little later.
  if (sinceMs !== undefined) options.push(`--since=@${Math.floor(sinceMs / 1000) - 1}`);
  if (untilMs !== undefined) options.push(`--until=@${Math.ceil(untilMs / 1000) + 600}`);
  return streamSpan(`journal of ${UNIT}`, true, () =>
    outputOf(spawn('journalctl', options, { stdio: ['ignore', 'pipe', 'pipe'] }), 'journal', 'journalctl'),
  );
}

function hasNamespace(): boolean {
  return ['/run/log/journal', '/var/log/journal'].some((directory) => {
    try {
      return readdirSync(directory).some((name) => name.endsWith(`.${NAMESPACE}`));
    } catch {
      return false;
    }
  });
}
