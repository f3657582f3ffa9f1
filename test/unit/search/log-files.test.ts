import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { compressionOf, openLogFile } from '../../../src/search/log-file.js';
import { findLogFiles } from '../../../src/search/log-files.js';

const root = mkdtempSync(join(tmpdir(), 'rmwatch-logs-'));
afterAll(() => rmSync(root, { recursive: true }));

async function found(names: readonly string[]): Promise<{ files: string[]; errors: string[] }> {
  const directory = mkdtempSync(join(root, 'case-'));
  for (const name of names) writeFileSync(join(directory, name), '{}\n');
  const { files, errors } = await findLogFiles(join(directory, 'events.json'));
  for (const { handle } of files) await handle.close();
  return { files: files.map(({ name }) => basename(name)), errors: errors.map(({ message }) => message) };
}

describe('findLogFiles', () => {
  it('finds numbered files, the highest number first', async () => {
    const names = ['events.json', 'events.json.1', 'events.json.2.gz', 'events.json.10.zst', 'events.json.9.gz'];
    expect((await found(names)).files).toEqual([
      'events.json.10.zst',
      'events.json.9.gz',
      'events.json.2.gz',
      'events.json.1',
      'events.json',
    ]);
  });

  it('finds dated files in the order of their dates, and leaves others alone', async () => {
    const names = ['events.json-20261124', 'events.json-20261123-1763856000.gz', 'events.json-20261122.zst'];
    const others = [
      'events.json.bak',
      'events.jsonx',
      'other.json',
      'events.json.tmp',
      'events.json-2026',
      'events.json~',
    ];
    expect((await found([...names, 'events.json', ...others])).files).toEqual([...names.reverse(), 'events.json']);
  });

  it('says so when there is nothing', async () => {
    const { files, errors } = await found(['other']);
    expect(files).toEqual([]);
    expect(errors[0]).toMatch(/events\.json: does not exist$/);
    expect((await findLogFiles(join(root, 'none/events.json'))).errors[0]?.message).toMatch(/none: does not exist$/);
  });

  it('goes on when one of them cannot be read', async () => {
    const directory = mkdtempSync(join(root, 'case-'));
    writeFileSync(join(directory, 'events.json'), '{}\n');
    symlinkSync('/etc/passwd', join(directory, 'events.json.1'));
    const { files, errors } = await findLogFiles(join(directory, 'events.json'));
    expect(files).toHaveLength(1);
    for (const { handle } of files) await handle.close();
    expect(errors.map(({ message }) => message)).toEqual([expect.stringContaining('is a symbolic link')]);
  });
});

describe('openLogFile', () => {
  it('takes regular files only, and does not wait for a FIFO', async () => {
    const fifo = join(root, 'fifo');
    execFileSync('mkfifo', [fifo]);
    mkdirSync(join(root, 'directory'));
    await expect(openLogFile(fifo)).rejects.toThrow('is not a regular file');
    await expect(openLogFile(join(root, 'directory'))).rejects.toThrow('is not a regular file');
    await expect(openLogFile('/dev/null')).rejects.toThrow('is not a regular file');
    await expect(openLogFile(join(root, 'absent'))).rejects.toThrow('does not exist');
  });

  it('tells the compression by the first bytes', () => {
    expect(compressionOf(Buffer.from([0x1f, 0x8b, 8, 0]))).toBe('gzip');
    expect(compressionOf(Buffer.from([0x28, 0xb5, 0x2f, 0xfd]))).toBe('zstd');
    expect(compressionOf(Buffer.from('{"@t'))).toBe('none');
    expect(compressionOf(Buffer.alloc(0))).toBe('none');
  });
});
