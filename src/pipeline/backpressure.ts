import type { EventWriter } from '../output/event-writer.js';
import type { Backpressure } from './ring-drain.js';

/** The share of the room for records above which events will be lost soon. */
const NEARLY_FULL = 0.9;

/** Bytes for records: in the ring, and in all with the backlog. */
export interface RecordCapacity {
  readonly ringBytes: number;
  readonly capacityBytes: number;
}

/**
 * How fast the drain may go on with `used` bytes of records waiting. Records take less memory than lines, so they wait
 * for a reader that is slow; but when there are many, they had better become lines while there is room for those: a
 * daemon that works leaves less of the processors to who makes the flood.
 */
export function backpressureOf(
  used: number,
  { ringBytes, capacityBytes }: RecordCapacity,
  writer: Pick<EventWriter, 'congested' | 'nearlyFull' | 'awaitsReader'>,
): Backpressure {
  // Rather lose lines than records: the deletions are then at least counted, each by its watch.
  if (used > capacityBytes * NEARLY_FULL) return 'none';
  if (used > ringBytes / 2 ? writer.nearlyFull : writer.congested) return 'wait';
  return writer.awaitsReader ? 'small' : 'none';
}
