import { timestampOf } from '../event/daemon-line.js';
import type { EventsLostEvent } from '../event/deletion-event.js';
import { DATASET_DELETION } from '../event/event-words.js';
import { ECS_VERSION } from '../model/ecs.js';
import type { LossReason } from '../model/pipeline-counts.js';
import { LOSS_REASONS } from '../model/pipeline-counts.js';

type Losses = Readonly<Record<LossReason, number>>;

const NONE: Losses = { ring_full: 0, state_full: 0, probe_skipped: 0, decode: 0, output: 0 };

/** Reports in the log, at most a second later, how many events were lost and why. */
export class LossReporter {
  private readonly read: () => Losses;
  private readonly report: (line: string) => boolean;
  private readonly hostJson: () => string;
  private returned: Losses = NONE;
  private told: Losses = NONE;
  private toldAt = new Date();

  /** `read`: the losses since start; `report` takes a finished JSON line, or returns false while the output has no reader. */
  constructor(read: () => Losses, report: (line: string) => boolean, hostJson: () => string) {
    this.read = read;
    this.report = report;
    this.hostJson = hostJson;
  }

  /** To be called about once a second. Returns what was lost since the last call, if anything. */
  check(): Partial<Record<LossReason, number>> | undefined {
    const losses = { ...this.read() };
    const now = new Date();
    const untold = lossesSince(this.told, losses);
    if (untold === undefined || this.report(this.line(untold, now))) {
      this.told = losses;
      this.toldAt = now;
    }
    const lost = lossesSince(this.returned, losses);
    this.returned = losses;
    return lost;
  }

  private line(lost: Partial<Losses>, now: Date): string {
    const what = Object.entries(lost).map(([reason, count]) => `${count} ${reason}`);
    const event: EventsLostEvent = {
      '@timestamp': timestampOf(now),
      ecs: { version: ECS_VERSION },
      log: { level: 'error' },
      message: `events lost: ${what.join(', ')}`,
      event: {
        kind: 'pipeline_error',
        action: 'events-lost',
        dataset: DATASET_DELETION,
        start: timestampOf(this.toldAt),
        end: timestampOf(now),
      },
      host: JSON.parse(this.hostJson()) as EventsLostEvent['host'],
      rmwatch: { lost },
    };
    return JSON.stringify(event);
  }
}

/** `after` less `before`; undefined when that is nothing. */
function lossesSince(before: Losses, after: Losses): Partial<Losses> | undefined {
  const lost = LOSS_REASONS.filter((reason) => after[reason] > before[reason]);
  if (lost.length === 0) return undefined;
  return Object.fromEntries(lost.map((reason) => [reason, after[reason] - before[reason]]));
}
