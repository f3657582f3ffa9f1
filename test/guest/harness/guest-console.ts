/**
 * What the console and the results channel of a finished guest say.
 */
const SPLATS = [
  /\bBUG:/,
  /\bWARNING:/,
  /\bOops\b/,
  /Call Trace/,
  /unchecked MSR/,
  /Kernel panic/,
  /general protection/,
  /rcu.*stall/,
  /soft lockup/,
  /hung_task|blocked for more than \d+ seconds/,
];

/** Kernel messages carry a time stamp; the command's own output does not, and may well say WARNING. */
const KERNEL_LINE = /^(<\d+>)?\[\s*\d+\.\d+\]/;

/** Lines by which the kernel says that something went wrong. */
export function findSplats(consoleText: string): string[] {
  return consoleText
    .split(/\r?\n/)
    .filter((line) => KERNEL_LINE.test(line) && SPLATS.some((pattern) => pattern.test(line)));
}

/** A line by run-command.sh. */
interface HarnessLine {
  readonly rmwatchGuestStart?: number;
  readonly rmwatchGuestExit?: number;
}

/** What the guest wrote to its results channel. */
export interface ResultsReport<R> {
  /** The guest came to its command. */
  started: boolean;
  bootSeconds?: number;
  exitCode?: number;
  /** What the command itself reported. */
  readonly results: R[];
  /** Lines that are not JSON. */
  readonly badLines: string[];
}

/** `R`: what the command reports, one JSON value a line. The caller knows it; nothing is checked here. */
export function parseResultsChannel<R>(text: string): ResultsReport<R> {
  const report: ResultsReport<R> = { started: false, results: [], badLines: [] };
  for (const line of text.split(/\r?\n/)) {
    if (line.trim() === '') continue;
    let value: (R & HarnessLine) | null;
    try {
      value = JSON.parse(line);
    } catch {
      report.badLines.push(line);
      continue;
    }
    if (value?.rmwatchGuestStart !== undefined) {
      report.started = true;
      report.bootSeconds = value.rmwatchGuestStart;
    } else if (value?.rmwatchGuestExit !== undefined) {
      report.exitCode = value.rmwatchGuestExit;
    } else {
      report.results.push(value as R);
    }
  }
  return report;
}
