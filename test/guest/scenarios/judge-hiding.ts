/** Judges the sessions `hiding`. */
import { ledgerGap, parseMetrics } from '../../lib/metrics.js';
import type { Check } from './checks.js';
import { judgeMounts, MOUNTS_CHECK } from './judge-mounts.js';
import type { HiddenDeletion, HidingRecording, HidingSession } from './plan.js';
import type { Event, SessionRecord } from './record-files.js';

/** The last way of a guest that has such a file system. */
export const CASEFOLD_WAY = 'a directory of an ext4 that ignores case, by other letters and composed otherwise';

export const HIDING_CHECKS = ['what tries to hide is told', 'every line is of the schema', MOUNTS_CHECK] as const;

/** Where the mounts of the host must come from. */
const mountSourceOf = (isContained: boolean) => (isContained ? "the kernel's list of mounts" : '/proc/1/mountinfo');

/** Why the events are not the one that is wanted. */
function wrong(
  events: readonly Event[],
  { name, complete, path, requested, hostPath, formerPath, ignoresCase }: HiddenDeletion,
): string | undefined {
  const found = events.filter((event) => event?.file?.name === name);
  if (found.length !== 1) return `${found.length} events`;
  const { file, rmwatch } = found[0];
  if (rmwatch.path_complete !== complete) return `path_complete: ${rmwatch.path_complete}`;
  if (path !== undefined && file.path !== path) return `file.path: ${file.path}`;
  if (requested !== undefined && rmwatch.requested_path !== requested) return `requested: ${rmwatch.requested_path}`;
  if (rmwatch.former_paths?.join() !== formerPath) return `former_paths: ${rmwatch.former_paths}`;
  if (rmwatch.host_path !== hostPath) return `host_path: ${rmwatch.host_path}`;
  if (rmwatch.case_insensitive !== (ignoresCase || undefined)) return `case_insensitive: ${rmwatch.case_insensitive}`;
  return undefined;
}

export function judgeHiding({ casefold, isContained }: HidingSession, record: SessionRecord<HidingRecording>): Check[] {
  const { did, mounts, mountSource, metrics, error } = record.recording;
  const problems: string[] = [];
  for (const one of did) {
    const problem = wrong(record.events, one);
    if (problem !== undefined) problems.push(`${one.way}: ${problem}`);
  }
  if (record.events.some((event) => event?.file?.name === 'beside')) problems.push('a file beside was told, too');
  if (metrics === undefined) problems.push(error ?? 'the guest recorded no metrics');
  else if (ledgerGap(parseMetrics(metrics)) !== 0) problems.push(`ledger gap ${ledgerGap(parseMetrics(metrics))}`);
  if (did.length === 0) problems.push('nothing tried to hide');
  if (casefold && !did.some(({ way }) => way === CASEFOLD_WAY)) problems.push(`not tried: ${CASEFOLD_WAY}`);
  if (mountSource !== mountSourceOf(isContained)) problems.push(`the mounts of the host are read from ${mountSource}`);
  return [
    { name: HIDING_CHECKS[0], problems, facts: `${did.length} ways, mounts from ${mountSource}` },
    record.schemaCheck(HIDING_CHECKS[1]),
    judgeMounts(mounts, error),
  ];
}
