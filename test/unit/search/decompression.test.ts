import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { decompressed } from '../../../src/search/decompression.js';
import { openLogFile } from '../../../src/search/log-file.js';

const directory = mkdtempSync(join(tmpdir(), 'rmwatch-decompression-'));
afterAll(() => rmSync(directory, { recursive: true }));

const TEXT = 'a line\n'.repeat(100_000);

/** As it comes from a stream, whose length zstd does not know: the window is as large as was asked for. */
function zstd(...options: string[]): Buffer {
  return execFileSync('zstd', ['--quiet', '--stdout', ...options], { input: TEXT });
}

async function textOf(content: Buffer): Promise<string> {
  const name = join(directory, 'events');
  writeFileSync(name, content);
  const file = await openLogFile(name);
  try {
    let text = '';
    for await (const chunk of decompressed(file)) text += chunk.toString();
    return text;
  } finally {
    await file.handle.close();
  }
}

describe('decompressed', () => {
  it.each([
    ['gzip', () => gzipSync(TEXT)],
    ['zstd', () => zstd()],
    ['zstd with the largest window that is taken', () => zstd('--long=27')],
  ])('%s', async (_, make) => {
    expect((await textOf(make())) === TEXT).toBe(true);
  });

  it('takes no zstd whose window is more memory than that', async () => {
    await expect(textOf(zstd('--long=28'))).rejects.toThrow(/events: zstd: .*(window|memory)/i);
  });

  it.each([
    ['gzip', () => gzipSync(TEXT)],
    ['zstd', () => zstd()],
  ])('says where a file of %s is cut', async (program, make) => {
    const whole = make();
    await expect(textOf(whole.subarray(0, whole.length - 5))).rejects.toThrow(`events: ${program}: `);
  });
});
