import { readFileSync } from 'node:fs';

/** One mounted filesystem, or part of one; names in latin1 view. */
export interface Mount {
  /** The kernel's number of the mount, used again when it is gone. */
  readonly id: number;
  /** The kernel's device number, major << 20 | minor. */
  readonly device: number;
  /** Path within the filesystem that is mounted, '' for its root. */
  readonly root: string;
  /** Where it is mounted, '' for '/'. */
  readonly mountPoint: string;
}

/** Which path of this host shows a given place in a filesystem. Immutable; made anew when the mounts change. */
export class MountTable {
  readonly mounts: readonly Mount[];
  private readonly byDevice = new Map<number, Mount[]>();

  constructor(mounts: readonly Mount[]) {
    this.mounts = mounts;
    for (const mount of mounts) {
      const others = this.byDevice.get(mount.device);
      if (others) others.push(mount);
      else this.byDevice.set(mount.device, [mount]);
    }
    // The mount that shows most of the filesystem names its files best; among equals the oldest.
    for (const list of this.byDevice.values()) list.sort((a, b) => a.root.length - b.root.length);
  }

  knows(device: number): boolean {
    return this.byDevice.has(device);
  }

  /** Whether every mount of `device` is in both tables: then it is the same filesystem, not one that got its number. */
  agrees(device: number, other: MountTable): boolean {
    const ours = this.byDevice.get(device) ?? [];
    const theirs = other.byDevice.get(device) ?? [];
    return ours.length === theirs.length && ours.every(({ id }) => theirs.some((mount) => mount.id === id));
  }

  /** `inFilesystem`: absolute path from the root of the filesystem on `device`. undefined: not mounted on this host. */
  hostPath(device: number, inFilesystem: string): string | undefined {
    for (const { root, mountPoint } of this.byDevice.get(device) ?? []) {
      if (inFilesystem === root || inFilesystem.startsWith(`${root}/`)) {
        return mountPoint + inFilesystem.slice(root.length) || '/';
      }
    }
    return undefined;
  }
}

/** Reads /proc/PID/mountinfo (proc_pid_mountinfo(5)). Throws as fs does. */
export function readMountTable(file: string): MountTable {
  return new MountTable(parseMountInfo(readFileSync(file, 'latin1')));
}

/** Lines that are not understood are left out; the kernel writes none. */
export function parseMountInfo(text: string): Mount[] {
  const mounts: Mount[] = [];
  for (const line of text.split('\n')) {
    const [id, , device, root, mountPoint] = line.split(' ');
    const numbers = /^(\d+):(\d+)$/.exec(device ?? '');
    if (!numbers || root === undefined || mountPoint === undefined) continue;
    mounts.push({
      id: Number(id),
      device: Number(numbers[1]) * 2 ** 20 + Number(numbers[2]),
      root: withoutSlash(unescapeOctal(root)),
      mountPoint: withoutSlash(unescapeOctal(mountPoint)),
    });
  }
  return mounts;
}

/** Space, tab, newline and backslash are written as \NNN. */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

function withoutSlash(path: string): string {
  return path === '/' ? '' : path;
}
