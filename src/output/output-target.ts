import fs from 'node:fs';
import tty from 'node:tty';
import { FileSink } from './file-sink.js';
import { openPrivately } from './private-descriptor.js';
import type { Sink } from './sink.js';
import { StreamSink } from './stream-sink.js';

const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY } = fs.constants;

/** Readable by the group only: paths and command lines are not for other users. */
const FILE_MODE = 0o640;

/** Where event lines go. */
export interface OutputTarget {
  /** For messages. */
  readonly name: string;
  /** Whether a name leads to the target, so that after a rotation it can be opened again by that name. */
  readonly named: boolean;
  /** Throws when it cannot be written. */
  open(): Sink;
}

/** A file that the daemon opens by name: a log file, a FIFO or a device such as `/dev/null`. */
export class PathTarget implements OutputTarget {
  readonly named = true;

  constructor(readonly name: string) {}

  open(): Sink {
    const descriptor = this.openDescriptor();
    try {
      const stats = fs.fstatSync(descriptor);
      if (stats.isFIFO()) return new StreamSink(descriptor, true, 'event');
      if (!stats.isFile() && !stats.isCharacterDevice()) throw new Error('is neither a file nor a FIFO');
      if (tty.isatty(descriptor)) return new StreamSink(descriptor, true, 'poll');
      return new FileSink(descriptor, this.name);
    } catch (error) {
      fs.closeSync(descriptor);
      throw problem(this.name, error as NodeJS.ErrnoException);
    }
  }

  /** O_NONBLOCK: opening a FIFO without a reader fails instead of waiting for one. libuv adds O_CLOEXEC. */
  private openDescriptor(): number {
    try {
      return fs.openSync(this.name, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, FILE_MODE);
    } catch (error) {
      throw problem(this.name, error as NodeJS.ErrnoException);
    }
  }
}

/** A descriptor that the process was started with: stdout. */
export class DescriptorTarget implements OutputTarget {
  readonly named = false;
  /** Made at most once, since every one would be another watcher of the same descriptor. */
  private inherited: Sink | undefined;

  constructor(
    readonly name: string,
    private readonly descriptor: number,
  ) {}

  open(): Sink {
    const stats = fs.fstatSync(this.descriptor);
    const terminal = tty.isatty(this.descriptor);
    if (!terminal && !stats.isFIFO() && !stats.isSocket()) return new FileSink(this.descriptor);
    // Without a description of our own: a terminal is left blocking, in the thread pool; the rest becomes non-blocking for all.
    const own = openPrivately(this.descriptor);
    if (own !== undefined) return new StreamSink(own, true, terminal ? 'poll' : 'event');
    this.inherited ??= terminal ? new FileSink(this.descriptor) : new StreamSink(this.descriptor, false, 'event');
    return this.inherited;
  }
}

function problem(path: string, error: NodeJS.ErrnoException): Error {
  return Object.assign(new Error(`cannot write to ${path}: ${explain(error)}`, { cause: error }), { code: error.code });
}

function explain(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'EISDIR':
      return 'it is a directory';
    case 'ELOOP':
      return 'it is a symbolic link; name the file itself';
    case 'ENXIO':
      return 'no process reads it';
    case 'ENOENT':
      return 'its directory does not exist';
    default:
      return error.message;
  }
}
