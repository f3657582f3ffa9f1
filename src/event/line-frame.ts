import type { ProcessInfo } from '../deletion/process-table.js';
import { type AttachMode, OPERATIONS } from '../model/config.js';
import { ECS_VERSION } from '../model/ecs.js';
import { DELETION_IO_URING } from '../probe/record-layout.generated.js';
import type { RecordView } from '../probe/record-view.js';
import { jsonPartOf } from '../text/byte-text.js';
import type { Outcome } from '../watch/watch-filter.js';
import { DATASET_DELETION } from './event-words.js';

/** A user as a line tells it; another object as soon as the name is another. */
export interface UserText {
  /** `"id":…,"name":…`, without the braces. */
  readonly json: string;
  readonly label: string;
}

/** What a frame is made of beside the record. */
export interface FrameContext {
  readonly outcome: Outcome;
  readonly process: ProcessInfo | undefined;
  readonly user: UserText;
  /** undefined: the same as `user`. */
  readonly effectiveUser: UserText | undefined;
  readonly ruleJson: string;
}

/** What does not change from line to line of one daemon. */
export interface FrameOptions {
  readonly hostJson: string;
  readonly attach: AttachMode;
  errorName(number: number): string;
}

/**
 * The parts of a line that stay the same while one process goes on deleting: a line is these and what is in between.
 * Measured: putting them together for each line took half of the time of a line.
 */
export class LineFrame {
  /** Between the nanoseconds of the timestamp and the path of the message. */
  readonly beforePath: Uint8Array;
  /** Up to the number of the event. */
  readonly beforeSequence: Uint8Array;
  /** Up to the file, and into its path. */
  readonly beforeFile: Uint8Array;
  readonly beforeFilePath: Uint8Array;
  /** From the end of the file up to the first member of `rmwatch`, and into the path that was typed. */
  readonly afterFile: Uint8Array;
  readonly beforeTyped: Uint8Array;
  readonly tail: Uint8Array;
  private readonly context: FrameContext;
  private readonly words: readonly number[];

  constructor(record: RecordView, context: FrameContext, { hostJson, attach, errorName }: FrameOptions) {
    const { outcome, process, user, effectiveUser, ruleJson } = context;
    const { tgid, effectiveUid, fsUid, gid, effectiveGid, fsGid } = record;
    const action = OPERATIONS[record.operation]!;
    const name = jsonPartOf(record.comm(record.commStart));
    const code = outcome === 'failure' ? errorName(-record.result) : undefined;
    this.context = context;
    this.words = wordsOf(record);
    this.beforePath = encoded(`Z","ecs":{"version":"${ECS_VERSION}"},"log":{"level":"info"}`, `,"message":"${action} `);
    this.beforeSequence = encoded(
      ` by ${name}[${tgid}] (${user.label}${effectiveUser === undefined ? '' : ` as ${effectiveUser.label}`})${code === undefined ? '' : `: ${code}`}"`,
      ',"event":{"kind":"event","category":["file"]',
      `,"type":["${outcome === 'failure' ? 'info' : action === 'move' ? 'change' : 'deletion'}"],"action":"${action}"`,
      outcome === 'unknown' ? '' : `,"outcome":"${outcome}"`,
      `,"dataset":"${DATASET_DELETION}","sequence":`,
    );
    const beforeFile = `}${code === undefined ? '' : `,"error":{"code":"${code}"}`},"host":${hostJson}`;
    this.beforeFile = encoded(beforeFile);
    this.beforeFilePath = encoded(beforeFile, ',"file":{"path":"');
    const effective = effectiveUser === undefined ? '' : `,"effective":{${effectiveUser.json}}`;
    const effectiveGroup = effectiveGid === gid ? '' : `,"group":{"id":"${effectiveGid}"}`;
    const afterFile = [
      `,"process":{"pid":${tgid},"thread":{"id":${record.tid}},"name":"${name}"${effectiveGroup}${process?.processJson ?? ''}}`,
      `,"user":{${user.json}${effective}},"group":{"id":"${gid}"}${process?.containerJson ?? ''}`,
      `,"rule":{"name":${ruleJson}},"rmwatch":{`,
    ];
    this.afterFile = encoded(...afterFile);
    this.beforeTyped = encoded(...afterFile, '"requested_path":"');
    this.tail = encoded(
      fsUid === effectiveUid ? '' : `,"fs_uid":"${fsUid}"`,
      fsGid === effectiveGid ? '' : `,"fs_gid":"${fsGid}"`,
      process?.rmwatchJson ?? '',
      `,"mount_namespace":${record.mountNamespace}`,
      `,"via":"${isUring(record) ? 'io_uring' : 'syscall'}","attach":"${attach}"}}`,
    );
  }

  /** Whether the frame is that of this record too. */
  fits(record: RecordView, { outcome, process, user, effectiveUser, ruleJson }: FrameContext): boolean {
    const { context, words } = this;
    return (
      context.process === process &&
      context.user === user &&
      context.effectiveUser === effectiveUser &&
      context.outcome === outcome &&
      context.ruleJson === ruleJson &&
      words[0] === record.tid &&
      words[1] === record.operation &&
      words[2] === record.result &&
      words[3] === record.gid &&
      words[4] === record.mountNamespace &&
      words[5] === (isUring(record) ? 1 : 0) &&
      words[6] === record.commWord(0) &&
      words[7] === record.commWord(1) &&
      words[8] === record.commWord(2) &&
      words[9] === record.commWord(3) &&
      words[10] === record.tgid &&
      words[11] === record.fsUid &&
      words[12] === record.effectiveGid &&
      words[13] === record.fsGid
    );
  }
}

function wordsOf(record: RecordView): number[] {
  const { tid, operation, result, gid, mountNamespace, tgid, fsUid, effectiveGid, fsGid } = record;
  const comm = [0, 1, 2, 3].map((index) => record.commWord(index));
  return [
    tid,
    operation,
    result,
    gid,
    mountNamespace,
    isUring(record) ? 1 : 0,
    ...comm,
    tgid,
    fsUid,
    effectiveGid,
    fsGid,
  ];
}

function isUring(record: RecordView): boolean {
  return (record.flags & DELETION_IO_URING) !== 0;
}

function encoded(...parts: string[]): Uint8Array {
  return Buffer.from(parts.join(''));
}
