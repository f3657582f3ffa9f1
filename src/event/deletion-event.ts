import type * as z from 'zod';
import type { burstSchema } from './burst-definition.js';
import type { daemonSchema } from './daemon-definition.js';
import type { deletionSchema, eventsLostSchema, processArgsSchema } from './event-definition.js';
import { DATASET_BURST, DATASET_DAEMON, DATASET_DELETION } from './event-words.js';

/** The types of the lines of the event log, from their definition. A field that could not be had is absent, never a guess. */

type DeepReadonly<T> = T extends object ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> } : T;

/** A name left the filesystem, or an attempt to remove one failed. */
export type DeletionEvent = DeepReadonly<z.infer<typeof deletionSchema>>;

/** All arguments of a process whose other lines have only the first of them; written once, before those. */
export type ProcessArgsEvent = DeepReadonly<z.infer<typeof processArgsSchema>>;

/** Events were lost: how many since the last such line, by reason. */
export type EventsLostEvent = DeepReadonly<z.infer<typeof eventsLostSchema>>;

/** What the record says of itself: a start, a stop, a reload, a gap. */
export type DaemonEvent = DeepReadonly<z.infer<typeof daemonSchema>>;

/** A mass deletion: its begin, how it goes on, its end. */
export type BurstEvent = DeepReadonly<z.infer<typeof burstSchema>>;

export type EventLine = DeletionEvent | ProcessArgsEvent | EventsLostEvent | DaemonEvent | BurstEvent;

export function isEventsLost(event: EventLine): event is EventsLostEvent {
  return event.event.kind === 'pipeline_error';
}

export function isDeletion(event: EventLine): event is DeletionEvent {
  return event.event.dataset === DATASET_DELETION && event.event.kind === 'event';
}

export function isDaemonLine(event: EventLine): event is DaemonEvent {
  return event.event.dataset === DATASET_DAEMON;
}

export function isBurst(event: EventLine): event is BurstEvent {
  return event.event.dataset === DATASET_BURST;
}
