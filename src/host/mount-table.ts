/** One mounted filesystem, or part of one; names in latin1 view. */
export interface Mount {
  /** The kernel's number of the mount, used again when it is gone. */
  readonly id: number;
  /** The kernel's device number, major << 20 | minor. */
  readonly device: number;
  /** Path within the filesystem that is mounted, '' for its root. */
  readonly root: string;
  /** What mountinfo says of it, where that is another. */
  readonly toldRoot?: string;
  /** Where it is mounted, '' for '/'. */
  readonly mountPoint: string;
}

/** So many paths to one directory are remembered; of fewer, the look-up would cost more. */
const MANY = 32;
/** Paths that are remembered: some megabytes. */
const MANY_KEPT_MAX = 65_536;

/** The mounts of this host; 'unknown': they cannot be read, and any path may lead to any file. */
export type KnownMounts = MountTable | 'unknown';

/** Which paths of this host show a given place in a filesystem. Immutable; another one is made when the mounts change. */
export class MountTable {
  readonly mounts: readonly Mount[];
  /** By device, then by root; mounts of one root in the order of their age. */
  private readonly byPlace = new Map<number, Map<string, Mount[]>>();
  /** What manyHostDirectories() has found, by device and directory, and how many paths that are. */
  private readonly many = new Map<string, readonly string[]>();
  private manyCount = 0;
  /** What agrees() has found out, by the other table and the device: it is asked at each line. */
  private readonly agreed = new WeakMap<MountTable, Map<number, boolean>>();

  constructor(mounts: readonly Mount[]) {
    this.mounts = mounts;
    for (const mount of mounts) {
      const roots = this.byPlace.get(mount.device) ?? new Map<string, Mount[]>();
      this.byPlace.set(mount.device, roots);
      const others = roots.get(mount.root);
      if (others) others.push(mount);
      else roots.set(mount.root, [mount]);
    }
  }

  knows(device: number): boolean {
    return this.byPlace.has(device);
  }

  /** Whether a mount of `device` is in both tables: then it is the same filesystem, not one that got its number. */
  agrees(device: number, other: MountTable): boolean {
    let agreed = this.agreed.get(other);
    if (agreed === undefined) {
      agreed = new Map();
      this.agreed.set(other, agreed);
    }
    let answer = agreed.get(device);
    if (answer === undefined) {
      answer = this.findsSameMount(device, other);
      agreed.set(device, answer);
    }
    return answer;
  }

  private findsSameMount(device: number, other: MountTable): boolean {
    const theirs = new Map(other.mountsOf(device).map((mount) => [mount.id, mount]));
    return this.mountsOf(device).some((ours) => {
      const mount = theirs.get(ours.id);
      return mount?.mountPoint === ours.mountPoint && toldRoot(mount) === toldRoot(ours);
    });
  }

  /**
   * Every path of this host that leads to `inFilesystem`, an absolute path from the root of the filesystem on `device`
   * ('' for the root itself); none: it is not mounted here. The mount that shows most of the filesystem names its files
   * best and comes first, among equals the oldest.
   */
  hostPaths(device: number, inFilesystem: string): string[] {
    const roots = this.byPlace.get(device);
    if (roots === undefined) return [];
    const paths: string[] = [];
    for (const length of prefixLengths(inFilesystem)) {
      for (const { mountPoint } of roots.get(inFilesystem.slice(0, length)) ?? []) {
        paths.push(mountPoint + inFilesystem.slice(length) || '/');
      }
    }
    return paths;
  }

  /**
   * Every path of this host that leads to a directory of the filesystem, as hostPaths() has them, '' for the root, where
   * those are many: the same array each time. undefined: they are few, and found as fast as remembered.
   */
  manyHostDirectories(device: number, inFilesystem: string): readonly string[] | undefined {
    const roots = this.byPlace.get(device);
    if (roots === undefined || !hasMany(roots, inFilesystem)) return undefined;
    const key = `${device}:${inFilesystem}`;
    let directories = this.many.get(key);
    if (directories === undefined) {
      directories = this.hostPaths(device, inFilesystem).map((path) => (path === '/' ? '' : path));
      if (this.manyCount + directories.length > MANY_KEPT_MAX) {
        this.many.clear();
        this.manyCount = 0;
      }
      this.many.set(key, directories);
      this.manyCount += directories.length;
    }
    return directories;
  }

  /** Where one directory or file of the filesystem is mounted itself, '' for the root. */
  mountPointsOf(device: number, inFilesystem: string): string[] {
    return (this.byPlace.get(device)?.get(inFilesystem) ?? []).map(({ mountPoint }) => mountPoint);
  }

  /** The mounts of each filesystem, by the root that they show. */
  filesystems(): Iterable<ReadonlyMap<string, readonly Mount[]>> {
    return this.byPlace.values();
  }

  private mountsOf(device: number): Mount[] {
    return [...(this.byPlace.get(device)?.values() ?? [])].flat();
  }
}

/** Other mounts of an NFS export change what is taken for the root. */
function toldRoot(mount: Mount): string {
  return mount.toldRoot ?? mount.root;
}

function hasMany(roots: ReadonlyMap<string, readonly Mount[]>, inFilesystem: string): boolean {
  let count = 0;
  for (const length of prefixLengths(inFilesystem)) {
    count += roots.get(inFilesystem.slice(0, length))?.length ?? 0;
    if (count >= MANY) return true;
  }
  return false;
}

/** Lengths of '' and of every directory on the way down to `path`, itself included. */
export function* prefixLengths(path: string): Generator<number> {
  yield 0;
  for (let slash = path.indexOf('/', 1); slash > 0; slash = path.indexOf('/', slash + 1)) yield slash;
  if (path.length > 0) yield path.length;
}

/** Reads a text as /proc/PID/mountinfo has it (proc_pid_mountinfo(5)) each time; the same text gives the same table. */
export class MountInfo {
  private last: { readonly text: Buffer; readonly table: MountTable } | undefined;

  constructor(private readonly readText: () => Buffer) {}

  /** Throws as the reader does. */
  read(): MountTable {
    const text = this.readText();
    if (this.last?.text.equals(text) !== true) {
      this.last = { text, table: new MountTable(parseMountInfo(text.toString('latin1'))) };
    }
    return this.last.table;
  }
}

/** Lines that are not understood are left out; the kernel writes none. */
export function parseMountInfo(text: string): Mount[] {
  const mounts: Mount[] = [];
  /** Of NFS the path on the server, '' for its root. */
  const exported = new Map<Mount, string>();
  for (const line of text.split('\n')) {
    const fields = line.split(' ');
    const [id, , device, root, mountPoint] = fields;
    const numbers = /^(\d+):(\d+)$/.exec(device ?? '');
    if (!numbers || root === undefined || mountPoint === undefined) continue;
    const mount = {
      id: Number(id),
      device: Number(numbers[1]) * 2 ** 20 + Number(numbers[2]),
      root: withoutSlash(unescapeOctal(root)),
      mountPoint: withoutSlash(unescapeOctal(mountPoint)),
    };
    mounts.push(mount);
    const [type, source] = fields.slice(fields.indexOf('-', 6) + 1);
    if (/^nfs4?$/.test(type ?? '') && source?.includes(':/')) exported.set(mount, exportedPath(source));
  }
  return exported.size === 0 ? mounts : withNfsRoots(mounts, exported);
}

/** "server:/path"; the address of a server can have colons, and no slash. NFSv3 has a slash at the end where one was typed. */
function exportedPath(source: string): string {
  return unescapeOctal(source.slice(source.indexOf(':/') + 1)).replace(/\/+$/, '');
}

/**
 * NFS says of each mount that it shows the root. Its source has the directory (nfs_show_path() and nfs_show_devname() of the
 * kernel). The root is the topmost directory that is mounted here, on the way to it.
 */
function withNfsRoots(mounts: readonly Mount[], exported: ReadonlyMap<Mount, string>): Mount[] {
  const mounted = new Map<number, Set<string>>();
  for (const [{ device }, path] of exported) mounted.set(device, (mounted.get(device) ?? new Set()).add(path));
  return mounts.map((mount) => {
    const path = exported.get(mount);
    if (path === undefined) return mount;
    const paths = mounted.get(mount.device)!;
    for (const length of prefixLengths(path)) {
      if (length === path.length) break;
      if (paths.has(path.slice(0, length))) return { ...mount, root: path.slice(length), toldRoot: mount.root };
    }
    return mount;
  });
}

/** Space, tab, newline and backslash are written as \NNN. */
function unescapeOctal(text: string): string {
  if (!text.includes('\\')) return text;
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

function withoutSlash(path: string): string {
  return path === '/' ? '' : path;
}
