import { chmodSync, mkdtempSync, renameSync, rmSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AccountNames } from '../../../src/host/account-names.js';
import { waitUntil } from '../../lib/wait-until.js';

let directory: string;
let file: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'rmwatch-accounts-'));
  file = join(directory, 'passwd');
});
afterEach(() => rmSync(directory, { recursive: true }));

function accounts(text: string): AccountNames {
  writeFileSync(file, text);
  return new AccountNames(file);
}

const ROOT = 'root:x:0:0:root:/root:/bin/bash\n';
/** Ids that no host gives out. */
const NOBODY_HAS = 4_000_000_001;

describe('AccountNames', () => {
  it('reads users', () => {
    const names = accounts(`${ROOT}www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\n`);
    expect([names.nameOf(0), names.nameOf(33)]).toEqual(['root', 'www-data']);
    expect([names.idOf('root'), names.idOf('www-data'), names.idOf('nobody-else')]).toEqual([0, 33, undefined]);
  });

  it('reads names of any letters, and the largest id', () => {
    const names = accounts('jürgen:x:1000:1000::/:\nlast:x:4294967294:1::/:');
    expect([names.nameOf(1000), names.nameOf(4_294_967_294)]).toEqual(['jürgen', 'last']);
  });

  it('shows the first of several names of an id, and knows the id of each', () => {
    const names = accounts(`${ROOT}toor:x:0:0::/root:/bin/sh\n`);
    expect(names.nameOf(0)).toBe('root');
    expect([names.idOf('root'), names.idOf('toor')]).toEqual([0, 0]);
  });

  it('takes the first of several ids of a name', () => {
    expect(accounts('a:x:5:5::/:\na:x:6:6::/:\n').idOf('a')).toBe(5);
  });

  it.each(['', '\n\n', '# a comment\n', '+::::::\n', 'a\n', 'a:x\n', 'a:x:\n', ':x:5:\n', 'a:x:-5:\n', 'a:x:5x:\n'])(
    'is not confused by %j',
    (text) => {
      const names = accounts(text + ROOT);
      expect(names.nameOf(0)).toBe('root');
      expect([names.idOf('a'), names.idOf(''), names.idOf('+')]).toEqual([undefined, undefined, undefined]);
    },
  );

  it('names a user who was added a moment ago', () => {
    const names = accounts(ROOT);
    writeFileSync(file, `${ROOT}alice:x:${NOBODY_HAS}:100::/home/alice:/bin/sh\n`);
    expect(names.nameOf(NOBODY_HAS)).toBe('alice');
  });

  it('sees a file that was replaced, as useradd does', () => {
    const names = accounts(ROOT);
    writeFileSync(`${file}.new`, `${ROOT}new:x:1000:1000::/:\n`);
    renameSync(`${file}.new`, file);
    expect(names.idOf('new')).toBeUndefined();
    names.refresh();
    expect(names.idOf('new')).toBe(1000);
  });

  it('sees a file that was written in place, with the same size', () => {
    const names = accounts('old:x:4000000001:1::/:\n');
    writeFileSync(file, 'new:x:4000000001:1::/:\n');
    utimesSync(file, 1, 2);
    names.refresh();
    expect(names.nameOf(NOBODY_HAS)).toBe('new');
  });

  it('forgets names of users that were removed', () => {
    const names = accounts(`${ROOT}gone:x:4000000001:1::/:\n`);
    writeFileSync(file, ROOT);
    names.refresh();
    expect(names.nameOf(NOBODY_HAS)).toBeUndefined();
  });

  it('works without the file, and when it comes back', () => {
    const names = accounts('a:x:4000000001:1::/:\n');
    unlinkSync(file);
    names.refresh();
    expect(names.idOf('a')).toBeUndefined();
    writeFileSync(file, 'a:x:4000000001:1::/:\n');
    chmodSync(file, 0o644);
    names.refresh();
    expect(names.idOf('a')).toBe(4_000_000_001);
  });

  it("asks the host's name services for others, without waiting", async () => {
    const { uid, username } = userInfo();
    const names = accounts('other:x:4000000001:1::/:\n');
    expect(names.nameOf(uid)).toBeUndefined();
    await waitUntil('getent has answered', () => names.nameOf(uid) !== undefined);
    expect(names.nameOf(uid)).toBe(username);
    expect(names.idOf(username)).toBeUndefined();
  });

  it('finds the ids of names that only the name services know', async () => {
    const { uid, username } = userInfo();
    const names = accounts('local:x:4000000001:1::/:\n');
    await names.findIds(['local', 'rmwatch-nobody', username, '--help']);
    expect(['local', 'rmwatch-nobody', username, '--help'].map((name) => names.idOf(name))).toEqual([
      NOBODY_HAS,
      undefined,
      uid,
      undefined,
    ]);
    await names.findIds(['local']);
    expect(names.idOf(username)).toBeUndefined();
  });
});
