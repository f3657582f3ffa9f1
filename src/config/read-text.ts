import { isUtf8 } from 'node:buffer';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { isatty } from 'node:tty';
import { getSystemErrorMap } from 'node:util';
import type { Problem } from './problem.js';

/** Ten thousand watches fit several times over; a log file or a disk image given by mistake does not. */
export const CONFIG_BYTES_MAX = 16 * 2 ** 20;

/** undefined when there is no such file. */
export async function readText(path: string): Promise<string | { readonly problems: readonly Problem[] } | undefined> {
  let bytes: Buffer | undefined;
  try {
    bytes = await readBounded(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    return fileProblem(path, `cannot be read: ${reasonOf(error as NodeJS.ErrnoException)}`);
  }
  return textOf(bytes, path);
}

/** As readText(), for what a stream has; `name` stands for the file in the problems. */
export async function readStreamText(
  stream: NodeJS.ReadableStream,
  name: string,
): Promise<string | { readonly problems: readonly Problem[] }> {
  const chunks: Buffer[] = [];
  let total = 0;
  try {
    for await (const chunk of stream) {
      const bytes = Buffer.from(chunk as Buffer);
      total += bytes.length;
      if (total > CONFIG_BYTES_MAX) return textOf(undefined, name);
      chunks.push(bytes);
    }
  } catch (error) {
    return fileProblem(name, `cannot be read: ${reasonOf(error as NodeJS.ErrnoException)}`);
  }
  return textOf(Buffer.concat(chunks), name);
}

/** `bytes`: undefined when there are too many. */
function textOf(bytes: Buffer | undefined, file: string): string | { readonly problems: readonly Problem[] } {
  if (bytes === undefined) return fileProblem(file, `is larger than 16 MiB (${CONFIG_BYTES_MAX} bytes), refused`);
  return isUtf8(bytes) ? bytes.toString('utf8') : { problems: [notUtf8(file, bytes)] };
}

/**
 * undefined when there is more than CONFIG_BYTES_MAX; counted while reading, since a file may grow and a device has no size.
 * What could be waited for, a FIFO or a terminal, is refused: a reload would find it empty.
 */
async function readBounded(path: string): Promise<Buffer | undefined> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    const stats = await handle.stat();
    if (stats.isFIFO() || stats.isSocket() || isatty(handle.fd)) throw new Error('it is not a regular file');
    const chunks: Buffer[] = [];
    let total = 0;
    for (;;) {
      const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(2 ** 18), 0, 2 ** 18, null);
      if (bytesRead === 0) return Buffer.concat(chunks);
      total += bytesRead;
      if (total > CONFIG_BYTES_MAX) return undefined;
      chunks.push(buffer.subarray(0, bytesRead));
    }
  } finally {
    await handle?.close();
  }
}

export function fileProblem(file: string, message: string): { problems: Problem[] } {
  return { problems: [{ file, line: 1, column: 1, path: '', message }] };
}

function reasonOf(error: NodeJS.ErrnoException): string {
  const known = error.errno === undefined ? undefined : getSystemErrorMap().get(error.errno);
  return known ? `${known[1]} (${known[0]})` : error.message;
}

function notUtf8(file: string, bytes: Buffer): Problem {
  let line = 1;
  for (let start = 0; start < bytes.length; line++) {
    const end = bytes.indexOf(0x0a, start);
    const next = end < 0 ? bytes.length : end + 1;
    if (!isUtf8(bytes.subarray(start, next))) break;
    start = next;
  }
  return { file, line, column: 1, path: '', message: 'is not valid UTF-8' };
}
