import { applicationOf, containerIdOf } from '../host/container-id.js';
import type { BootTime } from '../model/clocks.js';
import {
  PROCESS_ARGS_CUT,
  PROCESS_HAS_ARGS,
  PROCESS_HAS_EXECUTABLE,
  PROCESS_HAS_LOGIN_UID,
  PROCESS_TEXT_CGROUP,
  PROCESS_TEXT_COMPLETE,
  PROCESS_TEXT_DELETED,
  PROCESS_TEXT_DIRECTORY,
  PROCESS_TEXT_EXECUTABLE,
  PROCESS_TEXT_VERSION_1_CGROUP,
} from '../probe/record-layout.generated.js';
import type { RecordView } from '../probe/record-view.js';
import { jsonOf } from '../text/byte-text.js';
import { Timestamps } from '../text/timestamps.js';
import { describeArgs, type ProcessArgsOptions, type SentArgs } from './process-args.js';

/** What a process has in common with those that it works with: the first of these that is known and says something. */
export interface ProcessOrigin {
  readonly kind: 'container' | 'cgroup' | 'parent';
  /** The id of the container, the path of the cgroup, or `NAME[PID]` of the parent; latin1 view. */
  readonly id: string;
}

/** What stays the same from one deletion of a process to its next, with its parts of the event line ready-made. */
export interface ProcessInfo {
  /** Base name of the executable, latin1 view; '' when it is not known. */
  readonly executableName: string;
  /** Its path in the mount namespace of the process, or the one it had; latin1 view; '' when it is not known as a whole. */
  readonly executablePath: string;
  /** The executable belongs to root. */
  readonly executableOfRoot: boolean;
  /** `,"entity_id":…,"executable":…,"parent":{…}`: what follows the name inside "process". */
  readonly processJson: string;
  /** `,"container":{…}` or ''. */
  readonly containerJson: string;
  /** `,"login_uid":…,"cgroup":…,"application":…` inside "rmwatch". */
  readonly rmwatchJson: string;
  /** The whole arguments where each line has only the first of them; they have a line of their own. */
  readonly wholeArgs: WholeArgs | undefined;
  /** undefined: a process of the root cgroup without a parent. */
  readonly origin: ProcessOrigin | undefined;
}

export interface WholeArgs {
  /** `{"pid":…,"entity_id":…,"executable":…,"args":[…],…}` */
  readonly processJson: string;
  /** `{…}`: details of the arguments. */
  readonly rmwatchJson: string;
  /** Set by whoever writes the line: it is written once. */
  written: boolean;
}

export interface ProcessTableOptions {
  readonly args: ProcessArgsOptions;
  /** Makes `process.entity_id` unique across boots; undefined when it is not known. */
  readonly bootId: string | undefined;
  /** Asks the kernel to describe every process again. */
  forgetInKernel(): void;
  /** Processes kept before that, and characters of their descriptions. */
  readonly capacity?: number;
  readonly textCapacity?: number;
}

interface ProcessText {
  /** Latin1 view. */
  readonly text: string;
  /** It begins at the root. */
  readonly complete: boolean;
  /** No name leads to it any more. */
  readonly deleted: boolean;
}

const DEFAULT_CAPACITY = 16_384;
/** Some 1,000 for each process. One byte of arguments can take six characters. */
const DEFAULT_TEXT_CAPACITY = 16 * 1024 * 1024;
/** (uid_t) -1: no login, as of a service. */
const NO_LOGIN = 0xffffffff;

/**
 * Processes that the kernel has described. The kernel describes a process once and refers to it by an id from then on,
 * so an entry may only be dropped when the kernel forgets it too: at capacity the kernel has to describe everything
 * again, and the old entries are kept once more for records that are already on their way. One that is asked for by then
 * is as good as new: a process that goes on deleting stays known however many come and go while records wait.
 */
export class ProcessTable {
  private readonly options: ProcessTableOptions;
  private readonly capacity: number;
  private readonly timestamps = new Timestamps();
  private readonly textCapacity: number;
  private current = new Map<number, ProcessInfo>();
  /** Characters of the descriptions in `current`. */
  private textLength = 0;
  private previous = new Map<number, ProcessInfo>();
  private lastId = Number.NaN;
  private last: ProcessInfo | undefined;
  /** Texts that have arrived for a process whose own record is still to come. */
  private texts = new Map<number, (ProcessText | undefined)[]>();
  private waitingTextLength = 0;

  constructor(options: ProcessTableOptions) {
    this.options = options;
    this.capacity = options.capacity ?? DEFAULT_CAPACITY;
    this.textCapacity = options.textCapacity ?? DEFAULT_TEXT_CAPACITY;
  }

  /** undefined when the kernel could not send the description. */
  get(id: number): ProcessInfo | undefined {
    // Most deletions in a row are of one process, and the numbers are too large for a fast look-up.
    if (id === this.lastId) return this.last;
    this.lastId = id;
    this.last = this.current.get(id) ?? this.renew(id);
    return this.last;
  }

  addText(record: RecordView): void {
    const id = record.textProcessId;
    let texts = this.texts.get(id);
    if (texts === undefined) {
      // A description that was cut off by a full ring leaves its first parts behind.
      if (this.texts.size >= this.capacity || this.waitingTextLength >= this.textCapacity) this.forgetTexts();
      texts = [];
      this.texts.set(id, texts);
    }
    this.waitingTextLength += record.textLength;
    texts[record.textWhich] = {
      text: record.latin1(record.textStart, record.textLength),
      complete: (record.textFlags & PROCESS_TEXT_COMPLETE) !== 0,
      deleted: (record.textFlags & PROCESS_TEXT_DELETED) !== 0,
    };
  }

  add(record: RecordView, boot: BootTime): void {
    if (this.current.size >= this.capacity || this.textLength >= this.textCapacity) {
      this.previous = this.current;
      this.current = new Map();
      this.textLength = 0;
      this.options.forgetInKernel();
    }
    const id = record.describedId;
    const texts = this.texts.get(id) ?? [];
    this.texts.delete(id);
    if (this.texts.size === 0) this.waitingTextLength = 0;
    this.lastId = Number.NaN;
    this.keep(id, this.describe(record, texts, boot));
  }

  private keep(id: number, info: ProcessInfo): void {
    const before = this.current.get(id);
    this.current.set(id, info);
    this.textLength += lengthOf(info) - (before === undefined ? 0 : lengthOf(before));
  }

  private renew(id: number): ProcessInfo | undefined {
    const info = this.previous.get(id);
    if (info !== undefined) this.keep(id, info);
    return info;
  }

  private forgetTexts(): void {
    this.texts = new Map();
    this.waitingTextLength = 0;
  }

  private describe(record: RecordView, texts: (ProcessText | undefined)[], boot: BootTime): ProcessInfo {
    const executable = whole(texts[PROCESS_TEXT_EXECUTABLE]);
    const directory = whole(texts[PROCESS_TEXT_DIRECTORY]);
    const cgroup = whole(texts[PROCESS_TEXT_CGROUP]);
    const version1 = whole(texts[PROCESS_TEXT_VERSION_1_CGROUP]);
    // The name is known even of an executable that no path leads to.
    const executableTail = texts[PROCESS_TEXT_EXECUTABLE]?.text ?? '';
    const flags = record.processFlags;
    const start = record.processStartNanoseconds;
    const parentName = record.comm(record.parentCommStart);
    const args = describeArgs(sentArgs(record, flags), this.options.args);
    const entity = entityIdJson(this.options.bootId, record.processTgid, start);
    const executableDeleted = executable !== undefined && texts[PROCESS_TEXT_EXECUTABLE]?.deleted === true;
    // As /proc/PID/exe has it.
    const shownExecutable = `${executable || '/'}${executableDeleted ? ' (deleted)' : ''}`;
    const image = executable === undefined ? '' : `,"executable":${jsonOf(shownExecutable)}`;
    const startSeconds = Number(start / 1_000_000_000n);
    const startText = this.timestamps.sinceBoot(startSeconds, Number(start % 1_000_000_000n), boot);
    // A runtime that works with version 1 leaves its containers in its own service's cgroup of version 2.
    const container = containerIdOf(version1 ?? '') ?? containerIdOf(cgroup ?? '');
    const application = cgroup === undefined || container !== undefined ? undefined : applicationOf(cgroup);
    const login = (flags & PROCESS_HAS_LOGIN_UID) !== 0 && record.loginUid !== NO_LOGIN;
    return {
      executableName: executableTail.slice(executableTail.lastIndexOf('/') + 1),
      executablePath: executable ?? '',
      executableOfRoot: (flags & PROCESS_HAS_EXECUTABLE) !== 0 && record.executableUid === 0,
      processJson: [
        entity,
        image,
        args.process,
        directory === undefined ? '' : `,"working_directory":${jsonOf(directory || '/')}`,
        `,"start":"${startText}"`,
        `,"parent":{"pid":${record.parentTgid},"name":${jsonOf(parentName)}}`,
      ].join(''),
      containerJson: container === undefined ? '' : `,"container":{"id":${jsonOf(container)}}`,
      rmwatchJson:
        (executableDeleted ? ',"executable_deleted":true' : '') +
        args.rmwatch +
        (login ? `,"login_uid":"${record.loginUid}"` : '') +
        (cgroup === undefined ? '' : `,"cgroup":${jsonOf(cgroup || '/')}`) +
        (application === undefined
          ? ''
          : `,"application":{"type":"${application.type}","id":${jsonOf(application.id)}}`),
      wholeArgs: args.whole && {
        processJson: `{"pid":${record.processTgid}${entity}${image}${args.whole.process},"start":"${startText}"}`,
        rmwatchJson: `{${args.whole.rmwatch.slice(1)}}`,
        written: false,
      },
      origin: originOf(container, cgroup, record.parentTgid, parentName),
    };
  }
}

/** All processes are below the root cgroup and below init. */
function originOf(
  container: string | undefined,
  cgroup: string | undefined,
  parentTgid: number,
  parentName: string,
): ProcessOrigin | undefined {
  if (container !== undefined) return { kind: 'container', id: container };
  if (cgroup !== undefined && cgroup !== '' && cgroup !== '/') return { kind: 'cgroup', id: cgroup };
  return parentTgid > 1 ? { kind: 'parent', id: `${parentName}[${parentTgid}]` } : undefined;
}

/**
 * `,"entity_id":"BOOT/PID/START"`: the same for all lines of one process, and of no other one. START is in nanoseconds
 * since boot. Without a boot id it would not be unique.
 */
function entityIdJson(bootId: string | undefined, pid: number, start: bigint): string {
  return bootId === undefined ? '' : `,"entity_id":"${bootId}/${pid}/${start}"`;
}

function lengthOf({ processJson, containerJson, rmwatchJson, wholeArgs }: ProcessInfo): number {
  const whole = wholeArgs === undefined ? 0 : wholeArgs.processJson.length + wholeArgs.rmwatchJson.length;
  return processJson.length + containerJson.length + rmwatchJson.length + whole;
}

/** A path that was cut, or that leads nowhere, is not told: it would look like another one. */
function whole(text: ProcessText | undefined): string | undefined {
  return text?.complete === true ? text.text : undefined;
}

function sentArgs(record: RecordView, flags: number): SentArgs {
  const { argsCount } = record;
  if ((flags & PROCESS_HAS_ARGS) === 0) return { args: undefined, cut: false, count: argsCount || undefined };
  const text = record.latin1(record.argsStart, record.argsLength);
  const args = splitArgs(text, argsCount);
  if ((flags & PROCESS_ARGS_CUT) === 0) return { args, cut: false, count: args.length };
  // The process can have written another number over it. Behind a NUL, another argument was cut off.
  const least = args.length + (text.endsWith('\0') ? 1 : 0);
  return { args, cut: true, count: argsCount >= least ? argsCount : undefined };
}

function splitArgs(text: string, startedWith: number): string[] {
  const args = text.split('\0');
  // Each ends with a NUL, so the last piece is empty unless the text was cut or overwritten by the process.
  if (args.at(-1) === '') args.pop();
  // A title that the process wrote over its arguments, and filled up with NULs: as many as it was started with is no title.
  if (startedWith > 0 && args.length !== startedWith) while (args.length > 1 && args.at(-1) === '') args.pop();
  return args;
}
