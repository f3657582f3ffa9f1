import { constants } from 'node:os';
import type { KnownMounts, MountTable } from '../host/mount-table.js';
import {
  DELETION_BASE_SHARED,
  DELETION_CASE_INSENSITIVE,
  DELETION_FS_ROOT,
  DELETION_HAS_TYPED,
  DELETION_HOST_NAMESPACE,
  DELETION_MOVED_CASE_INSENSITIVE,
  DELETION_MOVED_COMPLETE,
  DELETION_MOVED_CUT,
  DELETION_PATH_COMPLETE,
  DELETION_PATH_CUT,
  DELETION_PATH_IS_BASE,
} from '../probe/record-layout.generated.js';
import type { RecordView } from '../probe/record-view.js';
import { jsonOf } from '../text/byte-text.js';
import { joinTyped } from './typed-path.js';

/** A name and the directory that held it, in latin1 view; the directory is '' for the root. */
export interface Place {
  readonly directory: string;
  readonly name: string;
  /** The names that lead to the first one of `directory` are missing. */
  readonly cut: boolean;
}

/** One name in many directories, which are in latin1 view, '' for the root; the same array for each name of a directory. */
export interface ManyPlaces {
  readonly directories: readonly string[];
  readonly name: string;
}

/** Where the removed name was. */
export interface ResolvedPath {
  /** As the process saw it, as far as that is certain; undefined when nothing is known. */
  readonly place: Place | undefined;
  readonly complete: boolean;
  /** A directory on the way finds names whatever case they are typed in. */
  readonly ignoresCase: boolean;
  /** `place` is known to be one of this host, too. */
  readonly onHost: boolean;
  /** Other places of this host that lead to the file, the best first. Those of `manyPlaces` come before. */
  readonly hostPlaces: readonly Place[];
  /** Where many mounts show the file, most places of this host that lead to it; undefined: they are few. */
  readonly manyPlaces: ManyPlaces | undefined;
  /** The most likely path as bytes, as long as the record is valid; undefined when nothing is known. */
  readonly text: PathText | undefined;
  /** `","directory":"…"` in JSON; empty when nothing is known. */
  readonly directoryJson: Uint8Array;
}

/** A path among other bytes; its last name begins at `name`. */
export interface PathText {
  readonly bytes: Buffer;
  readonly start: number;
  readonly name: number;
  readonly end: number;
}

const SLASH = 0x2f;
const DOT = 0x2e;
/** PATH_MAX without the NUL: longer names arrive cut to it. */
const TYPED_MAX = 4095;

interface Directory {
  /** Latin1 view, '' for the root. */
  readonly path: string;
  readonly bytes: Buffer;
  readonly json: Uint8Array;
}

/** A path in a record, and how many of its last bytes lie below the root of its mount. */
interface WalkedText {
  readonly start: number;
  readonly length: number;
  readonly belowMount: number;
}

/** What a walk has found. */
interface WalkEnd {
  readonly reachesRoot: boolean;
  readonly cut: boolean;
  readonly ignoresCase: boolean;
}

/** Where a path was read. Its name becomes a string only for patterns that look at names. */
class FoundPlace implements Place {
  constructor(
    readonly directory: string,
    private readonly text: PathText,
    readonly cut: boolean,
  ) {}

  get name(): string {
    return this.text.bytes.toString('latin1', this.text.name, this.text.end);
  }
}

const NOWHERE: readonly Place[] = [];
/** Nothing is known of places of this host. */
const NOT_ON_HOST = { onHost: false, hostPlaces: NOWHERE, manyPlaces: undefined };

const UNKNOWN: ResolvedPath = {
  place: undefined,
  complete: false,
  ignoresCase: false,
  onHost: false,
  hostPlaces: NOWHERE,
  manyPlaces: undefined,
  text: undefined,
  directoryJson: new Uint8Array(0),
};

/** Turns the bytes of a record into the path of the removed name. */
export class PathResolver {
  /** Most deletions in a row happen in one directory: its parts are made once. */
  private last: Directory = directoryOf('');

  /** `mounts`: of this host, where the path may not be the only one there. */
  resolve(record: RecordView, mounts: KnownMounts | undefined): ResolvedPath {
    const { flags, bytes, pathStart } = record;
    const reachesRoot = (flags & DELETION_PATH_COMPLETE) !== 0;
    const cut = (flags & DELETION_PATH_CUT) !== 0;
    const ignoresCase = (flags & DELETION_CASE_INSENSITIVE) !== 0;
    if ((flags & DELETION_PATH_IS_BASE) === 0) {
      const walked = { start: pathStart, length: record.pathLength, belowMount: record.belowMountLength };
      return this.walked(record, walked, { reachesRoot, cut, ignoresCase }, mounts);
    }
    if ((flags & DELETION_HAS_TYPED) === 0) return UNKNOWN;
    const { typedStart, typedLength } = record;
    const end = typedStart + typedLength;
    // Nothing, or more than the kernel takes: such a name leads nowhere.
    const tooLong = typedLength >= TYPED_MAX && record.result === -constants.errno.ENAMETOOLONG;
    const isName = typedLength > 0 && !tooLong;
    const isAbsolute = typedLength > 0 && bytes[typedStart] === SLASH;
    // By far most names: the text is the path already, a relative one together with its base before it.
    const name = typedLength > 0 && (!isAbsolute || record.pathLength === 0) ? literalName(bytes, typedStart, end) : -1;
    if (name >= 0) {
      const start = isAbsolute ? typedStart : pathStart;
      const hasParents = name > typedStart + (isAbsolute ? 1 : 0);
      const complete = reachesRoot && isName && !hasParents;
      const found = this.resolved({ bytes, start, name, end }, { complete, cut, ignoresCase, ...NOT_ON_HOST });
      return withSharedBase(record, found);
    }
    const joined = joinTyped(record.latin1(pathStart, record.pathLength), record.latin1(typedStart, typedLength));
    const complete = reachesRoot && isName && !joined.hasParents;
    const found = this.resolved(textOf(joined.path), { complete, cut, ignoresCase, ...NOT_ON_HOST });
    return withSharedBase(record, found);
  }

  /** As resolve(), of the place that a move leads to; undefined when that is not known. */
  resolveTarget(record: RecordView, mounts: KnownMounts | undefined): ResolvedPath | undefined {
    const { flags, movedStart, movedLength, movedTypedLength } = record;
    const reachesRoot = (flags & DELETION_MOVED_COMPLETE) !== 0;
    const cut = (flags & DELETION_MOVED_CUT) !== 0;
    const ignoresCase = (flags & DELETION_MOVED_CASE_INSENSITIVE) !== 0;
    if ((flags & DELETION_PATH_IS_BASE) === 0) {
      if (movedLength === 0) return undefined;
      const walked = { start: movedStart, length: movedLength, belowMount: record.movedBelowMountLength };
      return this.walked(record, walked, { reachesRoot, cut, ignoresCase }, mounts);
    }
    if (movedTypedLength === 0) return undefined;
    const base = record.latin1(movedStart, movedLength);
    const joined = joinTyped(base, record.latin1(record.movedTypedStart, movedTypedLength));
    const complete = reachesRoot && !joined.hasParents;
    return this.resolved(textOf(joined.path), { complete, cut, ignoresCase, ...NOT_ON_HOST });
  }

  /** A path that the kernel side has walked. */
  private walked(
    record: RecordView,
    { start, length, belowMount }: WalkedText,
    { reachesRoot, cut, ignoresCase }: WalkEnd,
    mounts: KnownMounts | undefined,
  ): ResolvedPath {
    const { bytes } = record;
    const end = start + length;
    const onHost = reachesRoot && (record.flags & DELETION_HOST_NAMESPACE) !== 0;
    const text = { bytes, start, name: lastName(bytes, start, end), end };
    const found = { complete: reachesRoot, cut, ignoresCase };
    if (mounts === undefined) return this.resolved(text, { ...found, ...NOT_ON_HOST, onHost });
    const path = record.latin1(start, length);
    const inFilesystem = pathInFilesystem(record, path, belowMount);
    const manyPlaces = mounts === 'unknown' ? undefined : manyPlacesOf(record, inFilesystem, mounts);
    const places =
      mounts === 'unknown'
        ? [placeAnywhere(inFilesystem, path)]
        : manyPlaces === undefined
          ? hostPlacesOf(record, inFilesystem, mounts)
          : mounts.mountPointsOf(record.device, inFilesystem!).map((mountPoint) => placeOf(mountPoint, false));
    const others = places.filter((place) => place.cut || `${place.directory}/${place.name}` !== path);
    const isOneOfThem =
      others.length < places.length || manyPlaces?.directories.includes(path.slice(0, path.lastIndexOf('/'))) === true;
    return this.resolved(text, { ...found, onHost: onHost || isOneOfThem, hostPlaces: others, manyPlaces });
  }

  private resolved(
    text: PathText,
    {
      cut,
      ...found
    }: Pick<ResolvedPath, 'complete' | 'ignoresCase' | 'onHost' | 'hostPlaces' | 'manyPlaces'> & { cut: boolean },
  ): ResolvedPath {
    const { bytes, start, name } = text;
    const directory = this.directory(bytes, start, Math.max(name - 1, start));
    const place = new FoundPlace(directory.path, text, cut);
    return { ...found, place, text, directoryJson: directory.json };
  }

  private directory(bytes: Buffer, start: number, end: number): Directory {
    const { last } = this;
    if (last.bytes.length === end - start && startsWith(bytes, start, last.bytes)) return last;
    this.last = directoryOf(bytes.toString('latin1', start, end));
    return this.last;
  }
}

/** Where others may have changed the directory that the typed name started from: the path is as it was after the call. */
function withSharedBase(record: RecordView, found: ResolvedPath): ResolvedPath {
  return (record.flags & DELETION_BASE_SHARED) === 0 ? found : { ...found, complete: false };
}

function startsWith(bytes: Buffer, start: number, expected: Buffer): boolean {
  for (let i = 0; i < expected.length; i++) if (bytes[start + i] !== expected[i]) return false;
  return true;
}

/** Where the last name of the path begins. */
function lastName(bytes: Buffer, start: number, end: number): number {
  let name = end;
  while (name > start && bytes[name - 1] !== SLASH) name--;
  return name;
}

/**
 * As lastName, for a typed name that means what its text says: it has no empty name, no "." and no "..", and no slash at
 * the end. -1 for others.
 */
function literalName(bytes: Buffer, start: number, end: number): number {
  let name = bytes[start] === SLASH ? start + 1 : start;
  for (let at = name; ; at++) {
    if (at < end && bytes[at] !== SLASH) continue;
    const length = at - name;
    if (length === 0 || (length <= 2 && bytes[name] === DOT && bytes[at - 1] === DOT)) return -1;
    if (at === end) return name;
    name = at + 1;
  }
}

function directoryOf(path: string): Directory {
  return { path, bytes: Buffer.from(path, 'latin1'), json: Buffer.from(`","directory":${jsonOf(path || '/')}`) };
}

/** A path of its own. */
function textOf(latin1: string): PathText {
  const bytes = Buffer.from(latin1, 'latin1');
  return { bytes, start: 0, name: lastName(bytes, 0, bytes.length), end: bytes.length };
}

/** The places of this host that lead to the file. */
function hostPlacesOf(
  { device, flags }: RecordView,
  inFilesystem: string | undefined,
  mounts: MountTable,
): readonly Place[] {
  const reachesRoot = (flags & DELETION_FS_ROOT) !== 0;
  if (inFilesystem === undefined) return NOWHERE;
  if (!reachesRoot) return mounts.knows(device) ? [placeOf(inFilesystem, true)] : NOWHERE;
  return mounts.hostPaths(device, inFilesystem).map((hostPath) => placeOf(hostPath, false));
}

/** As hostPlacesOf(), without the mounts of the file itself, where there are many. */
function manyPlacesOf(
  { device, flags }: RecordView,
  inFilesystem: string | undefined,
  mounts: MountTable,
): ManyPlaces | undefined {
  const slash = inFilesystem?.lastIndexOf('/') ?? -1;
  if (slash < 0 || (flags & DELETION_FS_ROOT) === 0) return undefined;
  const directories = mounts.manyHostDirectories(device, inFilesystem!.slice(0, slash));
  return directories && { directories, name: inFilesystem!.slice(slash + 1) };
}

/** What is known of the file's places on a host whose mounts are not known: how their paths end. */
function placeAnywhere(inFilesystem: string | undefined, path: string): Place {
  return placeOf(inFilesystem ?? path.slice(path.lastIndexOf('/')), true);
}

/** The path from the root of the filesystem, or its end when the walk did not get there; undefined: not known. */
function pathInFilesystem(record: RecordView, path: string, belowMount: number): string | undefined {
  const { flags, fsRootLength } = record;
  // A walk that was cut before the mount's root does not know its place in the filesystem.
  if (belowMount === 0 || (fsRootLength === 0 && (flags & DELETION_FS_ROOT) === 0)) return undefined;
  const root = record
    .latin1(record.fsRootStart, fsRootLength)
    .split('\0')
    .filter(Boolean)
    .reverse()
    .map((name) => `/${name}`)
    .join('');
  return root + path.slice(path.length - belowMount);
}

/** The path under the name that the file had in the same directory before; undefined: it had no other, as far as is known. */
export function formerPathOf(
  record: RecordView,
  { place, hostPlaces, manyPlaces, ...path }: ResolvedPath,
): ResolvedPath | undefined {
  const { formerStart, formerLength } = record;
  if (formerLength === 0 || place === undefined) return undefined;
  const former = record.latin1(formerStart, formerLength);
  const renamed = ({ directory, cut }: Place): Place => ({ directory, name: former, cut });
  const { name } = place;
  return {
    ...path,
    place: renamed(place),
    // A mount of the file alone keeps its name.
    hostPlaces: hostPlaces.filter((other) => other.name === name).map(renamed),
    manyPlaces: manyPlaces && { ...manyPlaces, name: former },
    text: textOf(`${place.directory}/${former}`),
  };
}

function placeOf(path: string, cut: boolean): Place {
  const slash = path.lastIndexOf('/');
  return { directory: path.slice(0, slash), name: path.slice(slash + 1), cut };
}
