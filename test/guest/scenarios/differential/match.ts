/** Matches the attempts that strace saw with the daemon's events, one to one. */
import type { Mode } from '../mode.js';
import type { Event } from '../record-files.js';
import type { Attempt, Traced } from './attempts.js';

/** What an event says of an attempt. */
interface Told {
  readonly action: string;
  readonly outcome: string | undefined;
  readonly error: string;
  readonly path: string | undefined;
  readonly pid: number | undefined;
  readonly message: string;
}

/** An event that nothing explains, or an attempt whose event is wrong or missing. */
export type Mismatch =
  | { readonly unexplained: Told }
  | { readonly call: string; readonly wrong: readonly string[] }
  | { readonly missing: string; readonly path: string };

export interface Matched {
  readonly calls: number;
  readonly events: number;
  readonly renames: number;
  readonly replacing: number;
  readonly replaced: number;
  readonly mismatches: readonly Mismatch[];
}

/** A path's bytes as a latin1 string, as attempts.ts has them. */
const pathBytes = ({ file, rmwatch }: Event): string =>
  (rmwatch.path_bytes === undefined ? Buffer.from(file.path) : Buffer.from(rmwatch.path_bytes, 'base64')).toString(
    'latin1',
  );

const told = (event: Event): Told => ({
  action: event.event.action,
  outcome: event.event.outcome,
  error: event.error?.code ?? '',
  path: event.file?.path === undefined ? undefined : pathBytes(event),
  pid: event.process?.pid,
  message: event.message,
});

function differences(attempt: Attempt, event: Event): string[] {
  const { action, outcome, error, path, pid } = told(event);
  const wrong: string[] = [];
  if (action !== attempt.action) wrong.push(`action ${action}`);
  if (attempt.error !== undefined) {
    if (outcome !== (attempt.error === '' ? 'success' : 'failure')) wrong.push(`outcome ${outcome}`);
    if (error !== attempt.error) wrong.push(`error ${error}`);
  }
  if (path !== attempt.path) wrong.push(`path ${path}`);
  if (pid !== attempt.tgid) wrong.push(`pid ${pid}`);
  return wrong;
}

/**
 * Attempts and events of one thread, both in the order in which they happened. An attempt `needs` one event (true), must
 * have none (false) or may have one (undefined); what fits best in order is matched, as in a comparison of two texts.
 */
function matchThread(
  attempts: readonly Attempt[],
  events: readonly Event[],
  needs: (attempt: Attempt) => boolean | undefined,
): Mismatch[] {
  const mismatches: Mismatch[] = [];
  let next = 0;
  for (const attempt of attempts) {
    const fits = (event: Event | undefined) => event !== undefined && differences(attempt, event).length === 0;
    if (fits(events[next]) && needs(attempt) !== false) {
      next += 1;
      continue;
    }
    if (needs(attempt) !== true) continue;
    // Either events that nothing explains come first, or this attempt's event is wrong or missing.
    const later = events.findIndex((event, at) => at > next && fits(event));
    if (later > 0) {
      for (const event of events.slice(next, later)) mismatches.push({ unexplained: told(event) });
      next = later + 1;
    } else if (events[next] !== undefined && told(events[next]).path === attempt.path) {
      mismatches.push({ call: attempt.line, wrong: differences(attempt, events[next]) });
      next += 1;
    } else mismatches.push({ missing: attempt.line, path: attempt.path });
  }
  for (const event of events.slice(next)) mismatches.push({ unexplained: told(event) });
  return mismatches;
}

function groupBy<One>(list: readonly One[], keyOf: (one: One) => number): Map<number, One[]> {
  const groups = new Map<number, One[]>();
  for (const one of list) {
    const group = groups.get(keyOf(one));
    if (group === undefined) groups.set(keyOf(one), [one]);
    else group.push(one);
  }
  return groups;
}

/** `events`: all of the daemon's deletion events, in order. Tracepoint mode tells of no replaced files. */
export function matchAttempts({ attempts, threads }: Traced, events: readonly Event[], mode: Mode): Matched {
  const needs = ({ action, replaces }: Attempt) => {
    if (action !== 'replace') return true;
    return mode === 'tracepoint' ? false : replaces;
  };
  const own = events.filter((event) => threads.has(event.process?.thread?.id));
  const ofThread = groupBy(own, (event) => event.process.thread.id);
  const callsOfThread = groupBy(attempts, ({ tid }) => tid);
  const mismatches: Mismatch[] = [];
  for (const tid of new Set([...callsOfThread.keys(), ...ofThread.keys()])) {
    mismatches.push(...matchThread(callsOfThread.get(tid) ?? [], ofThread.get(tid) ?? [], needs));
  }
  const count = (action: string) => own.filter(({ event }) => event.action === action).length;
  const renames = attempts.filter(({ action }) => action === 'replace').length;
  const replacing = attempts.filter(({ replaces }) => replaces === true).length;
  return { calls: attempts.length, events: own.length, renames, replacing, replaced: count('replace'), mismatches };
}
