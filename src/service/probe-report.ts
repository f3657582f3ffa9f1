import type { AttachMode, Config, WantedAttach } from '../model/config.js';
import { type OpenedProbe, probeInfoOf } from '../probe/open-probe.js';
import { isFallback, unservedWatches } from './attach-limits.js';
import type { RuntimeParts } from './runtime-parts.js';

/** Names of watches in one message. */
const NAMES_MAX = 100;

/** Says how the kernel is hooked, and why it is not hooked in a better way. */
export function reportProbe(probe: OpenedProbe<unknown>, wanted: WantedAttach, { diagnostics }: RuntimeParts): void {
  const { description } = probe;
  for (const { mode, reason, hint, details } of probe.refusals) {
    diagnostics.info({ attach: mode, reason, ...(hint && { hint }) }, 'attach mode not usable');
    diagnostics.debug({ attach: mode, details }, 'what libbpf said');
  }
  diagnostics.info(probeInfoOf(probe), 'probe attached');
  if (description.leftOut !== '') {
    diagnostics.info({ reason: description.leftOut }, 'hooks carry one program instead of two');
  }
  if (isFallback(wanted, probe.mode)) {
    diagnostics.warn('only system calls can be hooked: replaced files, io_uring and file details are not reported');
  }
  if (description.hostMountNamespace === 0) {
    diagnostics.warn("cannot tell this host's mount namespace: every process counts as the host's");
  }
}

/** Names the watches that report nothing in this mode. */
export function reportUnserved({ watches }: Config, mode: AttachMode, { diagnostics }: RuntimeParts): void {
  const unserved = unservedWatches(watches, mode);
  if (unserved.length === 0) return;
  diagnostics.error(
    { watches: unserved.slice(0, NAMES_MAX), attach: mode },
    'watches that this attach mode cannot serve at all',
  );
}
