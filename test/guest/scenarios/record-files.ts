/** Reads what a session left behind, and holds its event lines against the schema. */
import fs from 'node:fs';
import path from 'node:path';
import { type LineAccount, lineProblems, newLineCheck } from '../../event-lines/event-lines.js';
import { type Metrics, parseMetrics, sampleOf } from '../../lib/metrics.js';
import { isOfRecord } from '../../lib/record-marks.js';
import type { Check } from './checks.js';
import type { LineRange } from './line-range.js';
import { RECORDS } from './plan.js';

// biome-ignore lint/suspicious/noExplicitAny: what the daemon writes is what is tested
export type Event = any;

/** What one daemon left behind in its directory. */
export class EventRecord {
  /** Every finished line of an event, parsed. A line that is no JSON is undefined, and told by `schemaCheck`. */
  readonly events: readonly Event[];
  private readonly account: LineAccount;

  constructor(protected readonly directory: string) {
    const check = newLineCheck();
    const bytes = fs.existsSync(this.file('events.json')) ? fs.readFileSync(this.file('events.json')) : Buffer.alloc(0);
    this.events = check.add(bytes.subarray(0, bytes.lastIndexOf(0x0a) + 1)).filter((line) => !isOfRecord(line));
    this.account = check.toJSON();
  }

  protected file(name: string): string {
    return path.join(this.directory, name);
  }

  bytes(name: string): Buffer {
    return fs.readFileSync(this.file(name));
  }

  text(name: string): string {
    return fs.readFileSync(this.file(name), 'utf8');
  }

  lines(name: string): string[] {
    return this.text(name).split('\n').filter(Boolean);
  }

  eventsIn({ from, to }: LineRange): readonly Event[] {
    return this.events.slice(from, to);
  }

  schemaCheck(name: string): Check {
    const { lines, invalid } = this.account;
    return { name, problems: lineProblems(this.account), facts: `${lines} lines, ${invalid} invalid` };
  }
}

/** What a session left behind: what its recorder wrote, and what its daemon did. */
export class SessionRecord<Recording> extends EventRecord {
  readonly recording: Recording;

  /** `outputDir`: where the outputs of the guest were unpacked. */
  constructor(outputDir: string, session: string) {
    super(path.join(outputDir, RECORDS, session));
    this.recording = JSON.parse(this.text('recording.json'));
  }
}

/** By how much a counter grew between two scrapes. */
export function growth(before: Metrics, after: Metrics, name: string): number {
  return sampleOf(after, name) - sampleOf(before, name);
}

export { parseMetrics };
