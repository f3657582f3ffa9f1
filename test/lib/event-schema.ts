import { validateEvent } from '../event-lines/validate.js';

/** What is wrong with a parsed line of the event log; nothing when all is well. */
export function validateEventLine(line: unknown): string[] {
  if (validateEvent(line)) return [];
  return (validateEvent.errors ?? []).map(({ instancePath, message, params }) =>
    [instancePath || '/', message, JSON.stringify(params)].join(' '),
  );
}
