import fs from 'node:fs';

const CHUNK_BYTES = 4 << 20;

/** Calls `onLine` for every finished line of a file that may be larger than memory. */
export function forEachLine(file: string, onLine: (line: string) => void): void {
  const descriptor = fs.openSync(file, 'r');
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  let rest = '';
  for (;;) {
    const length = fs.readSync(descriptor, chunk, 0, chunk.length, null);
    if (length === 0) break;
    const lines = (rest + chunk.toString('latin1', 0, length)).split('\n');
    rest = lines.pop()!;
    for (const line of lines) onLine(line);
  }
  fs.closeSync(descriptor);
}
