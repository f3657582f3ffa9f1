import { OPERATIONS } from '../model/config.js';
import { RECORD_DELETION, RECORD_LAYOUT, RECORD_PROCESS, RECORD_PROCESS_TEXT } from './record-layout.generated.js';

const DELETION = RECORD_LAYOUT.deletion.fields;
const PROCESS = RECORD_LAYOUT.process.fields;
const TEXT = RECORD_LAYOUT.process_text.fields;
const TWO_TO_32 = 2 ** 32;

/**
 * Reads records where they lie, without copies or objects per record: `moveTo` points it at one, the accessors of its
 * kind then read the members. Offsets come from the generated layout only; records are aligned to eight bytes.
 */
export class RecordView {
  /** All of the ring: what the `Start` accessors point into. */
  readonly bytes: Buffer;
  private readonly u32: Uint32Array;
  private readonly u16: Uint16Array;
  private base = 0;

  constructor(ring: ArrayBuffer) {
    this.bytes = Buffer.from(ring);
    this.u32 = new Uint32Array(ring);
    this.u16 = new Uint16Array(ring);
  }

  moveTo(offset: number): void {
    this.base = offset;
  }

  get kind(): number {
    return this.word(DELETION.kind[0]);
  }
  get length(): number {
    return this.word(DELETION.length[0]);
  }

  /** Whether all that the record says of its texts lies within it, and its kind and operation are known: one that is not is not read. */
  get isSound(): boolean {
    switch (this.kind) {
      case RECORD_DELETION: {
        const begin = this.half(DELETION.path_offset[0]);
        // A slash stands between the path and what was typed.
        const end =
          begin +
          this.pathLength +
          1 +
          this.typedLength +
          this.fsRootLength +
          this.movedLength +
          (this.movedTypedLength > 0 ? 1 + this.movedTypedLength : 0) +
          this.formerLength;
        const isInside = begin >= RECORD_LAYOUT.deletion.size && end <= this.length;
        const mountsFit = this.belowMountLength <= this.pathLength && this.movedBelowMountLength <= this.movedLength;
        return isInside && mountsFit && this.operation < OPERATIONS.length;
      }
      case RECORD_PROCESS:
        return this.holds(RECORD_LAYOUT.process.size, this.half(PROCESS.args_offset[0]), this.argsLength);
      case RECORD_PROCESS_TEXT:
        return this.holds(RECORD_LAYOUT.process_text.size, this.half(TEXT.text_offset[0]), this.textLength);
      default:
        return false;
    }
  }

  private holds(fixed: number, offset: number, length: number): boolean {
    return offset >= fixed && offset + length <= this.length;
  }

  // RECORD_DELETION

  get timeSeconds(): number {
    return this.word(DELETION.time_seconds[0]);
  }
  get timeNanoseconds(): number {
    return this.word(DELETION.time_nanoseconds[0]);
  }
  get processId(): number {
    return this.wide(DELETION.process_id[0]);
  }
  /** Exact up to 2^53. */
  get inode(): number {
    return this.wide(DELETION.inode[0]);
  }
  get inodeText(): string {
    return this.wideText(DELETION.inode[0]);
  }
  get size(): number {
    return this.wide(DELETION.size[0]);
  }
  get allocatedBytes(): number {
    return this.wide(DELETION.allocated_bytes[0]);
  }
  get mtimeSeconds(): number {
    const at = (this.base + DELETION.mtime_seconds[0]) >> 2;
    return this.u32[at]! + (this.u32[at + 1]! | 0) * TWO_TO_32;
  }
  get mtimeNanoseconds(): number {
    return this.word(DELETION.mtime_nanoseconds[0]);
  }
  get device(): number {
    return this.word(DELETION.device[0]);
  }
  get tgid(): number {
    return this.word(DELETION.tgid[0]);
  }
  get tid(): number {
    return this.word(DELETION.tid[0]);
  }
  get uid(): number {
    return this.word(DELETION.uid[0]);
  }
  get effectiveUid(): number {
    return this.word(DELETION.effective_uid[0]);
  }
  /** By what the kernel checks access to files. */
  get fsUid(): number {
    return this.word(DELETION.fs_uid[0]);
  }
  get gid(): number {
    return this.word(DELETION.gid[0]);
  }
  get effectiveGid(): number {
    return this.word(DELETION.effective_gid[0]);
  }
  get fsGid(): number {
    return this.word(DELETION.fs_gid[0]);
  }
  get fileUid(): number {
    return this.word(DELETION.file_uid[0]);
  }
  get fileGid(): number {
    return this.word(DELETION.file_gid[0]);
  }
  /** The owner as the mount shows it. */
  get mountUid(): number {
    return this.word(DELETION.mount_uid[0]);
  }
  get mountGid(): number {
    return this.word(DELETION.mount_gid[0]);
  }
  get mode(): number {
    return this.word(DELETION.mode[0]);
  }
  get linkCount(): number {
    return this.word(DELETION.link_count[0]);
  }
  get mountNamespace(): number {
    return this.word(DELETION.mount_namespace[0]);
  }
  /** 0 or a negative errno. */
  get result(): number {
    return this.word(DELETION.result[0]) | 0;
  }
  get flags(): number {
    return this.word(DELETION.flags[0]);
  }
  get generation(): number {
    return this.word(DELETION.generation[0]);
  }
  /** Index in OPERATIONS. */
  get operation(): number {
    return this.bytes[this.base + DELETION.operation[0]]!;
  }
  get pathStart(): number {
    return this.base + this.half(DELETION.path_offset[0]);
  }
  get pathLength(): number {
    return this.half(DELETION.path_length[0]);
  }
  get typedStart(): number {
    return this.pathStart + this.pathLength + 1;
  }
  get typedLength(): number {
    return this.half(DELETION.typed_length[0]);
  }
  get fsRootStart(): number {
    return this.typedStart + this.typedLength;
  }
  get fsRootLength(): number {
    return this.half(DELETION.fs_root_length[0]);
  }
  get belowMountLength(): number {
    return this.half(DELETION.below_mount_length[0]);
  }
  get movedStart(): number {
    return this.fsRootStart + this.fsRootLength;
  }
  get movedLength(): number {
    return this.half(DELETION.moved_length[0]);
  }
  get movedTypedStart(): number {
    return this.movedStart + this.movedLength + 1;
  }
  /** 0: there is none. */
  get movedTypedLength(): number {
    return this.half(DELETION.moved_typed_length[0]);
  }
  /** Only where nothing moves. */
  get formerStart(): number {
    return this.movedStart + this.movedLength;
  }
  /** 0: there is no former name. */
  get formerLength(): number {
    return this.half(DELETION.former_length[0]);
  }
  get movedBelowMountLength(): number {
    return this.half(DELETION.moved_below_mount_length[0]);
  }
  get commStart(): number {
    return this.base + DELETION.comm[0];
  }
  /** The name of the process as four numbers, for comparisons; `index` 0 to 3. */
  commWord(index: number): number {
    return this.word(DELETION.comm[0] + 4 * index);
  }

  // RECORD_PROCESS

  get processStartNanoseconds(): bigint {
    return this.bytes.readBigUInt64LE(this.base + PROCESS.start_time_ns[0]);
  }
  get describedId(): number {
    return this.wide(PROCESS.process_id[0]);
  }
  get processTgid(): number {
    return this.word(PROCESS.tgid[0]);
  }
  get parentTgid(): number {
    return this.word(PROCESS.parent_tgid[0]);
  }
  get loginUid(): number {
    return this.word(PROCESS.login_uid[0]);
  }
  get processFlags(): number {
    return this.word(PROCESS.flags[0]);
  }
  get argsStart(): number {
    return this.base + this.half(PROCESS.args_offset[0]);
  }
  get argsLength(): number {
    return this.half(PROCESS.args_length[0]);
  }
  /** How many there were when the program started, as its own memory says; 0: not known. */
  get argsCount(): number {
    return this.word(PROCESS.args_count[0]);
  }
  get executableUid(): number {
    return this.word(PROCESS.executable_uid[0]);
  }
  get parentCommStart(): number {
    return this.base + PROCESS.parent_comm[0];
  }

  // RECORD_PROCESS_TEXT

  get textProcessId(): number {
    return this.wide(TEXT.process_id[0]);
  }
  get textWhich(): number {
    return this.half(TEXT.which[0]);
  }
  get textFlags(): number {
    return this.half(TEXT.flags[0]);
  }
  get textStart(): number {
    return this.base + this.half(TEXT.text_offset[0]);
  }
  get textLength(): number {
    return this.half(TEXT.text_length[0]);
  }

  /** Bytes as a string with one character for each, the form that globs are matched on. */
  latin1(start: number, length: number): string {
    return this.bytes.toString('latin1', start, start + length);
  }

  /** A kernel name of at most 16 bytes, ended by NUL; latin1. */
  comm(start: number): string {
    let end = start;
    while (end < start + 16 && this.bytes[end] !== 0) end++;
    return this.bytes.toString('latin1', start, end);
  }

  private word(offset: number): number {
    return this.u32[(this.base + offset) >> 2]!;
  }
  private half(offset: number): number {
    return this.u16[(this.base + offset) >> 1]!;
  }
  /** Exact up to 2^53. */
  private wide(offset: number): number {
    const at = (this.base + offset) >> 2;
    return this.u32[at]! + this.u32[at + 1]! * TWO_TO_32;
  }
  /** Inode numbers use all 64 bits on some filesystems. */
  private wideText(offset: number): string {
    const at = (this.base + offset) >> 2;
    return this.u32[at + 1]! < 0x200000
      ? String(this.wide(offset))
      : this.bytes.readBigUInt64LE(this.base + offset).toString();
  }
}
