import { closeSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { CONFIG_BYTES_MAX, loadConfig } from '../../../src/config/load.js';
import { FifoReader, makeFifo, openFifoForWriting } from '../../lib/fifo.js';

const directory = mkdtempSync(join(tmpdir(), 'rmwatch-load-'));
afterAll(() => rmSync(directory, { recursive: true }));

function fileWith(content: string | Buffer): string {
  const file = join(directory, `${Math.random()}.yaml`);
  writeFileSync(file, content);
  return file;
}

describe('loadConfig', () => {
  it('has defaults when no file is named and there is none', async () => {
    const loaded = await loadConfig(undefined, join(directory, 'none.yaml'));
    expect(loaded).toMatchObject({ file: undefined, config: { watches: [{ name: 'all', include: ['/**'] }] } });
  });

  it('reads the default file when there is one', async () => {
    const file = fileWith('http: {listen: off}');
    expect(await loadConfig(undefined, file)).toMatchObject({ file, config: { http: { listen: { kind: 'off' } } } });
  });

  it('a bad default file is a problem', async () => {
    const file = fileWith('nonsense');
    expect(await loadConfig(undefined, file)).toMatchObject({ problems: [{ file, line: 1 }] });
  });

  it('a named file must exist', async () => {
    const file = join(directory, 'none.yaml');
    expect(await loadConfig(file)).toEqual({
      problems: [{ file, line: 1, column: 1, path: '', message: 'cannot be read: no such file or directory (ENOENT)' }],
    });
  });

  it('a directory is refused', async () => {
    expect(await loadConfig(directory)).toMatchObject({ problems: [{ message: expect.stringContaining('EISDIR') }] });
  });

  it('a FIFO is refused, and not waited for, whether it has a writer or not', async () => {
    const fifo = join(directory, 'fifo');
    makeFifo(fifo);
    const problems = [{ file: fifo, message: 'cannot be read: it is not a regular file' }];
    expect(await loadConfig(fifo)).toMatchObject({ problems });
    const reader = new FifoReader(fifo);
    const writer = openFifoForWriting(fifo);
    expect(await loadConfig(fifo)).toMatchObject({ problems });
    closeSync(writer);
    reader.close();
  });

  it('a file without an end is refused', async () => {
    expect(await loadConfig('/dev/zero')).toMatchObject({ problems: [{ message: expect.stringContaining('16 MiB') }] });
  });

  it('a file of exactly the limit is read, one byte more is refused', async () => {
    const comment = Buffer.alloc(CONFIG_BYTES_MAX, '#');
    expect(await loadConfig(fileWith(comment))).toHaveProperty('config');
    expect(await loadConfig(fileWith(Buffer.concat([comment, Buffer.from('#')])))).toMatchObject({
      problems: [{ message: expect.stringContaining('larger than 16 MiB') }],
    });
  });

  it('bytes that are not UTF-8 are a problem of their line', async () => {
    const file = fileWith(Buffer.from('log: {}\n# caf\xe9\nhttp: {}\n', 'latin1'));
    expect(await loadConfig(file)).toEqual({
      problems: [{ file, line: 2, column: 1, path: '', message: 'is not valid UTF-8' }],
    });
  });
});
