/** How long the event loop of a daemon was blocked at a time, in measures that do not depend on how slow a guest is. */
import fs from 'node:fs';
import { waitUntil } from '../../lib/wait-until.js';

/** programs/loop_delay.cjs. */
export const LOOP_DELAY = '/opt/loop_delay.cjs';

/** What `referenceWork` takes on a server of 2026 that does nothing else. */
const REFERENCE_MS = 5;
const REFERENCE_OBJECTS = 5_000;
const REFERENCE_RUNS = 3;
const LINE_TIMEOUT_MS = 60_000;

/** The two longest blocks of a while; `slowness`: how many times as long as on a server JavaScript took right after it. */
export interface LoopBlock {
  readonly longestMs: number;
  readonly secondMs: number;
  readonly slowness: number;
}

/** A fixed piece of JavaScript of the kind that the daemon runs. */
function referenceWork(): number {
  const events = Array.from({ length: REFERENCE_OBJECTS }, (_, at) => ({
    path: `/srv/data/${(at * 7_919) % REFERENCE_OBJECTS}/file`,
    size: at,
    names: ['a', 'b'],
  }));
  const again: typeof events = JSON.parse(JSON.stringify(events));
  again.sort((one, other) => (one.path < other.path ? -1 : 1));
  return again.length;
}

function slowness(): number {
  const took = Array.from({ length: REFERENCE_RUNS }, () => {
    const began = performance.now();
    referenceWork();
    return performance.now() - began;
  });
  return Math.max(1, Math.min(...took) / REFERENCE_MS);
}

/** The longest blocks of the lines that were written after `began`. */
function linesSince(file: string, began: number): readonly number[] {
  if (!fs.existsSync(file)) return [];
  const lines = fs.readFileSync(file, 'utf8').trimEnd().split('\n');
  return lines.flatMap((line) => {
    const [when = 0, longestMs = 0] = line.split(' ').map(Number);
    return when > began ? [longestMs] : [];
  });
}

/** Does `work`, and tells the longest blocks of that time. Throws when the daemon's event loop does not run again. */
export async function loopBlockDuring<T>(
  file: string,
  work: () => T | Promise<T>,
): Promise<{ result: T; block: LoopBlock }> {
  const began = Date.now();
  const result = await work();
  const ended = Date.now();
  await waitUntil('the event loop runs', () => linesSince(file, ended).length > 0, LINE_TIMEOUT_MS);
  const [longestMs = 0, secondMs = 0] = [...linesSince(file, began)].sort((one, other) => other - one);
  return { result, block: { longestMs, secondMs, slowness: slowness() } };
}
