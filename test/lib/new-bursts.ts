import { BurstDetector } from '../../src/burst/burst-detector.js';
import { BurstReporter } from '../../src/burst/burst-reporter.js';
import type { TableLimits } from '../../src/burst/tracker-table.js';
import type { EventEncoder } from '../../src/event/event-encoder.js';
import type { AttachMode } from '../../src/model/config.js';

export interface NewBurstsOptions {
  readonly attach?: AttachMode;
  readonly limits?: TableLimits;
  onProblem?(message: string): void;
}

/** A detector as the daemon has it, which looks for nothing until it is told to. */
export function newBursts(
  line: EventEncoder,
  notice: (line: string) => boolean,
  { attach = 'kprobe', limits, onProblem = () => {} }: NewBurstsOptions = {},
): BurstDetector {
  const reporter = new BurstReporter({ attach, hostJson: () => line.host, notice, onProblem });
  const actorOf: EventEncoder['actorOf'] = (record, process) => line.actorOf(record, process);
  return new BurstDetector({ actorOf, reporter, ...(limits !== undefined && { limits }) });
}
