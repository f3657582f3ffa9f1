import type { GivenConditions } from '../search/parse-conditions.js';
import type { SocketCounters } from '../socket/socket-counters.js';

/** What the daemon tells the thread of the page. */
export type ToThread =
  /** Whole lines about events; `events`: how many the daemon has had with these. */
  | { readonly kind: 'lines'; readonly bytes: Uint8Array; readonly events: number }
  /** One line that is about no event. */
  | { readonly kind: 'notice'; readonly line: string }
  /** Once a second, at `atMs` (Unix time). `lostLines`: those that did not reach the thread so far. */
  | {
      readonly kind: 'counters';
      readonly counters: readonly SocketCounters[];
      readonly atMs: number;
      readonly lostLines: number;
    }
  | { readonly kind: 'open'; readonly stream: number; readonly given: GivenConditions }
  | { readonly kind: 'close'; readonly stream: number };

/** What the thread tells the daemon; texts are ready to be sent. */
export type FromThread =
  /** It is done with a message of so many bytes. */
  | { readonly kind: 'done'; readonly bytes: number }
  /** Rows for one stream; `leftOut`: lines that it is not shown because there are too many. */
  | {
      readonly kind: 'rows';
      readonly stream: number;
      readonly text: string;
      readonly rows: number;
      readonly leftOut: number;
    }
  /** For all streams. */
  | { readonly kind: 'state'; readonly text: string };

export interface PageThreadData {
  /** Of the daemon, in the ids of its events. */
  readonly run: string;
}

/** An event of a stream, in the form of server-sent events. `data` becomes one line of JSON. */
export function streamEvent(name: string, data: unknown, id?: string): string {
  return `event: ${name}\n${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`;
}

/** Where a stream is, so that one that comes back can tell what it has missed. */
export function streamId(run: string, events: number): string {
  return `${run}.${events}`;
}
