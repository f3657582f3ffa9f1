import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LogRotation, type LogRotationOptions } from '../../../src/output/log-rotation.js';
import { rotatedName, rotatedNames } from '../../../src/output/rotated-files.js';

let directory: string;
let file: string;
let told: string[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'rmwatch-rotation-'));
  file = join(directory, 'events.json');
  told = [];
});

afterEach(() => rmSync(directory, { recursive: true }));

const names = () => readdirSync(directory).sort();

function rotation(options: Partial<LogRotationOptions> = {}): LogRotation {
  return new LogRotation({
    file,
    maxBytes: 10,
    keep: 3,
    reopen: () => {
      told.push('reopen');
      writeFileSync(file, '', { flag: 'a' });
    },
    onRemoved: ({ file: removed, bytes }) => told.push(`removed ${removed.slice(directory.length + 1)} ${bytes}`),
    onProblem: (message) => told.push(message),
    ...options,
  });
}

describe('the rotation of a log', () => {
  it('leaves a file that is small enough alone', async () => {
    writeFileSync(file, '123456789');
    await rotation().look();
    expect([names(), told]).toEqual([['events.json'], []]);
  });

  it('renames one that is large enough, and goes over to another', async () => {
    writeFileSync(file, '1234567890');
    await rotation().look();
    const [fresh, old] = names();
    expect(fresh).toBe('events.json');
    expect(old).toMatch(/^events\.json-\d{8}-\d{6}$/);
    expect(readFileSync(join(directory, old!), 'utf8')).toBe('1234567890');
    expect([readFileSync(file, 'utf8'), told]).toEqual(['', ['reopen']]);
  });

  it('gives each of several within a second a name of its own', async () => {
    const one = rotation({ keep: 10 });
    for (let round = 0; round < 5; round++) {
      writeFileSync(file, `1234567890${round}`);
      await one.look();
    }
    const rotated = rotatedNames(names(), 'events.json');
    expect(rotated.map((name) => readFileSync(join(directory, name), 'utf8').at(-1))).toEqual([
      '0',
      '1',
      '2',
      '3',
      '4',
    ]);
  });

  it('keeps the newest, compressed or not and whoever rotated them, and says which it removes', async () => {
    const others = ['.2.gz', '.1', '-20250101.gz', '-20250102-000000', '-20250102-000000.gz', '-20250103-000000.zst'];
    for (const name of others) writeFileSync(`${file}${name}`, 'abc');
    for (const name of ['events.json.bak', 'other.json-20240101', 'events.json-notes'])
      writeFileSync(join(directory, name), '');
    writeFileSync(file, '');
    await rotation({ keep: 3 }).look();
    expect(names()).toEqual(
      ['events.json', 'events.json-20250103-000000.zst', 'events.json-notes', 'events.json.1', 'events.json.2.gz']
        .concat('events.json.bak', 'other.json-20240101')
        .sort(),
    );
    expect(told.sort()).toEqual([
      'removed events.json-20250101.gz 3',
      'removed events.json-20250102-000000 3',
      'removed events.json-20250102-000000.gz 3',
    ]);
  });

  it('rotates as soon as what was written makes it large enough', async () => {
    writeFileSync(file, '');
    const one = rotation();
    one.written(9);
    expect(told).toEqual([]);
    writeFileSync(file, '12345678901');
    one.written(2);
    await expect.poll(() => told).toEqual(['reopen']);
  });

  it('takes a file that another rotation has moved away for rotated', async () => {
    writeFileSync(file, '1234567890');
    renameSync(file, `${file}.1`);
    await rotation().look();
    expect([names(), told]).toEqual([['events.json.1'], []]);
  });

  it('goes over later to a new file that could not be opened, and tells the problem once', async () => {
    writeFileSync(file, '1234567890');
    let refusals = 2;
    const one = rotation({
      reopen: () => {
        if (refusals-- > 0) throw new Error('no');
        told.push('reopen');
      },
    });
    await one.look();
    expect(told).toEqual(['cannot bound the size of the log: no']);
    // Not again at once.
    await one.look();
    expect(told).toHaveLength(1);
  });

  it('tells what keeps it from removing a file', async () => {
    for (const day of [1, 2, 3, 4]) writeFileSync(`${file}-2025010${day}`, '');
    rmSync(`${file}-20250101`);
    mkdirSync(`${file}-20250101`);
    await rotation().look();
    expect(told.join()).toContain('cannot bound the size of the log');
  });
});

it('names files as the installed logrotate snippet does', () => {
  const snippet = readFileSync(new URL('../../../systemd/rmwatch.logrotate', import.meta.url), 'utf8');
  const format = /dateformat (\S+)/.exec(snippet)![1]!;
  const at = new Date(2026, 10, 26, 3, 4, 5);
  const parts: Record<string, string> = { Y: '2026', m: '11', d: '26', H: '03', M: '04', S: '05' };
  expect(rotatedName('a.json', at)).toBe(`a.json${format.replace(/%(.)/g, (_, key: string) => parts[key]!)}`);
});
