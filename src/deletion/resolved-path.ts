import { constants } from 'node:os';
import type { MountTable } from '../enrich/mount-table.js';
import {
  DELETION_FS_ROOT,
  DELETION_HAS_TYPED,
  DELETION_HOST_NAMESPACE,
  DELETION_PATH_COMPLETE,
  DELETION_PATH_CUT,
  DELETION_PATH_IS_BASE,
  type RecordView,
} from '../probe/record-view.js';
import { jsonOf } from './byte-text.js';
import { joinTyped } from './typed-path.js';

/** A name and the directory that held it, in latin1 view; the directory is '' for the root. */
export interface Place {
  readonly directory: string;
  readonly name: string;
  /** The names that lead to the first one of `directory` are missing. */
  readonly cut: boolean;
}

/** Where the removed name was. */
export interface ResolvedPath {
  /** As the process saw it; undefined when nothing is known. */
  readonly place: Place | undefined;
  readonly complete: boolean;
  /** `place` is known to be one of this host, too. */
  readonly onHost: boolean;
  /** Other places of this host that lead to the file, the best first. */
  readonly hostPlaces: readonly Place[];
  /** The path in latin1 view; undefined when nothing is known. */
  readonly text: string | undefined;
  /** `"directory":…` in JSON; empty when nothing is known. */
  readonly directoryJson: Uint8Array;
}

/** PATH_MAX without the NUL: longer names arrive cut to it. */
const TYPED_MAX = 4095;

interface Directory {
  readonly path: string;
  readonly json: Uint8Array;
}

const NOWHERE: readonly Place[] = [];

const UNKNOWN: ResolvedPath = {
  place: undefined,
  complete: false,
  onHost: false,
  hostPlaces: NOWHERE,
  text: undefined,
  directoryJson: new Uint8Array(0),
};

/** Turns the bytes of a record into the path of the removed name. */
export class PathResolver {
  /** Most deletions in a row happen in one directory: its parts are made once. */
  private last: Directory = directoryOf('');

  /** `mounts`: of this host, where the path may not be the only one there. */
  resolve(record: RecordView, mounts: MountTable | undefined): ResolvedPath {
    const { flags } = record;
    const text = record.latin1(record.pathStart, record.pathLength);
    const reachesRoot = (flags & DELETION_PATH_COMPLETE) !== 0;
    if ((flags & DELETION_PATH_IS_BASE) === 0) {
      const onHost = reachesRoot && (flags & DELETION_HOST_NAMESPACE) !== 0;
      if (mounts === undefined) return this.resolved(flags, text, reachesRoot, onHost, NOWHERE);
      const hostPlaces = hostPlacesOf(record, text, mounts);
      const others = hostPlaces.filter((place) => place.cut || `${place.directory}/${place.name}` !== text);
      return this.resolved(flags, text, reachesRoot, onHost || others.length < hostPlaces.length, others);
    }
    if ((flags & DELETION_HAS_TYPED) === 0) return UNKNOWN;
    const typed = record.latin1(record.typedStart, record.typedLength);
    const joined = joinTyped(text, typed);
    // Nothing, or more than the kernel takes: such a name leads nowhere.
    const isName = typed !== '' && !(typed.length >= TYPED_MAX && record.result === -constants.errno.ENAMETOOLONG);
    return this.resolved(flags, joined.path, reachesRoot && isName && !joined.hasParents, false, NOWHERE);
  }

  private resolved(
    flags: number,
    path: string,
    complete: boolean,
    onHost: boolean,
    hostPlaces: readonly Place[],
  ): ResolvedPath {
    const slash = path.lastIndexOf('/');
    const directory = this.directory(path, Math.max(slash, 0));
    return {
      place: { directory: directory.path, name: path.slice(slash + 1), cut: (flags & DELETION_PATH_CUT) !== 0 },
      complete,
      onHost,
      hostPlaces,
      text: path,
      directoryJson: directory.json,
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
  return { path, json: Buffer.from(`"directory":${jsonOf(path || '/')}`) };
}

/** The places of this host that lead to the file. */
function hostPlacesOf(record: RecordView, path: string, mounts: MountTable): readonly Place[] {
  const { device, flags, belowMountLength, fsRootLength } = record;
  const reachesRoot = (flags & DELETION_FS_ROOT) !== 0;
  // A walk that was cut before the mount's root does not know its place in the filesystem.
  if (belowMountLength === 0 || (fsRootLength === 0 && !reachesRoot)) return NOWHERE;
  const root = record
    .latin1(record.fsRootStart, fsRootLength)
    .split('\0')
    .filter(Boolean)
    .reverse()
    .map((name) => `/${name}`)
    .join('');
  const inFilesystem = root + path.slice(path.length - belowMountLength);
  if (!reachesRoot) return mounts.knows(device) ? [placeOf(inFilesystem, true)] : NOWHERE;
  return mounts.hostPaths(device, inFilesystem).map((hostPath) => placeOf(hostPath, false));
}

function placeOf(path: string, cut: boolean): Place {
  const slash = path.lastIndexOf('/');
  return { directory: path.slice(0, slash), name: path.slice(slash + 1), cut };
}
