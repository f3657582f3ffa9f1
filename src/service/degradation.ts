import type { AttachMode, WantedAttach, WatchConfig } from '../model/config.js';
import type { StuckOutput } from '../output/event-writer.js';
import { isFallback, unservedWatches } from './attach-limits.js';

/** Something that is worse than it should be, while deletions are seen all the same. */
export interface Degradation {
  /** With the figures of this moment. */
  readonly text: string;
  /** Without those that change from second to second, for `systemctl status`. */
  readonly status: string;
}

export interface DegradationFacts {
  readonly stuck: StuckOutput | undefined;
  /** `probe.attach`. */
  readonly wanted: WantedAttach;
  readonly mode: AttachMode;
  readonly watches: readonly WatchConfig[];
  /** See WatchState.unfiltered. */
  readonly unfiltered: string | undefined;
}

/** The worst first. */
export function degradationsOf({ stuck, wanted, mode, watches, unfiltered }: DegradationFacts): Degradation[] {
  const degradations: Degradation[] = [];
  if (stuck !== undefined) {
    const { seconds, reason } = stuck;
    const status = `log takes nothing (${reason})`;
    degradations.push({ text: `log takes nothing since ${seconds} s (${reason})`, status });
  }
  const steady = (text: string) => degradations.push({ text, status: text });
  const unserved = unservedWatches(watches, mode);
  if (unserved.length > 0) steady(`${mode} mode cannot serve ${watchesText(unserved)}`);
  if (isFallback(wanted, mode)) steady('only system calls can be hooked (tracepoint mode)');
  if (unfiltered !== undefined) steady(unfiltered);
  return degradations;
}

function watchesText(names: readonly string[]): string {
  const more = names.length > 3 ? ` and ${names.length - 3} more` : '';
  return `${names.length === 1 ? 'watch' : 'watches'} ${names.slice(0, 3).join(', ')}${more}`;
}
