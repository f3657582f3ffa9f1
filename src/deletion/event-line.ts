import type { AttachMode } from '../config/config.js';
import {
  DELETION_ALLOCATION_KNOWN,
  DELETION_HAS_TYPED,
  DELETION_HAS_VICTIM,
  DELETION_OPEN_KNOWN,
  DELETION_STILL_OPEN,
  type RecordView,
} from '../probe/record-view.js';
import { base64IfLossy, jsonOf } from './byte-text.js';
import type { Outcome } from './judge.js';
import { LineFrame, type UserText } from './line-frame.js';
import type { ProcessInfo } from './process-table.js';
import type { Place, ResolvedPath } from './resolved-path.js';
import { Timestamps } from './timestamps.js';

const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;

/** `file.type` by the file type bits of the mode. */
const FILE_TYPES = new Map([
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

/** Processes whose frame is remembered; more hardly delete at once. */
const FRAMES_MAX = 256;

export interface EventLineOptions {
  readonly hostName: string;
  readonly bootId: string | undefined;
  readonly attach: AttachMode;
  userName(uid: number): string | undefined;
}

/** What the line tells beyond the record itself. */
export interface EventContext {
  readonly path: ResolvedPath;
  /** Where this host sees the file, when `path` does not say it. */
  readonly hostPlace: Place | undefined;
  readonly outcome: Outcome;
  readonly process: ProcessInfo | undefined;
  readonly ruleJson: string;
  readonly sequence: number;
  readonly bootOffset: Float64Array;
}

/**
 * Writes the JSON line of a deletion. It is put together from parts, not from an object: with the parts of the process,
 * the directory and the user ready-made, that takes a fraction of what JSON.stringify needs.
 */
export class EventLine {
  private readonly options: EventLineOptions;
  private readonly hostJson: string;
  private readonly timestamps = new Timestamps();
  private readonly mtimes = new Timestamps();
  private readonly users = new Map<number, UserText & { name: string | undefined }>();
  /** By the id of the process. */
  private readonly frames = new Map<number, LineFrame>();
  private lastFrame: LineFrame | undefined;
  private readonly devices = new Map<number, string>();

  constructor(options: EventLineOptions) {
    this.options = options;
    const boot = options.bootId === undefined ? '' : `,"boot":{"id":${JSON.stringify(options.bootId)}}`;
    this.hostJson = `{"name":${JSON.stringify(options.hostName)}${boot}}`;
  }

  /** Bytes of storage that the deletion released; undefined when it released none, or that is not known. */
  static freedBytes(record: RecordView, outcome: Outcome): number | undefined {
    const { flags, linkCount } = record;
    const known = DELETION_HAS_VICTIM | DELETION_OPEN_KNOWN | DELETION_ALLOCATION_KNOWN;
    if (outcome !== 'success' || (flags & (known | DELETION_STILL_OPEN)) !== known) return undefined;
    return linkCount === 1 ? record.allocatedBytes : undefined;
  }

  write(record: RecordView, context: EventContext): string {
    const { path, outcome } = context;
    const frame = this.frame(record, context);
    const shown = path.json === undefined ? '(unknown path)' : path.json.slice(1, -1);
    return (
      `{"@timestamp":"${this.timestamps.sinceBoot(record.timeSeconds, record.timeNanoseconds, context.bootOffset)}` +
      `${frame.beforePath}${shown}${frame.beforeSequence}${context.sequence}${frame.beforeFile}` +
      `${this.fileJson(record, path)}${frame.beforeRequest}` +
      `${this.requestedJson(record)}"path_complete":${path.complete}` +
      (path.bytes === undefined ? '' : `,"path_bytes":"${path.bytes}"`) +
      (context.hostPlace === undefined ? '' : hostPathJson(context.hostPlace)) +
      linkJson(record, outcome) +
      frame.tail
    );
  }

  /** The host part of other lines. */
  get host(): string {
    return this.hostJson;
  }

  private frame(record: RecordView, { outcome, process, ruleJson }: EventContext): LineFrame {
    const context = { outcome, process, user: this.user(record.uid), ruleJson };
    if (this.lastFrame?.fits(record, context)) return this.lastFrame;
    const id = record.processId;
    let frame = this.frames.get(id);
    if (frame?.fits(record, context) !== true) {
      frame = new LineFrame(record, context, { hostJson: this.hostJson, attach: this.options.attach });
      if (this.frames.size >= FRAMES_MAX) this.frames.clear();
      this.frames.set(id, frame);
    }
    this.lastFrame = frame;
    return frame;
  }

  private requestedJson(record: RecordView): string {
    if ((record.flags & DELETION_HAS_TYPED) === 0) return '';
    const typed = record.latin1(record.typedStart, record.typedLength);
    const bytes = base64IfLossy(typed);
    const bytesJson = bytes === undefined ? '' : `"requested_path_bytes":"${bytes}",`;
    return `"requested_path":${jsonOf(typed)},${bytesJson}`;
  }

  private fileJson(record: RecordView, path: ResolvedPath): string {
    const parts = path.fileJson;
    if ((record.flags & DELETION_HAS_VICTIM) === 0) return parts === '' ? '' : `,"file":{${parts}}`;
    const { mode } = record;
    const format = mode & S_IFMT;
    const type = FILE_TYPES.get(format);
    // What a directory's size says is its filesystem's secret, and some keep it where the kernel does not look.
    const size = format === S_IFDIR ? '' : `,"size":${record.size}`;
    return (
      `,"file":{${parts}${parts === '' ? '' : ','}${type === undefined ? '' : `"type":"${type}",`}` +
      `"inode":"${record.inodeText}","device":"${this.deviceText(record.device)}"` +
      `,"uid":"${record.fileUid}","gid":"${record.fileGid}","mode":"${MODES[mode & 0o7777]}"${size}` +
      `,"mtime":"${this.mtimes.wallClock(record.mtimeSeconds, record.mtimeNanoseconds)}"}`
    );
  }

  private deviceText(device: number): string {
    let text = this.devices.get(device);
    if (text === undefined) {
      // The kernel's dev_t: 12 bits of major, 20 of minor.
      text = `${device >>> 20}:${device & 0xfffff}`;
      if (this.devices.size >= 4096) this.devices.clear();
      this.devices.set(device, text);
    }
    return text;
  }

  private user(uid: number): UserText {
    const name = this.options.userName(uid);
    let user = this.users.get(uid);
    if (user === undefined || user.name !== name) {
      const nameJson = name === undefined ? undefined : JSON.stringify(name);
      user = {
        name,
        json: `{"id":"${uid}"${nameJson === undefined ? '' : `,"name":${nameJson}`}}`,
        label: nameJson?.slice(1, -1) ?? String(uid),
      };
      if (this.users.size >= 4096) this.users.clear();
      this.users.set(uid, user);
    }
    return user;
  }
}

function hostPathJson({ directory, name }: Place): string {
  const path = `${directory}/${name}`;
  const bytes = base64IfLossy(path);
  return `,"host_path":${jsonOf(path)}${bytes === undefined ? '' : `,"host_path_bytes":"${bytes}"`}`;
}

function linkJson(record: RecordView, outcome: Outcome): string {
  const { flags } = record;
  if (outcome === 'failure' || (flags & DELETION_HAS_VICTIM) === 0) return '';
  const directory = (record.mode & S_IFMT) === S_IFDIR;
  const open = (flags & DELETION_OPEN_KNOWN) === 0 ? '' : `,"still_open":${(flags & DELETION_STILL_OPEN) !== 0}`;
  const freed = EventLine.freedBytes(record, outcome);
  return (
    `,"last_link":${directory || record.linkCount === 1}${open}` +
    (freed === undefined ? '' : `,"freed_bytes":${freed}`)
  );
}
