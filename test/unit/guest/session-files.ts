/** Writes what a session of a guest would leave behind, for tests of the judges. */
import fs from 'node:fs';
import path from 'node:path';
import { RECORDS } from '../../guest/scenarios/plan.js';
import { type Event, SessionRecord } from '../../guest/scenarios/record-files.js';

export interface SessionFiles<Recording> {
  readonly recording: Recording;
  readonly events?: readonly Event[];
  readonly diagnostics?: string;
}

const asLines = (events: readonly Event[]) => events.map((event) => `${JSON.stringify(event)}\n`).join('');

/** `directory`: where the outputs of the guest would be. */
export function recordOf<Recording>(
  directory: string,
  { recording, events = [], diagnostics = '' }: SessionFiles<Recording>,
): SessionRecord<Recording> {
  const session = path.join(directory, RECORDS, 'session');
  fs.mkdirSync(session, { recursive: true });
  fs.writeFileSync(path.join(session, 'recording.json'), JSON.stringify(recording));
  fs.writeFileSync(path.join(session, 'events.json'), asLines(events));
  fs.writeFileSync(path.join(session, 'diagnostics.json'), diagnostics);
  return new SessionRecord<Recording>(directory, 'session');
}

/** A scrape of a daemon that has counted nothing but `changes`. */
export function scrape(changes: Readonly<Record<string, number>> = {}): string {
  return Object.entries({
    rmwatch_events_seen_total: 0,
    'rmwatch_events_filtered_total{stage="daemon"}': 0,
    rmwatch_events_delivered_total: 0,
    rmwatch_events_folded_total: 0,
    'rmwatch_events_lost_total{reason="ring_full"}': 0,
    'rmwatch_events_lost_total{reason="probe_skipped"}': 0,
    rmwatch_probe_missed_total: 0,
    rmwatch_unattributed_deletions_total: 0,
    'rmwatch_deletions_total{watch="work",operation="unlink"}': 0,
    ...changes,
  })
    .map(([name, value]) => `${name} ${value}\n`)
    .join('');
}
