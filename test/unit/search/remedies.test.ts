import { execFileSync, spawn } from 'node:child_process';
import {
  closeSync,
  existsSync,
  fstatSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LoggedDeletion } from '../../../src/search/logged-event.js';
import { remediesFor } from '../../../src/search/remedies.js';
import { logLine } from '../../lib/log-lines.js';
import { waitUntil } from '../../lib/wait-until.js';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'rmwatch-remedies-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

/** The deletion of the file behind `place`, as the daemon would tell it. */
function deletionOf(path: string, place: string): LoggedDeletion {
  const descriptor = openSync(place, 'r');
  const info = readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8');
  const mount = /^mnt_id:\s*(\d+)$/m.exec(info)?.[1];
  const line = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .find((each) => each.startsWith(`${mount} `));
  const { ino, mtimeMs, size } = fstatSync(descriptor);
  closeSync(descriptor);
  const deletion: LoggedDeletion = JSON.parse(logLine({ path }));
  const file = {
    ...deletion.file!,
    name: basename(path),
    size,
    inode: /^ino:\s*(\d+)$/m.exec(info)?.[1] ?? String(ino),
    mtime: new Date(mtimeMs).toISOString(),
    device: line?.split(' ')[2] ?? '0:0',
  };
  return { ...deletion, file };
}

/** The deletion of a file that this process holds open. */
function heldOpen(name: string, text: string): { deletion: LoggedDeletion; descriptor: number } {
  const path = join(directory, name);
  writeFileSync(path, text);
  const descriptor = openSync(path, 'r');
  rmSync(path);
  return { deletion: deletionOf(path, `/proc/self/fd/${descriptor}`), descriptor };
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

function moved(deletion: LoggedDeletion, place: string): LoggedDeletion {
  const event = { ...deletion.event, action: 'move' as const };
  return { ...deletion, event, rmwatch: { ...deletion.rmwatch, moved_to: place } };
}

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

  it('copies back what overlayfs still counts a link of, in a lower layer', () => {
    const { deletion, descriptor } = heldOpen('data', 'text');
    closeSync(descriptor);
    const process = join(directory, 'proc/7');
    for (const each of ['fd', 'fdinfo']) mkdirSync(join(process, each), { recursive: true });
    const found = (name: string) => {
      const lower = join(directory, name);
      writeFileSync(lower, 'text');
      utimesSync(lower, new Date(), new Date(deletion.file!.mtime!));
      rmSync(join(process, 'fd/3'), { force: true });
      symlinkSync(lower, join(process, 'fd/3'));
      writeFileSync(join(process, 'fdinfo/3'), `pos:\t0\nmnt_id:\t1\nino:\t${deletion.file!.inode}\n`);
      return remediesFor(deletion, join(directory, 'proc')).map(({ command }) => command);
    };
    expect(found('lower (deleted)')).toEqual([`cp -n -- ${process}/fd/3 ./recovered-data`]);
    expect(found('another name of it')).toEqual([]);
  });

  it('copies back what a process has in its memory only', async () => {
    const path = join(directory, 'program');
    const whole = readFileSync('/bin/sleep');
    writeFileSync(path, whole, { mode: 0o755 });
    // A program that runs has its file mapped, and not open.
    const child = spawn(path, ['60'], { stdio: 'ignore' });
    try {
      await waitUntil('it runs', () => readFileSync(`/proc/${child.pid}/maps`, 'utf8').includes(path));
      const deletion = deletionOf(path, path);
      rmSync(path);
      const said = remediesFor(deletion).find(({ text }) => text.startsWith(`Process ${child.pid} `));
      expect(said?.command).toMatch(/^cp -n -- \/proc\/\d+\/map_files\/[0-9a-f]+-[0-9a-f]+ \.\/recovered-program$/);
      execFileSync('bash', ['-c', said!.command!], { cwd: directory });
      expect(readFileSync(join(directory, 'recovered-program')).equals(whole)).toBe(true);
      expect(remediesFor({ ...deletion, file: { ...deletion.file!, device: '999:1' } })).toEqual([]);
    } finally {
      child.kill();
    }
  });

  it.each(HOSTILE)('looks where a file was moved, and for its other names: %j', (name) => {
    const { deletion, descriptor } = heldOpen('moved', 'text');
    closeSync(descriptor);
    const place = join(directory, name);
    writeFileSync(place, '');
    const [ls] = remediesFor(moved(deletion, place));
    expect(execFileSync('bash', ['-c', ls!.command!], { cwd: directory, encoding: 'utf8' })).toMatch(/^-/);

    // A filesystem that is mounted at a place with such a name.
    rmSync(place);
    mkdirSync(place);
    writeFileSync(join(place, 'one'), '');
    linkSync(join(place, 'one'), join(place, 'other'));
    const octal = (byte: number) => `\\${byte.toString(8).padStart(3, '0')}`;
    const written = [...Buffer.from(place)].map((byte) =>
      /[\s\\#]/.test(String.fromCharCode(byte)) ? octal(byte) : String.fromCharCode(byte),
    );
    mkdirSync(join(directory, 'proc/self'), { recursive: true });
    writeFileSync(
      join(directory, 'proc/self/mountinfo'),
      Buffer.from(`1 0 77:7 / ${written.join('')} rw - tmpfs none rw\n`, 'latin1'),
    );
    const file = {
      ...deletion.file!,
      device: '77:7',
      inode: String(lstatSync(join(place, 'one')).ino),
      path: join(place, 'gone'),
    };
    const linked = { ...deletion, file, rmwatch: { ...deletion.rmwatch, last_link: false } };
    const [find] = remediesFor(linked, join(directory, 'proc'));
    const out = execFileSync('bash', ['-c', `${find!.command!} -printf '%f '`], { cwd: directory, encoding: 'utf8' });
    expect(out.split(' ').sort()).toEqual(['', 'one', 'other']);
    expect(existsSync(join(directory, 'pwned'))).toBe(false);
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
