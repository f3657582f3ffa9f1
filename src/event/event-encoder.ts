import type { ProcessInfo, WholeArgs } from '../deletion/process-table.js';
import type { PathText, Place, ResolvedPath } from '../deletion/resolved-path.js';
import type { BootTime } from '../model/clocks.js';
import type { AttachMode } from '../model/config.js';
import { ECS_VERSION } from '../model/ecs.js';
import {
  DELETION_ALLOCATION_KNOWN,
  DELETION_HAS_TYPED,
  DELETION_HAS_VICTIM,
  DELETION_OPEN_KNOWN,
  DELETION_STILL_OPEN,
  OPERATION_MOVE,
} from '../probe/record-layout.generated.js';
import type { RecordView } from '../probe/record-view.js';
import { base64IfLossy, jsonPartOf } from '../text/byte-text.js';
import { Timestamps } from '../text/timestamps.js';
import type { Outcome } from '../watch/watch-filter.js';
import type { BurstActor } from './burst-line.js';
import { DATASET_PROCESS, type FileType } from './event-words.js';
import type { LineBuffer } from './line-buffer.js';
import { LineFrame, type UserText } from './line-frame.js';
import { cutToLimit, LINE_BYTES_MAX } from './line-limit.js';

const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;

/** `file.type` by the file type bits of the mode. */
const FILE_TYPES = new Map<number, FileType>([
  [0o100000, 'file'],
  [S_IFDIR, 'dir'],
  [0o120000, 'symlink'],
  [0o010000, 'fifo'],
  [0o140000, 'socket'],
  [0o020000, 'char_device'],
  [0o060000, 'block_device'],
]);

/** The permission bits as ECS wants them: "0644". */
const MODES = Array.from({ length: 0o10000 }, (_, mode) => mode.toString(8).padStart(4, '0'));

const LINE_START = Buffer.from('{"@timestamp":"');
const NAME = Buffer.from('","name":"');
const SIZE = Buffer.from(',"size":');
const MTIME = Buffer.from(',"mtime":"');
const AFTER_MTIME = Buffer.from('Z"}');
const AFTER_DIRECTORY = Buffer.from('}');
/** By (after a typed path ? 2 : 0) + (complete ? 1 : 0). */
const COMPLETE = ['', '",'].flatMap((before) =>
  [false, true].map((complete) => Buffer.from(`${before}"path_complete":${complete}`)),
);
const CASE_INSENSITIVE = Buffer.from(',"case_insensitive":true');
/** By (last link ? 3 : 0) + (not known: 0, open: 1, not open: 2). */
const LINKS = [false, true].flatMap((last) =>
  ['', ',"still_open":true', ',"still_open":false'].map((open) => Buffer.from(`,"last_link":${last}${open}`)),
);
const FREED = Buffer.from(',"freed_bytes":');
const MOUNT_UID = Buffer.from(',"mount_uid":"');
const MOUNT_GID = Buffer.from(',"mount_gid":"');
const TO = Buffer.from(' to ');
const MOVED_TO = Buffer.from(',"moved_to":"');
/** By whether it is. */
const MOVED_COMPLETE = [false, true].map((complete) => Buffer.from(`,"moved_to_complete":${complete}`));
const FORMER_PATHS = Buffer.from(',"former_paths":["');
const TOOK_WATCHED = Buffer.from(',"took_watched":true');
/** Watches that a message names; the others are counted. */
const NAMED_WATCHES_MAX = 8;

/** What files of one owner, mode and filesystem have in common. */
interface FileFrame {
  readonly mode: number;
  readonly device: number;
  readonly fileUid: number;
  readonly fileGid: number;
  readonly hasSize: boolean;
  readonly beforeInode: Uint8Array;
  readonly beforeSize: Uint8Array;
}

/** Processes whose frame is remembered; more hardly delete at once. */
const FRAMES_MAX = 256;

export interface EventEncoderOptions {
  readonly hostName: string;
  readonly bootId: string | undefined;
  readonly attach: AttachMode;
  userName(uid: number): string | undefined;
  /** The name of an errno. */
  errorName(number: number): string;
}

/** The path of a line that is being written. */
interface PathMention {
  readonly path: ResolvedPath;
  readonly text: PathText | undefined;
  /** Where it stands in the line already, byte for byte; undefined: it has to be written again. */
  readonly copied: number | undefined;
}

/** What a move's line tells of it. */
export interface MoveContext {
  /** Where it leads to; undefined when that is not known. */
  readonly target: ResolvedPath | undefined;
  /** Where this host sees that place, when `target` does not say it. */
  readonly hostPlace: Place | undefined;
  readonly isDirectory: boolean;
  /** Names of the watches that do not match the old path itself, but what may lie below it. */
  readonly losing: readonly string[];
}

/** What the line tells beyond the record itself. */
export interface EventContext {
  readonly path: ResolvedPath;
  /** Where this host sees the file, when `path` does not say it. */
  readonly hostPlace: Place | undefined;
  /** Only of a move. */
  readonly move?: MoveContext | undefined;
  /** The path under the name that the file had a moment before. */
  readonly former?: ResolvedPath | undefined;
  readonly outcome: Outcome;
  readonly process: ProcessInfo | undefined;
  readonly ruleJson: string;
  readonly sequence: number;
  readonly boot: BootTime;
}

/**
 * Writes the JSON line of a deletion. It is put together from parts, not from an object: with the parts of the process,
 * the directory, the file and the user ready-made, that takes a fraction of what JSON.stringify needs.
 */
export class EventEncoder {
  private readonly options: EventEncoderOptions;
  private hostName: string;
  private hostJson: string;
  private readonly timestamps = new Timestamps();
  private readonly mtimes = new Timestamps();
  private readonly users = new Map<number, UserText & { name: string | undefined }>();
  /** By the id of the process. */
  private readonly frames = new Map<number, LineFrame>();
  private lastFrame: LineFrame | undefined;
  private lastFile: FileFrame | undefined;

  constructor(options: EventEncoderOptions) {
    this.options = options;
    this.hostName = options.hostName;
    this.hostJson = hostJsonOf(options.hostName, options.bootId);
  }

  /** Lines from now on carry this name. */
  useHostName(name: string): void {
    if (name === this.hostName) return;
    this.hostName = name;
    this.hostJson = hostJsonOf(name, this.options.bootId);
    this.frames.clear();
    this.lastFrame = undefined;
  }

  /** Bytes of storage that the deletion released; undefined when it released none, or that is not known. */
  static freedBytes(record: RecordView, outcome: Outcome): number | undefined {
    const { flags, linkCount } = record;
    const known = DELETION_HAS_VICTIM | DELETION_OPEN_KNOWN | DELETION_ALLOCATION_KNOWN;
    if (outcome !== 'success' || (flags & (known | DELETION_STILL_OPEN)) !== known) return undefined;
    return linkCount === 1 ? record.allocatedBytes : undefined;
  }

  /** Writes one line to `out`, without its end; with it, the line has at most LINE_BYTES_MAX bytes. */
  write(out: LineBuffer, record: RecordView, context: EventContext): void {
    const { path, outcome } = context;
    const frame = this.frame(record, context);
    out.part(LINE_START);
    this.timestamps.writeSinceBoot(out, record.timeSeconds, record.timeNanoseconds, context.boot);
    out.part(frame.beforePath);
    const shown = out.position;
    const plain = writePath(out, path.text);
    // Later mentions of a path that needs no escaping are copies of the first one.
    const copied = plain && path.text !== undefined ? shown : undefined;
    const { move } = context;
    if (move !== undefined) writeMoveInMessage(out, move);
    out.part(frame.beforeSequence);
    out.number(context.sequence);
    // Where the kernel found a file, it has a path.
    if (path.text === undefined) out.part(frame.beforeFile);
    else this.writeFile(out, record, frame, { path, text: path.text, copied });
    writeRequested(out, record, frame, { path, text: path.text, copied });
    if (!plain) writeBytes(out, ',"path_bytes":"', latin1Of(path.text!), '"');
    if (path.ignoresCase) out.part(CASE_INSENSITIVE);
    if (context.hostPlace !== undefined) writePlace(out, 'host_path', context.hostPlace);
    if (move !== undefined) writeMove(out, move);
    if (context.former?.text !== undefined) writeFormer(out, context.former.text);
    writeLinks(out, record, outcome);
    writeMountOwner(out, record);
    out.part(frame.tail);
    // The newline counts.
    if (out.position >= LINE_BYTES_MAX) out.change(cutToLimit);
  }

  /** The line that has all arguments of a process, see ProcessInfo.wholeArgs. */
  processLine(record: RecordView, { processJson, rmwatchJson }: WholeArgs, boot: BootTime): string {
    const time = this.timestamps.sinceBoot(record.timeSeconds, record.timeNanoseconds, boot);
    const name = jsonPartOf(record.comm(record.commStart));
    return (
      `{"@timestamp":"${time}","ecs":{"version":"${ECS_VERSION}"},"log":{"level":"info"}` +
      `,"message":"arguments of ${name}[${record.tgid}]"` +
      `,"event":{"kind":"event","category":["process"],"type":["info"],"action":"process-arguments","dataset":"${DATASET_PROCESS}"}` +
      `,"host":${this.hostJson},"process":${processJson},"rmwatch":${rmwatchJson}}`
    );
  }

  /** Who deletes, for lines about bursts. */
  actorOf(record: RecordView, process: ProcessInfo | undefined): BurstActor {
    const { uid, effectiveUid, gid, effectiveGid } = record;
    const name = jsonPartOf(record.comm(record.commStart));
    const group = effectiveGid === gid ? '' : `,"group":{"id":"${effectiveGid}"}`;
    const effective = effectiveUid === uid ? '' : `,"effective":{${this.user(effectiveUid).json}}`;
    return JSON.parse(
      `{"process":{"pid":${record.tgid},"thread":{"id":${record.tid}},"name":"${name}"${group}${process?.processJson ?? ''}}` +
        `,"user":{${this.user(uid).json}${effective}},"group":{"id":"${gid}"}${process?.containerJson ?? ''}` +
        `,"details":{${process?.rmwatchJson.slice(1) ?? ''}}}`,
    ) as BurstActor;
  }

  /** The host part of other lines. */
  get host(): string {
    return this.hostJson;
  }

  private frame(record: RecordView, { outcome, process, ruleJson }: EventContext): LineFrame {
    const { uid, effectiveUid } = record;
    const context = {
      outcome,
      process,
      user: this.user(uid),
      effectiveUser: effectiveUid === uid ? undefined : this.user(effectiveUid),
      ruleJson,
    };
    if (this.lastFrame?.fits(record, context)) return this.lastFrame;
    const id = record.processId;
    let frame = this.frames.get(id);
    if (frame?.fits(record, context) !== true) {
      frame = new LineFrame(record, context, {
        hostJson: this.hostJson,
        attach: this.options.attach,
        errorName: this.options.errorName,
      });
      if (this.frames.size >= FRAMES_MAX) this.frames.clear();
      this.frames.set(id, frame);
    }
    this.lastFrame = frame;
    return frame;
  }

  private writeFile(
    out: LineBuffer,
    record: RecordView,
    frame: LineFrame,
    { path, text, copied }: PathMention & { readonly text: PathText },
  ): void {
    const { bytes, start, name, end } = text;
    out.part(frame.beforeFilePath);
    if (copied === undefined) {
      writePath(out, text);
      out.part(NAME);
      out.jsonPart(bytes, name, end);
    } else {
      out.again(copied, end - start);
      out.part(NAME);
      out.again(copied + name - start, end - name);
    }
    out.part(path.directoryJson);
    if ((record.flags & DELETION_HAS_VICTIM) !== 0) {
      const file = this.fileFrame(record);
      out.part(file.beforeInode);
      if (record.inode <= Number.MAX_SAFE_INTEGER) out.number(record.inode);
      else out.ascii(record.inodeText);
      out.part(file.beforeSize);
      const { size, mtimeSeconds } = record;
      // What JSON's readers would round, and what RFC 3339 cannot write, is left out.
      if (file.hasSize && Number.isSafeInteger(size)) {
        out.part(SIZE);
        out.number(size);
      }
      if (Timestamps.canTell(mtimeSeconds)) {
        out.part(MTIME);
        this.mtimes.writeWallClock(out, mtimeSeconds, record.mtimeNanoseconds);
        out.part(AFTER_MTIME);
        return;
      }
    }
    out.part(AFTER_DIRECTORY);
  }

  private fileFrame(record: RecordView): FileFrame {
    const { lastFile: last } = this;
    const { mode, device, fileUid, fileGid } = record;
    if (last?.mode === mode && last.device === device && last.fileUid === fileUid && last.fileGid === fileGid)
      return last;
    const type = FILE_TYPES.get(mode & S_IFMT);
    // The size of a directory is filesystem-specific, and some filesystems keep it where the kernel does not look.
    const hasSize = (mode & S_IFMT) !== S_IFDIR;
    // The kernel's dev_t: 12 bits of major, 20 of minor.
    const deviceText = `${device >>> 20}:${device & 0xfffff}`;
    this.lastFile = {
      mode,
      device,
      fileUid,
      fileGid,
      hasSize,
      beforeInode: Buffer.from(`${type === undefined ? '' : `,"type":"${type}"`},"inode":"`),
      beforeSize: Buffer.from(
        `","device":"${deviceText}","uid":"${fileUid}","gid":"${fileGid}","mode":"${MODES[mode & 0o7777]}"`,
      ),
    };
    return this.lastFile;
  }

  private user(uid: number): UserText {
    const name = this.options.userName(uid);
    let user = this.users.get(uid);
    if (user === undefined || user.name !== name) {
      const nameJson = name === undefined ? undefined : JSON.stringify(name);
      user = {
        name,
        json: `"id":"${uid}"${nameJson === undefined ? '' : `,"name":${nameJson}`}`,
        label: nameJson?.slice(1, -1) ?? String(uid),
      };
      if (this.users.size >= 4096) this.users.clear();
      this.users.set(uid, user);
    }
    return user;
  }
}

/** The bytes in base64, between `before` and `after`, when they are no UTF-8. */
function writeBytes(out: LineBuffer, before: string, latin1: string, after: string): void {
  const bytes = base64IfLossy(latin1);
  if (bytes === undefined) return;
  out.ascii(before);
  out.ascii(bytes);
  out.ascii(after);
}

/** False when the bytes are not all printable ASCII. */
function writePath(out: LineBuffer, text: PathText | undefined): boolean {
  if (text !== undefined) return out.jsonPart(text.bytes, text.start, text.end);
  out.ascii('(unknown path)');
  return true;
}

function latin1Of({ bytes, start, end }: PathText): string {
  return bytes.toString('latin1', start, end);
}

function writeRequested(
  out: LineBuffer,
  record: RecordView,
  frame: LineFrame,
  { path, text, copied }: PathMention,
): void {
  const completeness = path.complete ? 1 : 0;
  if ((record.flags & DELETION_HAS_TYPED) === 0) {
    out.part(frame.afterFile);
    out.part(COMPLETE[completeness]!);
    return;
  }
  const { typedStart, typedLength } = record;
  out.part(frame.beforeTyped);
  if (copied !== undefined && text?.bytes === record.bytes && text.start === typedStart) {
    out.again(copied, typedLength);
  } else if (!out.jsonPart(record.bytes, typedStart, typedStart + typedLength)) {
    writeBytes(out, '","requested_path_bytes":"', record.latin1(typedStart, typedLength), '');
  }
  out.part(COMPLETE[2 + completeness]!);
}

function writePlace(out: LineBuffer, field: 'host_path' | 'moved_to_host_path', { directory, name }: Place): void {
  const path = `${directory}/${name}`;
  out.ascii(`,"${field}":"`);
  const plain = out.jsonText(path);
  out.ascii('"');
  if (!plain) writeBytes(out, `,"${field}_bytes":"`, path, '"');
}

/** " to PATH (directory, takes watch NAME along)". */
function writeMoveInMessage(out: LineBuffer, { target, isDirectory, losing }: MoveContext): void {
  out.part(TO);
  writePath(out, target?.text);
  const { length } = losing;
  const names = losing.join(', ');
  const taken = length > NAMED_WATCHES_MAX ? `${length} watches` : length === 1 ? `watch ${names}` : `watches ${names}`;
  const remarks = [...(isDirectory ? ['directory'] : []), ...(length > 0 ? [`takes ${taken} along`] : [])];
  if (remarks.length > 0) out.ascii(` (${remarks.join(', ')})`);
}

function writeMove(out: LineBuffer, { target, hostPlace, losing }: MoveContext): void {
  if (target?.text !== undefined) {
    out.part(MOVED_TO);
    const plain = writePath(out, target.text);
    out.ascii('"');
    if (!plain) writeBytes(out, ',"moved_to_bytes":"', latin1Of(target.text), '"');
  }
  if (hostPlace !== undefined) writePlace(out, 'moved_to_host_path', hostPlace);
  out.part(MOVED_COMPLETE[target?.complete === true ? 1 : 0]!);
  if (losing.length > 0) out.part(TOOK_WATCHED);
}

/** A list: a later version may know more than one. */
function writeFormer(out: LineBuffer, text: PathText): void {
  out.part(FORMER_PATHS);
  const plain = writePath(out, text);
  out.ascii('"]');
  if (!plain) writeBytes(out, ',"former_paths_bytes":["', latin1Of(text), '"]');
}

function writeLinks(out: LineBuffer, record: RecordView, outcome: Outcome): void {
  const { flags } = record;
  if (outcome === 'failure' || (flags & DELETION_HAS_VICTIM) === 0 || record.operation === OPERATION_MOVE) return;
  const directory = (record.mode & S_IFMT) === S_IFDIR;
  const last = directory || record.linkCount === 1;
  const open = (flags & DELETION_OPEN_KNOWN) === 0 ? 0 : (flags & DELETION_STILL_OPEN) !== 0 ? 1 : 2;
  out.part(LINKS[(last ? 3 : 0) + open]!);
  const freed = EventEncoder.freedBytes(record, outcome);
  if (freed === undefined) return;
  out.part(FREED);
  out.number(freed);
}

/** Where the mount shows another owner than the filesystem has. */
function writeMountOwner(out: LineBuffer, record: RecordView): void {
  const { flags, fileUid, fileGid, mountUid, mountGid } = record;
  if ((flags & DELETION_HAS_VICTIM) === 0) return;
  if (mountUid !== fileUid) {
    out.part(MOUNT_UID);
    out.number(mountUid);
    out.ascii('"');
  }
  if (mountGid !== fileGid) {
    out.part(MOUNT_GID);
    out.number(mountGid);
    out.ascii('"');
  }
}

function hostJsonOf(name: string, bootId: string | undefined): string {
  const boot = bootId === undefined ? '' : `,"boot":{"id":${JSON.stringify(bootId)}}`;
  return `{"name":${JSON.stringify(name)}${boot}}`;
}
