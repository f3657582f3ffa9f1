import { daemonLine, watchLine } from '../event/daemon-line.js';
import type { DaemonEvent } from '../event/deletion-event.js';
import type { AttachMode, Config, WatchConfig } from '../model/config.js';
import type { PipelineCounts } from '../model/pipeline-counts.js';
import type { Steps } from '../model/steps.js';
import { isFallback } from './attach-limits.js';
import {
  type ConfigurationChanges,
  type ConfigurationRecord,
  changesBetween,
  configurationRecordOf,
} from './configuration-record.js';
import type { RunSeen, RunState } from './run-state.js';

export interface DaemonRecordOptions {
  /** Sixteen hexadecimal digits. */
  readonly run: string;
  readonly version: string;
  readonly bootId: string | undefined;
  readonly state: Pick<RunState, 'previous' | 'keep' | 'end'>;
  /** The name of the host at this moment. */
  hostName(): string;
  /** Writes a line that is no event; false: there is no room, and the caller repeats it. */
  notice(line: string): boolean;
  onProblem(message: string): void;
  readonly now?: () => Date;
}

/** Lines that wait for a log that takes none: three reloads of ten thousand watches. */
const WAITING_MAX = 30_000;
/** Names of watches in one line. */
const NAMES_MAX = 100;

/**
 * What the event log says of itself: when deletions were seen, in which mode and by which watches. The lines are no events:
 * they have no number and are in no counter.
 */
export class DaemonRecord {
  private readonly options: DaemonRecordOptions;
  private attach: AttachMode = 'kprobe';
  private prepared: ConfigurationRecord | undefined;
  /** The one in force; undefined: the record has not begun. */
  private configuration: ConfigurationRecord | undefined;
  private waiting: string[] = [];
  private isFull = false;
  private isOver = false;

  constructor(options: DaemonRecordOptions) {
    this.options = options;
  }

  /** What takes time for ten thousand watches, to be done before started(). */
  *prepare(config: Config): Steps<void> {
    this.prepared = yield* configurationRecordOf(config);
  }

  /** To be called when the hooks are in place, before the first event is written; the watches follow by tellWatches(). */
  started(config: Config, attach: AttachMode): void {
    const { version, state } = this.options;
    const at = this.now();
    this.attach = attach;
    this.configuration = this.prepared;
    if (state.previous !== undefined) this.gap(state.previous, at);
    const wanted = config.probe.attach;
    const count = config.watches.length;
    this.write('started', at, `started: ${watchesText(count)}, ${attach}`, {
      ...(isFallback(wanted, attach) && { warns: true }),
      agent: { version },
      details: { attach_wanted: wanted, watches: count },
    });
  }

  /** A line about each watch. */
  *tellWatches(watches: readonly WatchConfig[]): Steps<void> {
    const at = this.now();
    for (const watch of watches) {
      this.send(watchLine(watch, { at, host: this.host, details: this.details() }));
      yield;
    }
  }

  /** To be called when another configuration is in force. Writes nothing when it says the same as the one before. */
  *reloaded(config: Config): Steps<void> {
    const before = this.configuration;
    const after = yield* configurationRecordOf(config);
    if (before === undefined || before.hash === after.hash) return;
    const at = this.now();
    this.configuration = after;
    const changes = changesBetween(before, after, config.watches);
    const { added, changed, removed, settings } = changes;
    this.write('reloaded', at, `reloaded: ${changesText(changes)}`, {
      details: {
        watches: config.watches.length,
        changes: {
          added: added.length,
          changed: changed.length,
          removed: removed.slice(0, NAMES_MAX),
          removed_count: removed.length,
          settings,
        },
      },
    });
    yield* this.tellWatches([...added, ...changed]);
  }

  /** The first line of a file that goes on where another one ended; undefined: the record has not begun. */
  continued(lastSequence: number): string | undefined {
    if (this.configuration === undefined) return undefined;
    return this.line('continued', this.now(), 'the log goes on in this file', {
      details: { last_sequence: lastSequence },
    });
  }

  /** To be called when no deletion is seen any more and all that were are written. */
  stopped(lastSequence: number, counts: PipelineCounts): void {
    if (this.configuration === undefined || this.isOver) return;
    this.isOver = true;
    const { seen, filteredInKernel, filteredInDaemon, lost, folded } = counts;
    const at = this.now();
    this.write('stopped', at, `stopped after ${lastSequence} ${lastSequence === 1 ? 'event' : 'events'}`, {
      details: {
        last_sequence: lastSequence,
        totals: {
          seen,
          filtered: filteredInKernel + filteredInDaemon,
          lost: Object.values(lost).reduce((sum, count) => sum + count, 0),
          folded,
        },
      },
    });
    this.options.state.end(this.seen(lastSequence, at, true));
  }

  /** To be called about once a second while records are taken out of the ring. */
  alive(lastSequence: number): void {
    if (this.configuration !== undefined && !this.isOver) {
      this.options.state.keep(this.seen(lastSequence, this.now(), false));
    }
  }

  /** Writes what the log has had no room for. To be called about once a second. */
  retry(): void {
    const lines = this.waiting;
    const untaken = lines.findIndex((line) => !this.options.notice(line));
    this.waiting = untaken < 0 ? [] : lines.slice(untaken);
  }

  private gap(previous: RunSeen, at: Date): void {
    const { run, boot, sequence, stopped } = previous;
    // A clock that was set back meanwhile.
    const start = previous.at < at ? previous.at : at;
    const why = stopped
      ? 'the daemon was stopped'
      : boot === this.options.bootId
        ? 'the daemon ended without a stop'
        : 'the host went down';
    const seconds = Math.round((at.getTime() - start.getTime()) / 1000);
    this.write('gap', at, `nothing was watched for ${seconds} s: ${why}`, {
      warns: true,
      span: { start, end: at },
      details: { gap: { run, ...(boot !== undefined && { boot }), sequence, stopped } },
    });
  }

  private write(
    action: Parameters<typeof daemonLine>[0],
    at: Date,
    message: string,
    parts: Parameters<DaemonRecord['line']>[3],
  ): void {
    this.send(this.line(action, at, message, parts));
  }

  private line(
    action: Parameters<typeof daemonLine>[0],
    at: Date,
    message: string,
    {
      details,
      ...parts
    }: Pick<Parameters<typeof daemonLine>[1], 'warns' | 'agent' | 'span'> & {
      readonly details: Partial<DaemonEvent['rmwatch']>;
    },
  ): string {
    return daemonLine(action, { ...parts, at, message, host: this.host, details: { ...this.details(), ...details } });
  }

  private details(): DaemonEvent['rmwatch'] {
    const { configuration } = this;
    if (configuration === undefined) throw new Error('the record has not begun');
    return { run: this.options.run, attach: this.attach, config_hash: configuration.hash };
  }

  private get host(): DaemonEvent['host'] {
    const { bootId, hostName } = this.options;
    return { name: hostName(), ...(bootId !== undefined && { boot: { id: bootId } }) };
  }

  private send(line: string): void {
    if (this.waiting.length === 0 && this.options.notice(line)) return;
    if (this.waiting.length < WAITING_MAX) {
      this.isFull = false;
      this.waiting.push(line);
    } else if (!this.isFull) {
      this.isFull = true;
      this.options.onProblem('the log takes no lines: what changed is not all in the record');
    }
  }

  private seen(sequence: number, at: Date, stopped: boolean): RunSeen {
    const { run, bootId: boot } = this.options;
    return { run, boot, sequence, at, stopped };
  }

  private now(): Date {
    return this.options.now?.() ?? new Date();
  }
}

function watchesText(count: number): string {
  return `${count} ${count === 1 ? 'watch' : 'watches'}`;
}

function changesText({ added, changed, removed, settings }: ConfigurationChanges): string {
  const parts = [
    added.length > 0 ? `${watchesText(added.length)} new` : '',
    changed.length > 0 ? `${watchesText(changed.length)} changed` : '',
    removed.length > 0 ? `${watchesText(removed.length)} removed` : '',
    settings.length > 0 ? `${settings.join(', ')} changed` : '',
  ];
  return parts.filter(Boolean).join(', ');
}
