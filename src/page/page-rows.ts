import type { LoggedDeletion, RecordLine } from '../search/logged-event.js';
import { escapeControl } from '../text/escape.js';

/** A row of the list, ready to be shown: what others have chosen is escaped as for a terminal. */
export type PageRow = DeletionRow | NoteRow;

export interface DeletionRow {
  readonly time: string;
  readonly operation: string;
  /** Left out for a success: the errno, or `unknown`. */
  readonly problem?: string;
  readonly path: string;
  readonly process: string;
  readonly pid: number;
  readonly user: string;
  readonly watches: string;
  readonly bytes?: number;
}

/** The record speaks of itself. */
export interface NoteRow {
  readonly time: string;
  readonly note: string;
  readonly kind: 'lost' | 'burst' | 'record';
}

/** Nobody reads further in a table; the log has the whole of it. */
const TEXT_MAX = 1024;

export function deletionRow({ event, file, process, user, rule, rmwatch, ...line }: LoggedDeletion): DeletionRow {
  const problem = problemOf(event.outcome ?? 'unknown', line.error?.code);
  return {
    time: line['@timestamp'],
    operation: shown(event.action),
    ...(problem !== undefined && { problem: shown(problem) }),
    path: shown(file?.path ?? rmwatch.requested_path ?? '(unknown)'),
    process: shown(process.name),
    pid: process.pid,
    user: shown(user.name ?? user.id),
    watches: shown(rule.name.join(', ')),
    ...(file?.size !== undefined && { bytes: file.size }),
  };
}

export function noteRow({ event, message, ...line }: RecordLine): NoteRow {
  const kind = event.kind === 'pipeline_error' ? 'lost' : event.kind === 'alert' ? 'burst' : 'record';
  return { time: line['@timestamp'], note: shown(message ?? event.action ?? ''), kind };
}

/** Escaped, and cut without parting a character. */
export function shown(text: string): string {
  const escaped = escapeControl(text);
  return escaped.length <= TEXT_MAX ? escaped : `${escaped.slice(0, TEXT_MAX).replace(/[\ud800-\udbff]$/, '')}…`;
}

function problemOf(outcome: string, code: string | undefined): string | undefined {
  return outcome === 'success' ? undefined : (code ?? outcome);
}
