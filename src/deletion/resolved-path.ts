import { constants } from 'node:os';
import type { MountTable } from '../enrich/mount-table.js';
import {
  DELETION_FS_ROOT,
  DELETION_HAS_TYPED,
  DELETION_HAS_VICTIM,
  DELETION_HOST_NAMESPACE,
  DELETION_PATH_COMPLETE,
  DELETION_PATH_IS_BASE,
  type RecordView,
} from '../probe/record-view.js';
import { base64IfLossy, jsonOf, jsonPartOf } from './byte-text.js';
import { joinTyped } from './typed-path.js';

/** Where the removed name was; names in latin1 view, '' for the root directory. */
export interface ResolvedPath {
  /** The directory and the name in it; undefined when nothing is known. */
  readonly directory: string | undefined;
  readonly name: string;
  readonly complete: boolean;
  /** The directory and name on this host, when the host sees the file at another path. */
  readonly hostDirectory: string | undefined;
  readonly hostName: string;
  /** The path as a JSON string; undefined when nothing is known. */
  readonly json: string | undefined;
  /** `"path":…,"name":…,"directory":…` or ''. */
  readonly fileJson: string;
  /** The path in base64 when JSON cannot hold it. */
  readonly bytes: string | undefined;
  readonly hostJson: string | undefined;
  readonly hostBytes: string | undefined;
}

/** PATH_MAX without the NUL: longer names arrive cut to it. */
const TYPED_MAX = 4095;

interface Directory {
  readonly path: string;
  /** As parts of JSON strings. */
  readonly jsonPart: string;
  readonly fieldJson: string;
  readonly plain: boolean;
}

const UNKNOWN: ResolvedPath = {
  directory: undefined,
  name: '',
  complete: false,
  hostDirectory: undefined,
  hostName: '',
  json: undefined,
  fileJson: '',
  bytes: undefined,
  hostJson: undefined,
  hostBytes: undefined,
};

/** Turns the bytes of a record into the path of the removed name. */
export class PathResolver {
  /** Most deletions in a row happen in one directory: its parts are made once. */
  private last: Directory = directoryOf('');

  /** `certain`: what `mounts` says of the record's device holds, so that the path on the host may be told. */
  resolve(record: RecordView, mounts: MountTable | undefined, certain: boolean): ResolvedPath {
    const { flags } = record;
    const text = record.latin1(record.pathStart, record.pathLength);
    const reachesRoot = (flags & DELETION_PATH_COMPLETE) !== 0;
    if ((flags & DELETION_PATH_IS_BASE) === 0) {
      const hostPath = mounts === undefined ? undefined : hostPathOf(record, text, mounts);
      return this.resolved(text, reachesRoot, hostPath, certain);
    }
    if ((flags & DELETION_HAS_TYPED) === 0) return UNKNOWN;
    const typed = record.latin1(record.typedStart, record.typedLength);
    const joined = joinTyped(text, typed);
    // Nothing, or more than the kernel takes: such a name leads nowhere.
    const isName = typed !== '' && !(typed.length >= TYPED_MAX && record.result === -constants.errno.ENAMETOOLONG);
    return this.resolved(joined.path, reachesRoot && isName && !joined.hasParents, undefined, false);
  }

  private resolved(path: string, complete: boolean, hostPath: string | undefined, certain: boolean): ResolvedPath {
    const slash = path.lastIndexOf('/');
    const name = path.slice(slash + 1);
    const directory = this.directory(path, Math.max(slash, 0));
    const nameJson = jsonPartOf(name);
    const hostSlash = hostPath === undefined ? -1 : hostPath.lastIndexOf('/');
    const told = certain ? hostPath : undefined;
    const json = directory.plain && nameJson === name ? `"${directory.path}/${name}"` : jsonOf(path);
    return {
      directory: directory.path,
      name,
      complete,
      hostDirectory: hostPath?.slice(0, hostSlash),
      hostName: hostPath?.slice(hostSlash + 1) ?? '',
      json,
      fileJson: `"path":${json},"name":"${nameJson}","directory":${directory.fieldJson}`,
      bytes: directory.plain && nameJson === name ? undefined : base64IfLossy(path),
      hostJson: told === undefined ? undefined : jsonOf(told),
      hostBytes: told === undefined ? undefined : base64IfLossy(told),
    };
  }

  private directory(path: string, length: number): Directory {
    const { last } = this;
    if (last.path.length === length && path.startsWith(last.path)) return last;
    this.last = directoryOf(path.slice(0, length));
    return this.last;
  }
}

function directoryOf(path: string): Directory {
  const jsonPart = jsonPartOf(path);
  return { path, jsonPart, fieldJson: path === '' ? '"/"' : `"${jsonPart}"`, plain: jsonPart === path };
}

/** The file's path on this host, when the process lives in another mount namespace and the paths differ. */
function hostPathOf(record: RecordView, path: string, mounts: MountTable): string | undefined {
  const needed = DELETION_HAS_VICTIM | DELETION_FS_ROOT;
  if ((record.flags & (needed | DELETION_HOST_NAMESPACE)) !== needed) return undefined;
  const below = record.belowMountLength;
  // A walk that was cut before the mount's root does not know its place in the filesystem.
  if (below === 0) return undefined;
  const root = record
    .latin1(record.fsRootStart, record.fsRootLength)
    .split('\0')
    .filter(Boolean)
    .reverse()
    .map((name) => `/${name}`)
    .join('');
  const hostPath = mounts.hostPath(record.device, root + path.slice(path.length - below));
  return hostPath === path ? undefined : hostPath;
}
