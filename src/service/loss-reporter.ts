import type { LossReason } from '../metrics/pipeline-counts.js';
import { LOSS_REASONS } from '../metrics/pipeline-counts.js';

type Losses = Readonly<Record<LossReason, number>>;

/** Tells in the log, at the latest a second after it happened, how many events were lost and why. */
export class LossReporter {
  private readonly read: () => Losses;
  private readonly report: (line: string) => void;
  private readonly hostJson: string;
  private told: Losses;
  private toldAt = new Date();

  /** `read`: the losses since start; `report` takes a finished JSON line. */
  constructor(read: () => Losses, report: (line: string) => void, hostJson: string) {
    this.read = read;
    this.report = report;
    this.hostJson = hostJson;
    this.told = { ring_full: 0, state_full: 0, decode: 0, output: 0 };
  }

  /** To be called about once a second. Returns what was lost since the last call, if anything. */
  check(): Partial<Record<LossReason, number>> | undefined {
    const losses = this.read();
    const now = new Date();
    const since = this.toldAt;
    const lost: Partial<Record<LossReason, number>> = {};
    for (const reason of LOSS_REASONS) {
      const more = losses[reason] - this.told[reason];
      if (more > 0) lost[reason] = more;
    }
    this.toldAt = now;
    if (Object.keys(lost).length === 0) return undefined;
    this.told = { ...losses };
    const what = Object.entries(lost).map(([reason, count]) => `${count} ${reason}`);
    this.report(
      `{"@timestamp":"${timestamp(now)}","ecs":{"version":"9.0.0"},"log":{"level":"error"}` +
        `,"message":"events lost: ${what.join(', ')}"` +
        ',"event":{"kind":"pipeline_error","action":"events-lost","dataset":"rmwatch.deletion"' +
        `,"start":"${timestamp(since)}","end":"${timestamp(now)}"}` +
        `,"host":${this.hostJson},"rmwatch":{"lost":${JSON.stringify(lost)}}}`,
    );
    return lost;
  }
}

/** With as many digits as the times of other lines have. */
function timestamp(date: Date): string {
  return date.toISOString().replace('Z', '000000Z');
}
