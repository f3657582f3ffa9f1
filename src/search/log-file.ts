import { constants, readSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { ByteReader } from './line-scanner.js';

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY } = constants;

export type Compression = 'none' | 'gzip' | 'zstd';

/** A log file that is open: a rotation that happens now takes nothing from the search. */
export interface LogFile {
  readonly name: string;
  readonly handle: FileHandle;
  readonly compression: Compression;
  /** Bytes when it was opened; what is written later is not read. */
  readonly size: number;
  readonly modifiedMs: number;
  /** Device and inode. */
  readonly identity: string;
}

/** A file that cannot be searched; `code` as of fs. */
export class SourceError extends Error {
  readonly code: string | undefined;

  constructor(name: string, reason: string, code?: string) {
    super(`${name}: ${reason}`);
    this.code = code;
  }
}

/**
 * Opens a regular file without following a link in its last name and without waiting. The kind of compression is told by the
 * first bytes: a name says what its owner likes. Throws SourceError.
 */
export async function openLogFile(name: string): Promise<LogFile> {
  let handle: FileHandle;
  try {
    handle = await open(name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  } catch (error) {
    throw problem(name, error as NodeJS.ErrnoException);
  }
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) throw new SourceError(name, 'is not a regular file; to search what a program writes use "-"');
    const magic = Buffer.alloc(4);
    await handle.read(magic, 0, 4, 0);
    return {
      name,
      handle,
      compression: compressionOf(magic),
      size: stats.size,
      modifiedMs: stats.mtimeMs,
      identity: `${stats.dev}:${stats.ino}`,
    };
  } catch (error) {
    await handle.close();
    throw error instanceof SourceError ? error : problem(name, error as NodeJS.ErrnoException);
  }
}

export function compressionOf(magic: Buffer): Compression {
  if (magic[0] === 0x1f && magic[1] === 0x8b) return 'gzip';
  return magic.length >= 4 && magic.readUInt32LE(0) === 0xfd2fb528 ? 'zstd' : 'none';
}

function problem(name: string, error: NodeJS.ErrnoException): SourceError {
  const reasons: Readonly<Record<string, string>> = {
    ELOOP: 'is a symbolic link; name the file itself',
    ENOENT: 'does not exist',
    EACCES: 'may not be read by this user; run as root, or as a member of the group of the file',
    EPERM: 'may not be read by this user; run as root',
    ENXIO: 'is not a regular file; to search what a program writes use "-"',
  };
  return new SourceError(name, reasons[error.code ?? ''] ?? error.message, error.code);
}

/** Bytes `start` to `end` of a plain file. */
export class RangeReader implements ByteReader {
  private readonly handle: FileHandle;
  private at: number;
  private readonly end: number;

  constructor(handle: FileHandle, start: number, end: number) {
    this.handle = handle;
    this.at = start;
    this.end = end;
  }

  async read(buffer: Buffer, offset: number, length: number): Promise<number> {
    const wanted = Math.min(length, this.end - this.at);
    if (wanted === 0) return 0;
    // Without a thread: nothing else is to be done meanwhile, and handing over costs more than the bytes.
    const bytesRead = readSync(this.handle.fd, buffer, offset, wanted, this.at);
    this.at += bytesRead;
    return bytesRead;
  }
}

/** What comes out of a stream, as it comes; at most one of its chunks waits here. */
export class StreamReader implements ByteReader {
  private readonly chunks: AsyncIterator<Buffer>;
  private rest: Buffer | undefined;

  constructor(stream: AsyncIterable<Buffer>) {
    this.chunks = stream[Symbol.asyncIterator]();
  }

  async read(buffer: Buffer, offset: number, length: number): Promise<number> {
    if (this.rest === undefined || this.rest.length === 0) {
      const { value, done } = await this.chunks.next();
      if (done) return 0;
      this.rest = value as Buffer;
    }
    const taken = this.rest.copy(buffer, offset, 0, length);
    this.rest = this.rest.subarray(taken);
    return taken;
  }

  /** Ends the stream and what makes it. */
  async close(): Promise<void> {
    await this.chunks.return?.();
  }
}
