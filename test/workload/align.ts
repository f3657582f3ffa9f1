/** Finds for every attempt the event that reports it. */
import type { Attempt, Event } from './attempt.js';

export interface Alignment {
  readonly matched: [Attempt, Event][];
  readonly missing: Attempt[];
  readonly unexpected: Event[];
}

/** Attempts and events of one thread come in the same order. Workers of io_uring have threads of their own. */
const threadKey = (pid: number, tid: number | null | undefined, via: string) =>
  via === 'io_uring' ? `${pid} io_uring` : `${pid} ${tid}`;

const MATCH_LEAST = 4;

/** How much speaks for it that the event reports the attempt. */
function likeness(attempt: Attempt, event: Event): number {
  const requested = attempt.requested === null ? undefined : Buffer.from(attempt.requested, 'latin1').toString();
  const code = attempt.failed ? attempt.result : undefined;
  const atMs = Date.parse(event['@timestamp']);
  const inTime = atMs >= attempt.began_us / 1000 - 2 && atMs <= attempt.ended_us / 1000 + 2;
  return (
    (event.event.action === attempt.operation ? 2 : 0) +
    (event.rmwatch?.requested_path === requested ? 2 : 0) +
    (event.error?.code === code ? 1 : 0) +
    (inTime ? 3 : 0)
  );
}

function grouped<Item>(items: readonly Item[], keyOf: (item: Item) => string): Map<string, Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const key = keyOf(item);
    if (groups.has(key)) groups.get(key)!.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}

/** Events of unknown processes are left out. */
export function alignAttempts(attempts: readonly Attempt[], events: readonly Event[]): Alignment {
  const pids = new Set(attempts.map(({ pid }) => pid));
  const attemptGroups = grouped(attempts, ({ pid, tid, via }) => threadKey(pid, tid, via));
  const eventGroups = grouped(
    events.filter((event) => pids.has(event.process?.pid)),
    ({ process, rmwatch }) => threadKey(process.pid, process.thread?.id, rmwatch?.via),
  );
  const result: Alignment = { matched: [], missing: [], unexpected: [] };
  for (const key of new Set([...attemptGroups.keys(), ...eventGroups.keys()])) {
    alignGroup(attemptGroups.get(key) ?? [], eventGroups.get(key) ?? [], result);
  }
  return result;
}

/** The pairing in order that has the most likeness: one lost event must not shift all that follow. */
function alignGroup(attempts: readonly Attempt[], events: readonly Event[], result: Alignment): void {
  const best = Array.from({ length: attempts.length + 1 }, () => new Float64Array(events.length + 1));
  const pairScore = (a: number, e: number) => {
    const score = likeness(attempts[a]!, events[e]);
    return score < MATCH_LEAST ? -1 : attempts[a]!.expectation === 'nothing' ? score / 2 : score;
  };
  for (let a = attempts.length - 1; a >= 0; a -= 1) {
    for (let e = events.length - 1; e >= 0; e -= 1) {
      best[a]![e] = Math.max(best[a + 1]![e]!, best[a]![e + 1]!, best[a + 1]![e + 1]! + pairScore(a, e));
    }
  }
  let a = 0;
  let e = 0;
  while (a < attempts.length || e < events.length) {
    const both = a < attempts.length && e < events.length;
    const score = both ? pairScore(a, e) : -1;
    if (both && score > 0 && best[a]![e] === best[a + 1]![e + 1]! + score) {
      result.matched.push([attempts[a]!, events[e]]);
      a += 1;
      e += 1;
    } else if (a < attempts.length && (e === events.length || best[a]![e] === best[a + 1]![e])) {
      if (attempts[a]!.expectation === 'event') result.missing.push(attempts[a]!);
      a += 1;
    } else {
      result.unexpected.push(events[e]);
      e += 1;
    }
  }
}
