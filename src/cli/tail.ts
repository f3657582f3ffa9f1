import { Conditions, concernsBurst } from '../search/conditions.js';
import { type Found, judgeCandidate } from '../search/line-judge.js';
import type { RecordLine } from '../search/logged-event.js';
import { type GivenConditions, parseConditions } from '../search/parse-conditions.js';
import { timestampText } from '../search/timestamp.js';
import { followEvents } from '../socket/event-follower.js';
import { escapeControl } from '../text/escape.js';
import { eventSocketPath, failureOf } from './event-socket-path.js';
import { EXIT } from './exit-codes.js';
import { foundText, recordText, type TextForm } from './found-text.js';
import type { CommandIo } from './io.js';
import { directOutput, type PagedOutput } from './pager.js';
import { parseLimit } from './search.js';

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

/** Losses may be of any deletion. */
function isAlwaysShown({ event }: RecordLine): boolean {
  return event.kind === 'pipeline_error';
}

/** In a burst that is folded its lines are all there is. */
function concerns({ event, rule }: RecordLine, { values }: Conditions): boolean {
  if (event.kind !== 'alert') return false;
  const { name } = (rule ?? {}) as { readonly name?: unknown };
  const watch: unknown = Array.isArray(name) ? name[0] : undefined;
  return concernsBurst(values, typeof watch === 'string' ? watch : undefined);
}

interface Asked {
  readonly conditions: Conditions;
  /** Nothing was asked of the deletions: every line of the log is shown. */
  readonly all: boolean;
  readonly limit: number;
  readonly json: boolean;
}

class Tail {
  private readonly output: PagedOutput;
  private readonly showDeletion: (found: Found) => string;
  private readonly showRecord: (record: RecordLine, line: string) => string;
  private shown = 0;

  constructor(
    private readonly asked: Asked,
    private readonly io: CommandIo,
    private readonly ending: AbortController,
  ) {
    this.output = directOutput(io.stdout);
    const form: TextForm = { json: asked.json, terminal: this.output.terminal, date: false };
    this.showDeletion = foundText(form);
    this.showRecord = recordText(form);
  }

  /** Returns the exit code. */
  async follow(path: string): Promise<number> {
    const { conditions, all } = this.asked;
    const end = await followEvents({
      path,
      signal: this.ending.signal,
      needles: conditions.needles[0] ?? [],
      onCandidate: (buffer, start, end) => {
        const judged = judgeCandidate(conditions, buffer, start, end);
        if (typeof judged === 'object') this.show(judged);
      },
      onDeletion: (deletion, line) => {
        if (conditions.matches(deletion)) this.show({ deletion, line });
      },
      onRecord: (record, line) => {
        if (all || isAlwaysShown(record) || concerns(record, conditions))
          this.output.write(this.showRecord(record, line));
      },
      onNews: (news) => {
        if (news.action !== 'reader-lost') return;
        this.tell(`${news.lines} lines were lost, because they were not read fast enough; the log has them`);
      },
      onOversized: () => this.tell('a line of more than 1 MiB was left out'),
      onGone: () => this.tell('the daemon has ended; waiting for it to come back'),
      onBack: (goneAtMs, events) => this.tellReturn(goneAtMs, events),
      rest: async () => {
        if (!(await this.output.ready())) this.ending.abort();
      },
    });
    const failure = failureOf(end, path);
    if (failure === undefined) return EXIT.ok;
    this.tell(failure.message);
    return failure.code;
  }

  private show(found: Found): void {
    this.output.write(this.showDeletion(found));
    this.shown += 1;
    if (this.shown >= this.asked.limit) this.ending.abort();
  }

  private tellReturn(goneAtMs: number, events: number): void {
    const since = timestampText(goneAtMs).replace(/\d{6}Z$/, 'Z');
    const before = events === 0 ? '' : `, and ${events} events came before this`;
    this.tell(`the daemon is back${before}; for what was deleted meanwhile: rmwatch search --since ${since}`);
  }

  private tell(message: string): void {
    this.io.stderr.write(`rmwatch: ${message}\n`);
  }
}
