import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { dispatch } from '../../../src/cli/dispatch.js';
import type { DeletionEvent } from '../../../src/event/deletion-event.js';
import { type LineParts, logText } from '../../lib/log-lines.js';
import { FULL_DELETION } from '../../lib/sample-events.js';

const root = mkdtempSync(join(tmpdir(), 'rmwatch-who-'));
afterAll(() => rmSync(root, { recursive: true }));

const START = Date.UTC(2026, 10, 24, 12);
/** The line of all arguments of a process, without the process. */
const ARGUMENTS = {
  '@timestamp': new Date(START).toISOString().replace('Z', '000000Z'),
  event: { kind: 'event', category: ['process'], action: 'process-arguments', dataset: 'rmwatch.process' },
  message: 'x',
  host: FULL_DELETION.host,
  rmwatch: {},
};

async function who(path: string, lines: readonly (LineParts | string)[], ...argv: string[]) {
  const log = join(root, 'events.json');
  writeFileSync(log, lines.map((line) => (typeof line === 'string' ? `${line}\n` : logText([line]))).join(''));
  const result = { code: -1, out: '', err: '' };
  const writer = (key: 'out' | 'err') => ({
    write: (text: string) => {
      result[key] += text;
    },
  });
  const io = { stdout: writer('out'), stderr: writer('err') };
  result.code = await dispatch(['who', path, '--input', log, ...argv], { run: () => -1, doctor: () => -1 }, io);
  return result;
}

const changed = (parts: LineParts, change: (event: DeletionEvent) => object): LineParts => ({
  ...parts,
  change: (event) => ({ ...event, ...change(event) }),
});
const action = (parts: LineParts, name: string, more: object = {}): LineParts =>
  changed(parts, ({ event, rmwatch }) => ({ event: { ...event, action: name }, rmwatch: { ...rmwatch, ...more } }));

describe('who', () => {
  it.each([
    ['both ids', { mount_uid: '100000', mount_gid: '100001' }, '100000:100001'],
    ['the user', { mount_uid: '100000' }, '100000:0'],
    ['the group', { mount_gid: '65534' }, '0:65534'],
  ])('tells the owner that the mount shows where it has %s of its own', async (_what, more, shown) => {
    const parts = changed({ path: '/srv/a.db', time: START }, ({ rmwatch }) => ({ rmwatch: { ...rmwatch, ...more } }));
    const { out } = await who('/srv/a.db', [parts]);
    expect(out).toContain(`, owner 0:0 (${shown} through its mount), mode 0644, `);
  });

  it('tells of the newest deletion when, what, who, by what and what else', async () => {
    const { code, out } = await who('/srv/a.db', [
      { path: '/srv/a.db', time: START - 3_600_000 },
      { path: '/srv/b.db', time: START - 1_000 },
      { path: '/srv/a.db', time: START },
      { path: '/srv/c.db', time: START + 1_000 },
      changed({ path: '/srv/d.db', time: START + 2_000 }, ({ process }) => ({ process: { ...process, start: 'x' } })),
    ]);
    expect(code).toBe(0);
    const [what, was, by, command, container, others] = out.split('\n');
    expect(what).toMatch(/^2026-11-24 \d\d:00:00\.000: \/srv\/a\.db was deleted\.$/);
    expect(was).toMatch(/^It was a file, 4\.0 KiB, owner 0:0, mode 0644, changed .*, the last name of it\.$/);
    expect(by).toMatch(/^By user root, logged in as \S+\.$/);
    expect(command).toBe('Process rm[4242] (/usr/bin/rm), in /var/lib/app, started by bash[4200]: rm a.db');
    expect(container).toBe('It came out of the container c0ffee.');
    expect(others).toMatch(/^The same process deleted 2 more \(.*, 8\.0 KiB freed\): \/srv\/b\.db, \/srv\/c\.db$/);
  });

  it('tells of the directory that took the path along', async () => {
    const moved = action({ path: '/srv/app', time: START }, 'move', { moved_to: '/trash/app' });
    const { out, code } = await who('/srv/app/data/a.db', [moved]);
    expect(code).toBe(0);
    expect(out).toContain('/srv/app was moved, to /trash/app.\nIt is above /srv/app/data/a.db and took that along.');
  });

  it('finds a file by the name that it had before it was renamed', async () => {
    const shredded = action({ path: '/srv/0', time: START }, 'unlink', { former_paths: ['/srv/auth.log'] });
    const { out, code } = await who('/srv/auth.log', [shredded]);
    expect(code).toBe(0);
    expect(out).toContain('/srv/0, which was /srv/auth.log before, was deleted.');
    expect(out).not.toContain('above');
    const damaged = action({ path: '/srv/0' }, 'unlink', { former_paths: '/srv/auth.log' });
    expect(await who('/srv/auth.log', [damaged])).toMatchObject({ code: 3 });
  });

  it('takes a directory that was removed empty for no more than it is', async () => {
    const removed = action({ path: '/srv/app', time: START }, 'rmdir');
    const { out } = await who('/srv/app/a.db', [removed]);
    expect(out).toContain('the record holds no deletion of that itself');
    const own = await who('/srv/app/a.db', [{ path: '/srv/app/a.db', time: START - 5 }, removed]);
    expect(own.out).toContain('/srv/app/a.db was deleted.');
  });

  it('does not take a path that only begins alike', async () => {
    const result = await who('/srv/a', [{ path: '/srv/ab' }, { path: '/srv/a/b' }]);
    expect(result).toMatchObject({ code: 3, out: '', err: expect.stringContaining('no deletion of /srv/a found') });
  });

  it('tells all arguments, from their own line, when those in the deletion are cut', async () => {
    const start = '2026-11-22T12:34:56.700000000Z';
    const process = { pid: 4242, start, args: ['rm', 'a.db', "it's", 'all'] };
    const args = { ...ARGUMENTS, process };
    const cut = changed({ path: '/srv/a', time: START }, ({ rmwatch }) => ({
      rmwatch: { ...rmwatch, args_truncated: true },
    }));
    expect((await who('/srv/a', [cut])).out).toContain(': rm a.db ... (2 arguments in all)\n');
    expect((await who('/srv/a', [JSON.stringify(args), cut])).out).toContain(": rm a.db $'it\\'s' all\n");

    // The line of a process that has gone on for hours is in a file that was rotated since.
    const hour = 3_600_000;
    const newer = join(root, 'newer.json');
    writeFileSync(
      newer,
      logText([
        { path: '/srv/b', time: START + hour },
        { ...cut, time: START + 2 * hour },
      ]),
    );
    const rotated = await who('/srv/a', [JSON.stringify(args), { path: '/srv/b', time: START }], '--input', newer);
    expect(rotated.out).toContain(": rm a.db $'it\\'s' all\n");
  });

  it.each<[string, number | undefined, string]>([
    ['their number', 600, ': rm a.db ... (600 arguments in all)\n'],
    ['nothing of their number where that is not known', undefined, ': rm a.db ...\n'],
  ])('tells of arguments that the record does not hold %s', async (_what, args_count, text) => {
    const cut = changed({ path: '/srv/a', time: START }, ({ process: { args_count: _, ...process }, rmwatch }) => ({
      process: args_count === undefined ? process : { ...process, args_count },
      rmwatch: { ...rmwatch, args_truncated: true },
    }));
    expect((await who('/srv/a', [cut])).out).toContain(text);
  });

  it('tells the number of arguments where the line of all arguments has only some', async () => {
    const { process } = FULL_DELETION;
    const list = { ...process, args: ['rm', 'a.db', 'b'], args_count: 600 };
    const whole = { ...ARGUMENTS, process: list, rmwatch: { args_truncated: true } };
    const cut = changed({ path: '/srv/a', time: START }, ({ rmwatch }) => ({
      process: { ...process, args_count: 600 },
      rmwatch: { ...rmwatch, args_truncated: true },
    }));
    const { out } = await who('/srv/a', [JSON.stringify(whole), cut]);
    expect(out).toContain(': rm a.db b ... (600 arguments in all)\n');
  });

  it('says where a moved file is, and how to look for other names', async () => {
    const moved = await who('/srv/a', [action({ path: '/srv/a' }, 'move', { moved_to: "/trash/it's" })]);
    expect(moved.out).toContain("It was moved to:\n  ls -ld -- $'/trash/it\\'s'\n");
    const linked = await who('/srv/a', [action({ path: '/srv/a' }, 'unlink', { last_link: false })]);
    expect(linked.out).toMatch(/\n {2}find \S+ -xdev -inum 131\n/);
    const replaced = await who('/srv/a', [action({ path: '/srv/a' }, 'replace')]);
    expect(replaced.out).toContain('A rename put another file in its place, which is gone, too.');
  });

  it('lets no name reach the terminal as a command', async () => {
    const evil = "/srv/\u001b[2J'\u202e$(id)";
    const { out } = await who(evil, [
      changed({ path: evil }, ({ process, rmwatch }) => ({
        process: { ...process, name: '\u001b[1m', args: ['\u001b]0;x\u0007'], working_directory: '\u009b' },
        rmwatch: { ...rmwatch, former_paths: ['/srv/\u001b[3J'] },
      })),
    ]);
    expect(out).not.toBe('');
    expect(out.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });

  it('cannot read standard input, which it would have to read twice', async () => {
    expect(await who('/srv/a', [], '--input', '-')).toMatchObject({ code: 2 });
  });
});
