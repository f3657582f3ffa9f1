import type { EventWriter } from '../output/event-writer.js';
import type { RingDrain } from './ring-drain.js';

/**
 * A service gets 30 s to stop (TimeoutStopSec). Most of it goes to a log that takes what waits but takes it slowly; one
 * that takes nothing is given up after the time in which EventWriter calls it stalled, and the same again.
 */
const DRAIN_MS = 15_000;
const FLUSH_MS = 20_000;
const NO_PROGRESS_MS = 5_000;

/** Makes lines of all records that wait; what of it the log has no room for in time is lost, and counted. */
export function handleWaiting(drain: RingDrain, writer: EventWriter): Promise<void> {
  return drain.finish(() => !writer.nearlyFull, DRAIN_MS);
}

/** Writes the lines that wait, until `startedMs` (performance.now()) is too long ago. False: some are left. */
export async function writeWaiting(writer: EventWriter, startedMs: number): Promise<boolean> {
  for (;;) {
    const before = writer.backlogBytes;
    if (await writer.flush(NO_PROGRESS_MS)) return true;
    if (writer.backlogBytes >= before || performance.now() - startedMs >= FLUSH_MS) return false;
  }
}
