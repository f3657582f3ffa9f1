import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { join } from 'node:path';

/** What is known of a run when it was last seen alive. */
export interface RunSeen {
  /** The id of the run. */
  readonly run: string;
  readonly boot: string | undefined;
  /** The number of the last event that it had written. */
  readonly sequence: number;
  readonly at: Date;
  /** It was stopped, and did not just end. */
  readonly stopped: boolean;
}

const { O_RDWR, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = fs.constants;
const FILE_NAME = 'run';
const FILE_MODE = 0o640;
/** The record is written over the one before it, in one piece and always of this size, so that no end of an older one is left. */
const RECORD_BYTES = 512;
const RUN = /^[0-9a-f]{16}$/;
const BOOT = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * The file by which a start knows when the run before it ended: one checksummed record that is rewritten in place about once a
 * second. Nothing here ever throws: a file that cannot be used costs the gap in the log, not the start.
 */
export class RunState {
  private writing = false;
  private failed = false;

  private constructor(
    private readonly descriptor: number | undefined,
    /** Of the run before; undefined: there is none, or it is not known. */
    readonly previous: RunSeen | undefined,
    private readonly onProblem: (message: string) => void,
  ) {}

  /** `directory`: as systemd names it (StateDirectory=); undefined: nothing is kept. `onProblem` gets each problem once. */
  static open(directory: string | undefined, onProblem: (message: string) => void): RunState {
    if (directory === undefined) return new RunState(undefined, undefined, onProblem);
    const file = join(directory, FILE_NAME);
    let descriptor: number | undefined;
    try {
      descriptor = fs.openSync(file, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, FILE_MODE);
      if (!fs.fstatSync(descriptor).isFile()) throw new Error('it is not a regular file');
      const buffer = Buffer.alloc(RECORD_BYTES + 1);
      const length = fs.readSync(descriptor, buffer, 0, buffer.length, 0);
      const previous = length === 0 ? undefined : decoded(buffer.subarray(0, length));
      if (previous === 'unusable') {
        onProblem(`${file}: the record of the run before is damaged: it is not known since when nothing was watched`);
        return new RunState(descriptor, undefined, onProblem);
      }
      return new RunState(descriptor, previous, onProblem);
    } catch (error) {
      if (descriptor !== undefined) fs.closeSync(descriptor);
      onProblem(`${file}: cannot keep when this run was last alive: ${(error as Error).message}`);
      return new RunState(undefined, undefined, onProblem);
    }
  }

  /** Keeps what is known now. Returns at once; while a write is under way the next one is left out. */
  keep(seen: RunSeen): void {
    if (this.descriptor === undefined || this.writing) return;
    this.writing = true;
    const record = encoded(seen);
    fs.write(this.descriptor, record, 0, record.length, 0, (error) => {
      this.writing = false;
      this.judge(error);
    });
  }

  /** As keep(), for the last time: waits until it is written. */
  end(seen: RunSeen): void {
    if (this.descriptor === undefined) return;
    try {
      const record = encoded(seen);
      fs.writeSync(this.descriptor, record, 0, record.length, 0);
    } catch (error) {
      this.judge(error as Error);
    }
  }

  private judge(error: Error | null): void {
    if (error !== null && !this.failed) this.onProblem(`cannot keep when this run was last alive: ${error.message}`);
    this.failed = error !== null;
  }
}

function encoded({ run, boot, sequence, at, stopped }: RunSeen): Buffer {
  const text = JSON.stringify({ version: 1, run, ...(boot !== undefined && { boot }), sequence, at, stopped });
  const record = Buffer.alloc(RECORD_BYTES, ' ');
  record.write(`${checksum(text)} ${text}`);
  record.write('\n', RECORD_BYTES - 1);
  return record;
}

function decoded(bytes: Buffer): RunSeen | 'unusable' {
  const text = bytes.toString('utf8').trimEnd();
  const space = text.indexOf(' ');
  const json = text.slice(space + 1);
  if (bytes.length !== RECORD_BYTES || text.slice(0, space) !== checksum(json)) return 'unusable';
  let value: Readonly<Record<string, unknown>>;
  try {
    value = JSON.parse(json) as typeof value;
  } catch {
    return 'unusable';
  }
  const { version, run, boot, sequence, at, stopped } = value;
  const time = new Date(String(at));
  const isSound =
    version === 1 &&
    typeof run === 'string' &&
    RUN.test(run) &&
    (boot === undefined || (typeof boot === 'string' && BOOT.test(boot))) &&
    Number.isSafeInteger(sequence) &&
    (sequence as number) >= 0 &&
    !Number.isNaN(time.getTime()) &&
    typeof stopped === 'boolean';
  if (!isSound) return 'unusable';
  return { run, boot, sequence: sequence as number, at: time, stopped };
}

function checksum(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
