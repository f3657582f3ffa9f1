import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { loadConfig } from '../config/load.js';
import type { FollowEnd } from '../socket/event-follower.js';
import { escapeControl } from '../text/escape.js';
import { EXIT } from './exit-codes.js';

/** As the installed configuration has it. */
export const DEFAULT_EVENT_SOCKET = '/run/rmwatch/events.sock';

/** Where the daemon offers its events: as given, else as the configuration says, else the usual place. */
export async function eventSocketPath(given: string | undefined, configFile: string | undefined): Promise<string> {
  if (given !== undefined) return given;
  const loaded = await loadConfig(configFile);
  // The daemon may run with what the file said before, or with a file that not everybody may read.
  const path = 'config' in loaded ? loaded.config.socket.path : undefined;
  return path ?? DEFAULT_EVENT_SOCKET;
}

export interface ConnectFailure {
  readonly message: string;
  readonly code: number;
}

/** What to tell of an end that nobody asked for, and the exit code. */
export function failureOf(end: FollowEnd, path: string): ConnectFailure | undefined {
  switch (end.kind) {
    case 'ended':
      return undefined;
    case 'refused':
      return {
        code: EXIT.failure,
        message: `${end.readers} programs read the events already; more are not served`,
      };
    case 'unreachable': {
      const { code, message } = connectFailure(path, end.error);
      return { code, message: message.split('\n').map(escapeControl).join('\n') };
    }
  }
}

function connectFailure(path: string, error: NodeJS.ErrnoException): ConnectFailure {
  switch (error.code) {
    case 'ENOENT':
    case 'ECONNREFUSED':
      return {
        code: EXIT.failure,
        message:
          `no daemon offers its events at ${path}\n` +
          'The service does so while it runs (systemctl start rmwatch) and its configuration says\n' +
          `  socket: { path: ${path} }\n` +
          'A place of your own can be watched without it: rmwatch run PATTERN',
      };
    case 'EACCES':
    case 'EPERM':
      return {
        code: EXIT.notPrivileged,
        message: `no permission to read events at ${path}: that takes root, or the group ${groupOf(path)}`,
      };
    default:
      return { code: EXIT.failure, message: `cannot read events at ${path}: ${error.message}` };
  }
}

/** The group of the socket, or of the directory that keeps others out. */
function groupOf(path: string): string {
  for (let at = path; ; at = dirname(at)) {
    try {
      return groupName(statSync(at).gid);
    } catch {
      if (at === '/') return 'of the daemon';
    }
  }
}

function groupName(gid: number): string {
  try {
    const text = execFileSync('getent', ['group', String(gid)], { encoding: 'utf8', timeout: 5000, stdio: 'pipe' });
    return text.split(':')[0]!;
  } catch {
    return String(gid);
  }
}
