import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { type LogFile, SourceError } from './log-file.js';

const CHUNK_BYTES = 256 * 1024;
/** Windows of more than this are refused: zstd(1) makes them only when asked to, and they are memory. */
const ZSTD_MEMORY = '128MB';
const SAID_MAX = 500;

/** The text of a compressed file, as a stream that throws where the file is damaged or cut. */
export function decompressed(file: LogFile): AsyncIterable<Buffer> {
  return file.compression === 'zstd' ? unzstd(file) : gunzip(file);
}

async function* gunzip({ name, handle }: LogFile): AsyncGenerator<Buffer> {
  const input = Readable.from(chunksOf(handle), { objectMode: false });
  const output = createGunzip({ chunkSize: CHUNK_BYTES });
  input.on('error', (error) => output.destroy(error));
  try {
    yield* input.pipe(output) as AsyncIterable<Buffer>;
  } catch (error) {
    throw new SourceError(name, `gzip: ${(error as Error).message}`);
  } finally {
    input.destroy();
    output.destroy();
  }
}

/** By zstd(1), which gets the file as its standard input: no name reaches it. Node.js 20 has no zstd of its own. */
async function* unzstd({ name, handle }: LogFile): AsyncGenerator<Buffer> {
  const options = ['--decompress', '--stdout', '--quiet', `--memory=${ZSTD_MEMORY}`];
  const input = Readable.from(chunksOf(handle), { objectMode: false });
  const child = spawn('zstd', options, { stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.on('error', () => input.destroy());
  input.pipe(child.stdin);
  try {
    yield* outputOf(child, name, 'zstd');
  } finally {
    input.destroy();
  }
}

/** The bytes of a file from its start on, with a position of their own: several may read it. The handle stays open. */
async function* chunksOf(handle: FileHandle): AsyncGenerator<Buffer> {
  for (let at = 0; ; ) {
    const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES, at);
    if (bytesRead === 0) return;
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

/** What a program writes; throws when it cannot be started, or fails, with what it said. */
export async function* outputOf(
  child: ChildProcessByStdio<null, Readable, Readable> | ReturnType<typeof spawn>,
  name: string,
  program: string,
): AsyncGenerator<Buffer> {
  let said = '';
  child.stderr!.on('data', (chunk: Buffer) => {
    if (said.length < SAID_MAX) said = (said + chunk.toString('utf8')).slice(0, SAID_MAX);
  });
  const ended = new Promise<string | undefined>((resolve) => {
    child.on('error', (error: NodeJS.ErrnoException) => {
      child.stdout!.destroy();
      resolve(error.code === 'ENOENT' ? `needs the program ${program}, which is not installed` : error.message);
    });
    child.on('close', (code, signal) => {
      resolve(code === 0 ? undefined : `${program}: ${said.trim() || `ended with ${code ?? signal}`}`);
    });
  });
  let whole = false;
  try {
    yield* child.stdout! as AsyncIterable<Buffer>;
    whole = true;
  } catch (error) {
    // A program that could not be started says why.
    const reason = await ended;
    throw new SourceError(name, reason ?? (error as Error).message);
  } finally {
    if (!whole) child.kill();
  }
  const reason = await ended;
  if (reason !== undefined) throw new SourceError(name, reason);
}
