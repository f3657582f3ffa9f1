import { timestampOf } from '../event/daemon-line.js';
import type { RecordLine } from '../search/logged-event.js';
import { readCounters, type SocketCounters } from './socket-counters.js';

/** Lines that only the event socket has: each is about one reader, and none is in the log. Their own `event.dataset`. */
export const DATASET_SOCKET = 'rmwatch.socket';

/** What a reader is told beside the lines of the log. */
export type SocketNews =
  /** The first line. `events`: how many this run of the daemon had before. */
  | { readonly action: 'connected'; readonly events: number }
  /** Lines that this reader has not got, because more waited for it than may. */
  | { readonly action: 'reader-lost'; readonly lines: number }
  /** There are as many readers as may be; the connection is closed. */
  | { readonly action: 'refused'; readonly readers: number }
  /** Once a second. */
  | { readonly action: 'counters'; readonly counters: SocketCounters };

const KINDS: Readonly<Record<SocketNews['action'], string>> = {
  connected: 'state',
  'reader-lost': 'pipeline_error',
  refused: 'pipeline_error',
  counters: 'metric',
};

/** The line that tells it, with its newline. */
export function socketLine(news: SocketNews, now = new Date()): Buffer {
  const { action, ...details } = news;
  const line = {
    '@timestamp': timestampOf(now),
    event: { kind: KINDS[action], action, dataset: DATASET_SOCKET },
    rmwatch: { socket: details },
  };
  return Buffer.from(`${JSON.stringify(line)}\n`);
}

/** What a line of this dataset tells; undefined: nothing that is known here, as from a later version. */
export function socketNewsOf({ event, rmwatch }: RecordLine): SocketNews | undefined {
  if (event.dataset !== DATASET_SOCKET) return undefined;
  const details = recordOf(rmwatch['socket']);
  const count = (key: string): number => (typeof details[key] === 'number' ? details[key] : 0);
  switch (event.action) {
    case 'connected':
      return { action: 'connected', events: count('events') };
    case 'reader-lost':
      return { action: 'reader-lost', lines: count('lines') };
    case 'refused':
      return { action: 'refused', readers: count('readers') };
    case 'counters':
      return { action: 'counters', counters: readCounters(recordOf(details['counters'])) };
    default:
      return undefined;
  }
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}
