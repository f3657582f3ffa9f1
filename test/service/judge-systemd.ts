/** Judges the sessions of a guest with systemd. */
import zlib from 'node:zlib';
import { lineProblems, newLineCheck } from '../event-lines/event-lines.js';
import type { Check } from '../guest/scenarios/checks.js';
import type { SessionRecord } from '../guest/scenarios/record-files.js';
import type { CheckRecord, Expectation, Pattern, SystemdRecording } from './sessions.js';

export const SCHEMA_CHECK = 'every line in the journal and in the logs is of the schema';
/** More would drown the rest. */
const SHOWN_CHARACTERS = 500;

function isPattern(wanted: Expectation['wanted']): wanted is Pattern {
  return typeof wanted === 'object' && wanted !== null;
}

function isMet({ actual, wanted }: Expectation): boolean {
  return isPattern(wanted) ? new RegExp(wanted.pattern, wanted.flags).test(String(actual)) : actual === wanted;
}

function problemOf({ what, actual, wanted }: Expectation): string {
  const must = isPattern(wanted) ? `/${wanted.pattern}/${wanted.flags}` : JSON.stringify(wanted);
  return `${what}: ${JSON.stringify(actual)?.slice(0, SHOWN_CHARACTERS)} instead of ${must}`;
}

function judgeCheck({ name, expectations, error, seconds, facts }: CheckRecord): Check {
  const problems = expectations.filter((one) => !isMet(one)).map(problemOf);
  if (error !== undefined) problems.push(error);
  if (expectations.length === 0) problems.push('nothing was expected');
  return { name, problems, facts: [`${seconds.toFixed(1)} s`, ...(facts ? [JSON.stringify(facts)] : [])].join(' ') };
}

/** The daemon's own messages have their level there, where events have none. */
const isDiagnostic = (line: string) => /^\{"log":\{"level":"[a-z]+"\},/.test(line);

function judgeLines(record: SessionRecord<SystemdRecording>): Check {
  const check = newLineCheck();
  for (const file of record.recording.lineFiles) {
    const bytes = record.bytes(file);
    const text = (file.endsWith('.gz') ? zlib.gunzipSync(bytes) : bytes).toString();
    const lines = text.split('\n').filter((line) => line !== '' && !isDiagnostic(line));
    check.add(Buffer.from(lines.map((line) => `${line}\n`).join('')));
  }
  const { lines, invalid } = check;
  return { name: SCHEMA_CHECK, problems: lineProblems(check), facts: `${lines} lines, ${invalid} invalid` };
}

/** One check for each that the guest recorded, and one of all lines. */
export function judgeSystemd(record: SessionRecord<SystemdRecording>): Check[] {
  return [...record.recording.checks.map(judgeCheck), judgeLines(record)];
}
