import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { LoggedDeletion } from './logged-event.js';

/** A login as systemd knows it; '' for what it does not know. */
export interface LoginSession {
  readonly tty: string;
  readonly remoteHost: string;
  readonly service: string;
}

/** The session of the process that deleted, while systemd still knows it; sessions of an earlier boot have other numbers. */
export function loginSession({ host, rmwatch }: LoggedDeletion): LoginSession | undefined {
  const id = /\/session-(\w{1,32})\.scope(?:\/|$)/.exec(rmwatch.cgroup ?? '')?.[1];
  if (id === undefined || host?.boot?.id !== bootId()) return undefined;
  try {
    const options = ['show-session', '--property=TTY', '--property=RemoteHost', '--property=Service', '--', id];
    const text = execFileSync('loginctl', options, {
      encoding: 'utf8',
      timeout: 3000,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const value = (name: string): string => new RegExp(`^${name}=(.*)$`, 'm').exec(text)?.[1] ?? '';
    return { tty: value('TTY'), remoteHost: value('RemoteHost'), service: value('Service') };
  } catch {
    return undefined;
  }
}

function bootId(): string | undefined {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return undefined;
  }
}
