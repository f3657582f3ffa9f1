import type { Conditions } from '../search/conditions.js';
import { readLoggedLine } from '../search/logged-event.js';
import type { SocketCounters } from '../socket/socket-counters.js';
import type { WatchRates } from '../top/rates.js';
import type { FrequentKey } from '../top/space-saving.js';
import { type List, TopState } from '../top/top-state.js';
import { areAll, conditionsOf } from './page-conditions.js';
import { type FromThread, type PageThreadData, streamEvent, streamId, type ToThread } from './page-messages.js';
import { deletionRow, noteRow, type PageRow, shown } from './page-rows.js';

/** A stream is shown no more rows in one second: they could not be read, and a browser has to draw each. */
export const ROWS_PER_SECOND = 300;
const WATCHES_SHOWN = 20;
const KEYS_SHOWN = 10;
const DATASET_PROCESS = 'rmwatch.process';

/** What the page shows of one second; see assets/page.js. */
export interface PageState {
  readonly attach: string;
  readonly symbol: string;
  /** `ready`, or why not, and what else is worse than it should be. */
  readonly state: string;
  readonly ledger: Pick<SocketCounters, 'seen' | 'filtered' | 'lost' | 'delivered' | 'folded' | 'queued'>;
  /** Events a second of a minute, the newest last. */
  readonly rate: readonly number[];
  /** Those with most deletions in the last minute first. */
  readonly watches: readonly WatchRates[];
  /** How many there are. */
  readonly watchCount: number;
  /** The most frequent first. */
  readonly lists: Readonly<Record<List, readonly FrequentKey[]>>;
  /** Since when the lists count (Unix time, milliseconds), and the lines that they miss. */
  readonly listsSinceMs: number;
  readonly listsLost: number;
}

interface Viewer {
  readonly conditions: Conditions;
  /** Sees lines about the record itself as well. */
  readonly all: boolean;
  /** Rows that it may still be shown in this second. */
  room: number;
  rows: PageRow[];
  leftOut: number;
}

/** Judges lines for every stream of the page, and counts for all of them; lives in a thread of its own. */
export class PageView {
  private readonly viewers = new Map<number, Viewer>();
  private readonly top = new TopState();
  private readonly run: string;
  private events = 0;

  constructor(
    { run }: PageThreadData,
    private readonly send: (message: FromThread) => void,
  ) {
    this.run = run;
  }

  take(message: ToThread): void {
    switch (message.kind) {
      case 'lines':
        this.events = message.events;
        this.takeLines(message.bytes);
        this.send({ kind: 'done', bytes: message.bytes.length });
        break;
      case 'notice':
        this.takeLine(message.line);
        this.sendRows();
        break;
      case 'counters':
        for (const counters of message.counters) this.top.take(counters, message.atMs);
        for (const viewer of this.viewers.values()) viewer.room = ROWS_PER_SECOND;
        this.top.lostLines = message.lostLines;
        this.send({ kind: 'state', text: this.stateText() });
        this.send({ kind: 'done', bytes: 0 });
        break;
      case 'open':
        this.open(message);
        break;
      case 'close':
        this.viewers.delete(message.stream);
        break;
      default:
        message satisfies never;
    }
  }

  private open({ stream, given }: ToThread & { kind: 'open' }): void {
    const parsed = conditionsOf(given);
    // The daemon has read them already.
    if ('error' in parsed) throw new Error(parsed.error);
    const all = areAll(given);
    this.viewers.set(stream, { conditions: parsed.value, all, room: ROWS_PER_SECOND, rows: [], leftOut: 0 });
  }

  private takeLines(bytes: Uint8Array): void {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
    for (let start = 0; start < text.length; ) {
      const end = text.indexOf('\n', start);
      this.takeLine(text.slice(start, end));
      start = end + 1;
    }
    this.sendRows();
  }

  private takeLine(line: string): void {
    const read = readLoggedLine(line);
    if (read === undefined) return;
    if (read.kind === 'deletion') {
      const { deletion } = read;
      this.top.add(deletion);
      let row: PageRow | undefined;
      for (const viewer of this.viewers.values()) {
        if (viewer.conditions.matches(deletion)) show(viewer, () => (row ??= deletionRow(deletion)));
      }
    } else if (read.record.event.dataset !== DATASET_PROCESS) {
      const { record } = read;
      const forAll = record.event.kind === 'pipeline_error';
      for (const viewer of this.viewers.values()) {
        if (viewer.all || forAll) show(viewer, () => noteRow(record));
      }
    }
  }

  private sendRows(): void {
    const id = streamId(this.run, this.events);
    for (const [stream, viewer] of this.viewers) {
      const { rows, leftOut } = viewer;
      if (rows.length + leftOut === 0) continue;
      const text = rows.length === 0 ? '' : streamEvent('rows', rows, id);
      this.send({ kind: 'rows', stream, text, rows: rows.length, leftOut });
      viewer.rows = [];
      viewer.leftOut = 0;
    }
  }

  private stateText(): string {
    const { top } = this;
    const counters = top.counters!;
    const { seen, filtered, lost, delivered, folded, queued } = counters;
    const watches = top.rates.all().sort(mostDeletions);
    const state: PageState = {
      attach: counters.attach,
      symbol: counters.symbol,
      state: shown(counters.state),
      ledger: { seen, filtered, lost, delivered, folded, queued },
      rate: top.rates.events,
      watches: watches.slice(0, WATCHES_SHOWN),
      watchCount: watches.length,
      lists: { process: frequent(top, 'process'), user: frequent(top, 'user'), directory: frequent(top, 'directory') },
      listsSinceMs: top.sinceMs,
      listsLost: top.lostLines,
    };
    return streamEvent('state', state, streamId(this.run, this.events));
  }
}

function show(viewer: Viewer, row: () => PageRow): void {
  if (viewer.room === 0) {
    viewer.leftOut += 1;
    return;
  }
  viewer.room -= 1;
  viewer.rows.push(row());
}

function frequent(top: TopState, list: List): FrequentKey[] {
  return top.lists[list]
    .keys()
    .sort((a, b) => b.count - a.count || (a.key < b.key ? -1 : 1))
    .slice(0, KEYS_SHOWN)
    .map((key) => ({ ...key, key: shown(key.key) }));
}

function mostDeletions(a: WatchRates, b: WatchRates): number {
  return sumOf(b.history) - sumOf(a.history) || b.deletions - a.deletions || (a.name < b.name ? -1 : 1);
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
