import { ATTACH_MODES, type AttachMode, type Config } from '../model/config.js';
import { followEvents } from '../socket/event-follower.js';
import { DEFAULT_EVENT_SOCKET } from './event-socket-path.js';

/** The daemon tells its counters once a second. */
const PATIENCE_MS = 2_500;

export interface KnownMode {
  readonly attach: AttachMode;
  /** Who says so. */
  readonly by: 'daemon' | 'configuration';
}

/** The attach mode of the running daemon, else the only one that the configuration allows; undefined: not known. */
export async function runningMode({ socket, probe }: Config, patienceMs = PATIENCE_MS): Promise<KnownMode | undefined> {
  const told = await modeOfDaemon(socket.path ?? DEFAULT_EVENT_SOCKET, patienceMs);
  if (told !== undefined) return { attach: told, by: 'daemon' };
  const { attach } = probe;
  return typeof attach !== 'string' || attach === 'auto' ? undefined : { attach, by: 'configuration' };
}

/** undefined: none answers, or this user may not ask it. */
async function modeOfDaemon(path: string, patienceMs: number): Promise<AttachMode | undefined> {
  const ending = new AbortController();
  const timer = setTimeout(() => ending.abort(), patienceMs);
  let mode: AttachMode | undefined;
  try {
    await followEvents({
      path,
      signal: ending.signal,
      needles: [],
      onCandidate: () => {},
      onDeletion: () => {},
      onRecord: () => {},
      onNews: (news) => {
        if (news.action !== 'counters') return;
        mode = ATTACH_MODES.find((one) => one === news.counters.attach);
        ending.abort();
      },
      onOversized: () => {},
      onGone: () => ending.abort(),
      onBack: () => {},
    });
  } finally {
    clearTimeout(timer);
  }
  return mode;
}
