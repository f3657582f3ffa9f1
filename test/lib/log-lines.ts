import type { DeletionEvent } from '../../src/event/deletion-event.js';
import { FULL_DELETION } from './sample-events.js';

export interface LineParts {
  readonly path?: string;
  /** Milliseconds since the epoch. */
  readonly time?: number;
  readonly sequence?: number;
  readonly change?: (event: DeletionEvent) => unknown;
}

/** A line as the daemon writes it, of one deletion, without its newline. */
export function logLine({ path = '/srv/a', time = 0, sequence = 1, change = (event) => event }: LineParts): string {
  const slash = path.lastIndexOf('/');
  const { host_path: _none, args_bytes: _neither, ...rmwatch } = FULL_DELETION.rmwatch;
  return JSON.stringify(
    change({
      ...FULL_DELETION,
      '@timestamp': new Date(time).toISOString().replace('Z', '000000Z'),
      message: `unlink ${path} by rm[4242] (root)`,
      event: { ...FULL_DELETION.event, sequence },
      file: { ...FULL_DELETION.file!, path, name: path.slice(slash + 1), directory: path.slice(0, slash) || '/' },
      rmwatch,
    }),
  );
}

/** Lines of a log, each with its end. */
export function logText(lines: readonly LineParts[]): string {
  return lines.map((parts, index) => `${logLine({ sequence: index + 1, ...parts })}\n`).join('');
}
