import type { AttachMode, Operation, WantedAttach, WatchConfig } from '../model/config.js';

/** What each mode cannot see, whatever the watches want. */
const UNSEEN: Readonly<Record<AttachMode, readonly Operation[]>> = {
  kprobe: [],
  fentry: [],
  // System calls do not tell what a rename replaces.
  tracepoint: ['replace'],
};

/** What the mode reports of no deletion at all. */
export function unseenOperations(mode: AttachMode): readonly Operation[] {
  return UNSEEN[mode];
}

/** `probe.attach` names better modes first, and the one that sees least had to be taken. */
export function isFallback(wanted: WantedAttach, mode: AttachMode): boolean {
  const first = typeof wanted === 'string' ? wanted : wanted[0];
  return mode === 'tracepoint' && first !== mode;
}

/** Names of the watches that report nothing at all in this mode. */
export function unservedWatches(watches: readonly WatchConfig[], mode: AttachMode): string[] {
  const unseen = UNSEEN[mode];
  return watches
    .filter(({ operations }) => operations.every((operation) => unseen.includes(operation)))
    .map(({ name }) => name);
}
