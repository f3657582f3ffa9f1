import {
  DELETION_HAS_TYPED,
  RECORD_DELETION,
  RECORD_LAYOUT,
  RECORD_PROCESS,
  RECORD_PROCESS_TEXT,
} from '../../src/probe/record-layout.generated.js';
import { RecordView } from '../../src/probe/record-view.js';
import { redactor } from '../../src/text/redact.js';

/** Arguments of processes in all their length. */
export const WHOLE_ARGS = { limitBytes: Number.POSITIVE_INFINITY, commandLine: true, redact: redactor([]) };

/** Members of a record's fixed part, by their names in bpf/record.h; those left out are 0, other ids as the real or stored one. */
type Members<Kind extends keyof typeof RECORD_LAYOUT> = Partial<
  Record<Exclude<keyof (typeof RECORD_LAYOUT)[Kind]['fields'], 'comm' | 'parent_comm'>, number | bigint>
>;

/** Text in latin1 view. */
interface DeletionTexts {
  readonly path?: string;
  /** Sets DELETION_HAS_TYPED. */
  readonly typed?: string;
  /** From the mount's root up to that of the filesystem. */
  readonly fsRoot?: readonly string[];
  /** How many of the path's last bytes lie below the root of the mount. */
  readonly belowMount?: number;
  /** Where a move leads to; with `movedTyped`, the directory that this name starts from. */
  readonly movedTo?: string;
  readonly movedTyped?: string;
  /** As belowMount, of movedTo. */
  readonly movedBelowMount?: number;
  /** The name that the file had before; not of a move. */
  readonly former?: string;
  readonly comm?: string;
}

/** Records as the kernel lays them out. */
export function deletionRecord(members: Members<'deletion'>, texts: DeletionTexts = {}): Buffer {
  const { path = '', typed = '', fsRoot = [], belowMount = 0, comm = '' } = texts;
  const { movedTo = '', movedTyped = '', movedBelowMount = 0, former = '' } = texts;
  const root = fsRoot.map((name) => `${name}\0`).join('');
  const flags = Number(members.flags ?? 0) | (texts.typed === undefined ? 0 : DELETION_HAS_TYPED);
  const { uid = 0, effective_uid = uid, gid = 0, effective_gid = gid, file_uid = 0, file_gid = 0 } = members;
  const fixed = {
    mount_uid: file_uid,
    mount_gid: file_gid,
    effective_uid,
    fs_uid: effective_uid,
    effective_gid,
    fs_gid: effective_gid,
    ...members,
    flags,
    kind: RECORD_DELETION,
    path_offset: RECORD_LAYOUT.deletion.size,
    path_length: path.length,
    typed_length: typed.length,
    fs_root_length: root.length,
    below_mount_length: belowMount,
    moved_length: movedTo.length,
    moved_typed_length: movedTyped.length,
    moved_below_mount_length: movedBelowMount,
    former_length: former.length,
  };
  const target = movedTyped === '' ? movedTo : `${movedTo}/${movedTyped}`;
  return assemble('deletion', fixed, ['comm', comm], `${path}/${typed}${root}${target}${former}`);
}

/** `args`: each argument, to be ended with a NUL; or the bytes as they are. */
export function processRecord(members: Members<'process'>, args: readonly string[] | string = '', comm = ''): Buffer {
  const text = typeof args === 'string' ? args : args.map((arg) => `${arg}\0`).join('');
  const fixed = {
    ...members,
    kind: RECORD_PROCESS,
    args_offset: RECORD_LAYOUT.process.size,
    args_length: text.length,
  };
  return assemble('process', fixed, ['parent_comm', comm], text);
}

export function processTextRecord(members: Members<'process_text'>, text: string): Buffer {
  const fixed = {
    ...members,
    kind: RECORD_PROCESS_TEXT,
    text_offset: RECORD_LAYOUT.process_text.size,
    text_length: text.length,
  };
  return assemble('process_text', fixed, undefined, text);
}

/** The records one after another, as in the ring: each behind a header of eight bytes, and at a multiple of eight. */
export function ringOf(records: readonly Buffer[]): { ring: ArrayBuffer; offsets: Uint32Array } {
  const offsets = new Uint32Array(records.length);
  let end = 0;
  records.forEach((record, index) => {
    offsets[index] = end + 8;
    end = (end + 8 + record.length + 7) & ~7;
  });
  const ring = new ArrayBuffer(end);
  records.forEach((record, index) => {
    record.copy(Buffer.from(ring), offsets[index]);
  });
  return { ring, offsets };
}

/** A view that stands on the one record. */
export function viewOf(record: Buffer): RecordView {
  const { ring, offsets } = ringOf([record]);
  const view = new RecordView(ring);
  view.moveTo(offsets[0]!);
  return view;
}

function assemble(
  kind: keyof typeof RECORD_LAYOUT,
  members: Record<string, number | bigint>,
  name: readonly [string, string] | undefined,
  text: string,
): Buffer {
  const { size } = RECORD_LAYOUT[kind];
  const fields: Record<string, readonly [number, number]> = RECORD_LAYOUT[kind].fields;
  const bytes = Buffer.alloc(size + text.length);
  const all = { ...members, length: bytes.length };
  for (const [field, value] of Object.entries(all)) {
    const [offset, width] = fields[field]!;
    const unsigned = BigInt.asUintN(width * 8, BigInt(value));
    for (let i = 0; i < width; i++) bytes[offset + i] = Number((unsigned >> BigInt(8 * i)) & 0xffn);
  }
  if (name !== undefined) bytes.write(name[1], fields[name[0]]![0], 16, 'latin1');
  bytes.write(text, size, 'latin1');
  return bytes;
}
