import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename, join } from 'node:path';

export interface ListeningProcess {
  readonly pid: number;
  /** The base name of its executable. */
  readonly name: string;
}

const LISTEN = '0A';

/**
 * The process of this network namespace that listens on a TCP port; undefined: there is none, or the descriptors of its owner
 * may not be seen. Blocks for some microseconds for each descriptor of this host.
 */
export function processListeningOn(port: number, proc = '/proc'): ListeningProcess | undefined {
  const sockets = new Set(['tcp', 'tcp6'].flatMap((table) => listeners(join(proc, 'net', table), port)));
  if (sockets.size === 0) return undefined;
  for (const pid of entries(proc)) {
    if (!/^\d+$/.test(pid)) continue;
    for (const descriptor of entries(join(proc, pid, 'fd'))) {
      if (!sockets.has(linkOf(join(proc, pid, 'fd', descriptor)))) continue;
      return { pid: Number(pid), name: basename(linkOf(join(proc, pid, 'exe'))) };
    }
  }
  return undefined;
}

/** Sockets in the table that listen on the port, as the links in /proc/PID/fd name them. */
function listeners(table: string, port: number): string[] {
  const rows = textOf(table).split('\n').slice(1);
  return rows.flatMap((row) => {
    const [, local = '', , state, , , , , , inode] = row.trim().split(/\s+/);
    const isMeant = state === LISTEN && Number.parseInt(local.split(':')[1] ?? '', 16) === port;
    return isMeant ? [`socket:[${inode}]`] : [];
  });
}

function entries(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
