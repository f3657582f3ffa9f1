import { setTimeout as sleep } from 'node:timers/promises';
import { Conditions } from '../search/conditions.js';
import { type Found, judgeCandidate } from '../search/line-judge.js';
import { type LineVisitor, scanLines } from '../search/line-scanner.js';
import { type RecordLine, readLoggedLine } from '../search/logged-event.js';
import { type GivenConditions, parseConditions } from '../search/parse-conditions.js';
import { timestampText } from '../search/timestamp.js';
import { EventConnection } from '../socket/event-connection.js';
import { type SocketNews, socketNewsOf } from '../socket/socket-lines.js';
import { escapeControl } from '../text/escape.js';
import { connectFailure, eventSocketPath } from './event-socket-path.js';
import { EXIT } from './exit-codes.js';
import { foundText, recordText, type TextForm } from './found-text.js';
import type { CommandIo } from './io.js';
import { directOutput, type PagedOutput } from './pager.js';
import { parseLimit } from './search.js';

/** Between two attempts to reach a daemon that has gone away. */
const RETRY_MS = 250;
/** Node.js timers hold 31 bits of milliseconds. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/** Follows the deletions that the daemon of this host reports, until a signal, `--limit` or `--until` ends it. */
export async function tail(given: GivenConditions, io: CommandIo): Promise<number> {
  const { values } = given;
  const usage = (message: string): number => {
    io.stderr.write(`rmwatch: ${escapeControl(message)}\nTry: rmwatch tail --help\n`);
    return EXIT.usage;
  };
  const limit = parseLimit(values.get('limit'));
  if ('error' in limit) return usage(limit.error);
  const nowMs = Date.now();
  const parsed = parseConditions(given, { nowMs, workingDirectory: process.cwd(), ownHost: true });
  if ('error' in parsed) return usage(parsed.error);
  const { sinceMs, untilMs } = parsed.value;
  if (sinceMs !== undefined && sinceMs < nowMs) {
    return usage('tail begins now; what was deleted before is found by rmwatch search --since');
  }
  if (untilMs !== undefined && untilMs < nowMs) return usage('--until is over; rmwatch search looks back');

  const path = await eventSocketPath(values.get('socket'), values.get('config'));
  const ending = new AbortController();
  const end = (): void => ending.abort();
  process.once('SIGINT', end).once('SIGTERM', end);
  const timer = untilMs === undefined ? undefined : setTimeout(end, Math.min(untilMs - nowMs, TIMER_MAX_MS));
  try {
    const all = given.paths.length + given.lists.size === 0 && !values.has('larger-than');
    const conditions = new Conditions(parsed.value);
    const asked = { conditions, all, limit: limit.value ?? Number.POSITIVE_INFINITY, json: values.has('json') };
    return await new Tail(asked, io, ending).follow(path);
  } finally {
    clearTimeout(timer);
    process.off('SIGINT', end).off('SIGTERM', end);
  }
}

interface Asked {
  readonly conditions: Conditions;
  /** Nothing was asked of the deletions: every line of the log is shown. */
  readonly all: boolean;
  readonly limit: number;
  readonly json: boolean;
}

class Tail implements LineVisitor {
  private readonly output: PagedOutput;
  private readonly showDeletion: (found: Found) => string;
  private readonly showRecord: (record: RecordLine, line: string) => string;
  private readonly aborted: Promise<boolean>;
  private shown = 0;
  private refusal: string | undefined;
  /** When the daemon went away. */
  private goneAtMs: number | undefined;

  constructor(
    private readonly asked: Asked,
    private readonly io: CommandIo,
    private readonly ending: AbortController,
  ) {
    this.output = directOutput(io.stdout);
    this.aborted = new Promise((resolve) => {
      ending.signal.addEventListener('abort', () => resolve(false), { once: true });
    });
    const form: TextForm = { json: asked.json, terminal: this.output.terminal, date: false };
    this.showDeletion = foundText(form);
    this.showRecord = recordText(form);
  }

  /** Returns the exit code. */
  async follow(path: string): Promise<number> {
    const { signal } = this.ending;
    while (!signal.aborted) {
      let connection: EventConnection;
      try {
        connection = await EventConnection.open(path, signal);
      } catch (error) {
        if (signal.aborted) break;
        // A daemon that restarts comes back; one that was not there may never come.
        if (this.goneAtMs === undefined) return this.fail(connectFailure(path, error as NodeJS.ErrnoException));
        await this.pause();
        continue;
      }
      await this.read(connection);
      if (signal.aborted) break;
      if (this.refusal !== undefined && this.goneAtMs === undefined) {
        return this.fail({ message: this.refusal, code: EXIT.failure });
      }
      if (this.goneAtMs === undefined) this.tell('the daemon has ended; waiting for it to come back');
      this.goneAtMs ??= Date.now();
      await this.pause();
    }
    return EXIT.ok;
  }

  candidate(buffer: Buffer, start: number, end: number): void {
    const judged = judgeCandidate(this.asked.conditions, buffer, start, end);
    if (typeof judged === 'object') this.show(judged);
  }

  other(buffer: Buffer, start: number, end: number): void {
    const line = buffer.toString('utf8', start, end);
    const read = readLoggedLine(line);
    if (read?.kind === 'deletion') {
      const { deletion } = read;
      if (this.asked.conditions.matches(deletion)) this.show({ deletion, line });
    } else if (read?.kind === 'record') {
      const news = socketNewsOf(read.record);
      if (news !== undefined) this.hear(news);
      else if (this.isOver) return;
      else if (this.asked.all || read.record.event.kind === 'pipeline_error') {
        this.output.write(this.showRecord(read.record, line));
      }
    }
  }

  oversized(): void {
    this.tell('a line of more than 1 MiB was left out');
  }

  async block(): Promise<void> {
    // A signal ends it also while the output takes nothing.
    if (!(await Promise.race([this.output.ready(), this.aborted]))) this.ending.abort();
    if (this.isOver) throw OVER;
  }

  private get isOver(): boolean {
    return this.ending.signal.aborted;
  }

  private async read(connection: EventConnection): Promise<void> {
    const leave = (): void => void connection.close();
    this.ending.signal.addEventListener('abort', leave);
    try {
      await scanLines(connection, this.asked.conditions.needles[0] ?? [], this);
    } catch (error) {
      if (error !== OVER) throw error;
    } finally {
      this.ending.signal.removeEventListener('abort', leave);
      await connection.close();
    }
  }

  private show(found: Found): void {
    if (this.isOver) return;
    this.output.write(this.showDeletion(found));
    this.shown += 1;
    if (this.shown >= this.asked.limit) this.ending.abort();
  }

  private hear(news: SocketNews): void {
    switch (news.action) {
      case 'connected':
        if (this.goneAtMs !== undefined) this.tellReturn(this.goneAtMs, news.events);
        this.goneAtMs = undefined;
        break;
      case 'reader-lost':
        this.tell(`${news.lines} lines were lost, because they were not read fast enough; the log has them`);
        break;
      case 'refused':
        this.refusal = `${news.readers} programs read the events already; more are not served`;
        break;
    }
  }

  private tellReturn(goneAtMs: number, events: number): void {
    const since = timestampText(goneAtMs).replace(/\d{6}Z$/, 'Z');
    const before = events === 0 ? '' : `, and ${events} events came before this`;
    this.tell(`the daemon is back${before}; for what was deleted meanwhile: rmwatch search --since ${since}`);
  }

  private tell(message: string): void {
    this.io.stderr.write(`rmwatch: ${message}\n`);
  }

  private fail({ message, code }: { readonly message: string; readonly code: number }): number {
    this.tell(escapeLines(message));
    return code;
  }

  private pause(): Promise<void> {
    return sleep(RETRY_MS, undefined, { signal: this.ending.signal }).catch(() => {});
  }
}

/** Thrown to leave the stream. */
const OVER = Symbol('over');

function escapeLines(text: string): string {
  return text.split('\n').map(escapeControl).join('\n');
}
