import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, fstatSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LoggedDeletion } from '../../../src/search/logged-event.js';
import { remediesFor } from '../../../src/search/remedies.js';
import { logLine } from '../../lib/log-lines.js';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'rmwatch-remedies-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

/** The deletion of a file that this process holds open, as the daemon would tell it. */
function heldOpen(name: string, text: string): { deletion: LoggedDeletion; descriptor: number } {
  const path = join(directory, name);
  writeFileSync(path, text);
  const descriptor = openSync(path, 'r');
  rmSync(path);
  const info = readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8');
  const mount = /^mnt_id:\s*(\d+)$/m.exec(info)?.[1];
  const line = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .find((each) => each.startsWith(`${mount} `));
  const { ino, mtimeMs, size } = fstatSync(descriptor);
  const deletion: LoggedDeletion = JSON.parse(logLine({ path }));
  const file = {
    ...deletion.file!,
    name: basename(path),
    size,
    inode: /^ino:\s*(\d+)$/m.exec(info)?.[1] ?? String(ino),
    mtime: new Date(mtimeMs).toISOString(),
    device: line?.split(' ')[2] ?? '0:0',
  };
  return { deletion: { ...deletion, file }, descriptor };
}

const HOSTILE = [
  'plain.db',
  "it's $(touch pwned) `id`",
  '-n',
  'a\nb\u001b[2J',
  '\u202eevil',
  'n'.repeat(250),
  '"; touch pwned #',
];

describe('remediesFor', () => {
  it.each(HOSTILE)('copies back what is still open: %j', (name) => {
    const text = `the data of ${name}`;
    const { deletion, descriptor } = heldOpen(name, text);
    try {
      const remedy = remediesFor(deletion).find(({ text: said }) => said.startsWith(`Process ${process.pid} `));
      expect(remedy?.command).toMatch(/^cp -n -- \/proc\/\d+\/fd\/\d+ \S/);
      execFileSync('bash', ['-c', remedy!.command!], { cwd: directory });
      const copy = `recovered-${name.length > 240 ? deletion.file!.inode : name}`;
      expect(readFileSync(join(directory, copy), 'utf8')).toBe(text);
      expect(existsSync(join(directory, 'pwned'))).toBe(false);
      // Not over what is there.
      writeFileSync(join(directory, copy), 'mine');
      execFileSync('bash', ['-c', `${remedy!.command!} || true`], { cwd: directory });
      expect(readFileSync(join(directory, copy), 'utf8')).toBe('mine');
    } finally {
      closeSync(descriptor);
    }
  });

  it('does not take another file for it', () => {
    const { deletion, descriptor } = heldOpen('x', 'text');
    try {
      const others = [{ inode: '1' }, { size: 5 }, { mtime: '2020-01-01T00:00:00.000000000Z' }, { device: '999:1' }];
      for (const other of others) {
        const changed = { ...deletion, file: { ...deletion.file!, ...other } };
        expect(remediesFor(changed), JSON.stringify(other)).toEqual([]);
      }
    } finally {
      closeSync(descriptor);
    }
    expect(remediesFor(deletion)).toEqual([]);
  });
});
