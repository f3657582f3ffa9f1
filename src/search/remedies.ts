import { lstatSync, readdirSync, readFileSync, readlinkSync, type Stats, statSync } from 'node:fs';
import { byteText } from '../text/byte-count.js';
import { shellQuote } from '../text/shell-quote.js';
import { pathsOf } from './conditions.js';
import type { LoggedDeletion } from './logged-event.js';

/** Something that can be done about a deletion. */
export interface Remedy {
  readonly text: string;
  /** For bash(1). */
  readonly command?: string;
}

const NAME_BYTES_MAX = 255;

/** What can be done on this host, `proc` being its /proc. Reads only. */
export function remediesFor(deletion: LoggedDeletion, proc = '/proc'): Remedy[] {
  const { event, file, rmwatch } = deletion;
  const remedies: Remedy[] = [];
  const action: string = event.action;
  const movedTo = (rmwatch as { moved_to?: string }).moved_to;
  if (action === 'move') {
    return [
      movedTo === undefined
        ? { text: 'It was moved, not deleted.' }
        : { text: 'It was moved to:', command: `ls -ld -- ${shellQuote(movedTo)}` },
    ];
  }
  if (file?.type === undefined || file.type === 'file') {
    for (const { place, pid } of stillOpen(deletion, proc)) {
      const name = copyName(file?.name, file?.inode);
      remedies.push({
        text: `Process ${pid} still holds its data; this copies it back:`,
        command: `cp -n -- ${shellQuote(place)} ${shellQuote(name)}`,
      });
    }
  }
  if (rmwatch.last_link === false && file?.inode !== undefined) {
    const mountPoint = mountPointOf(file.device, pathsOf(deletion).at(-1), proc);
    remedies.push({
      text: 'It was not the last name of the file; this looks for the others:',
      command: `find ${shellQuote(mountPoint ?? '/')} -xdev -inum ${shellQuote(file.inode)}`,
    });
  }
  if (action === 'replace') remedies.push({ text: replacementText(pathsOf(deletion).at(-1)) });
  return remedies;
}

interface Holder {
  readonly pid: string;
  /** Opens the data. */
  readonly place: string;
}

/** The file whose data are looked for. */
interface Wanted {
  readonly inode: string;
  readonly device: string | undefined;
  isSame(stats: Stats | undefined, place: string): boolean;
}

/** Processes that have the file open or in their memory, with no name left; of each the first place. */
function stillOpen({ file }: LoggedDeletion, proc: string): Holder[] {
  const { inode, size, mtime, device } = file ?? {};
  if (inode === undefined || mtime === undefined) return [];
  const wanted: Wanted = {
    ...{ inode, device },
    isSame: (stats, place) =>
      stats?.isFile() === true && isGone(stats, place) && stats.size === size && sameTime(stats, mtime),
  };
  return entries(proc)
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      const place = openDescriptor(`${proc}/${pid}`, wanted) ?? mapping(`${proc}/${pid}`, wanted);
      return place === undefined ? [] : [{ pid, place }];
    });
}

function openDescriptor(process: string, { inode, device, isSame }: Wanted): string | undefined {
  const mounts = new Map<string, string>();
  for (const number of entries(`${process}/fd`)) {
    const place = `${process}/fd/${number}`;
    const info = readText(`${process}/fdinfo/${number}`);
    // Since Linux 5.14; before that the inode of stat has to do, which is another on btrfs and overlayfs.
    const ino = /^ino:\s*(\d+)$/m.exec(info)?.[1];
    if (ino !== undefined && ino !== inode) continue;
    const stats = statOf(place);
    if (!isSame(stats, place) || (ino ?? String(stats!.ino)) !== inode) continue;
    if (mounts.size === 0) readMounts(`${process}/mountinfo`, mounts);
    const mount = mounts.get(/^mnt_id:\s*(\d+)$/m.exec(info)?.[1] ?? '');
    if (mount === undefined || device === undefined || mount === device) return place;
  }
  return undefined;
}

const MAPPING = /^0*([0-9a-f]+)-0*([0-9a-f]+) \S+ [0-9a-f]+ ([0-9a-f]+):([0-9a-f]+) (\d+) /gm;

/** A part of the file that is mapped opens all of it. */
function mapping(process: string, { inode, device, isSame }: Wanted): string | undefined {
  for (const [, from, to, major = '', minor = '', ino] of readText(`${process}/maps`).matchAll(MAPPING)) {
    if (ino !== inode) continue;
    if (device !== undefined && device !== `${Number.parseInt(major, 16)}:${Number.parseInt(minor, 16)}`) continue;
    const place = `${process}/map_files/${from}-${to}`;
    if (isSame(statOf(place), place)) return place;
  }
  return undefined;
}

/** On overlayfs a file of a lower layer keeps the link that it has there: proc(5) marks what the process opened. */
function isGone({ nlink }: Stats, place: string): boolean {
  if (nlink === 0) return true;
  try {
    return readlinkSync(place).endsWith(' (deleted)');
  } catch {
    return false;
  }
}

/** Milliseconds are all that both sides are sure to have. */
function sameTime(stats: Stats, mtime: string): boolean {
  return Math.abs(stats.mtimeMs - Date.parse(mtime)) < 1.5;
}

/** `major:minor` by the number of the mount. */
function readMounts(file: string, mounts: Map<string, string>): void {
  for (const line of readText(file).split('\n')) {
    const [id, , device] = line.split(' ');
    if (id !== undefined && device !== undefined) mounts.set(id, device);
  }
}

/** Where this host mounts the filesystem, nearest to the path. */
function mountPointOf(device: string | undefined, path: string | undefined, proc: string): string | undefined {
  let nearest: string | undefined;
  for (const line of readText(`${proc}/self/mountinfo`).split('\n')) {
    const [, , number, , place] = line.split(' ');
    if (number === undefined || number !== device || place === undefined) continue;
    const mountPoint = place.replace(/\\([0-7]{3})/g, (_, octal: string) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    );
    const isAbove = path === undefined || mountPoint === '/' || `${path}/`.startsWith(`${mountPoint}/`);
    if (isAbove && (nearest === undefined || mountPoint.length > nearest.length)) nearest = mountPoint;
  }
  return nearest;
}

function replacementText(path: string | undefined): string {
  try {
    const stats = lstatSync(path ?? '');
    const changed = stats.mtime.toISOString();
    return `A rename put another file in its place; there is now one of ${byteText(stats.size)}, inode ${stats.ino}, changed ${changed}.`;
  } catch {
    return 'A rename put another file in its place, which is gone, too.';
  }
}

/** A new name in the current directory. */
function copyName(name: string | undefined, inode: string | undefined): string {
  const wanted = `recovered-${name ?? inode}`;
  return `./${Buffer.byteLength(wanted) <= NAME_BYTES_MAX ? wanted : `recovered-${inode}`}`;
}

function entries(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function statOf(file: string): Stats | undefined {
  try {
    return statSync(file);
  } catch {
    return undefined;
  }
}
