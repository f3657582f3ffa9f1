import { describe, expect, it } from 'vitest';
import { ProcessTable } from '../../../src/deletion/process-table.js';
import { formerPathOf, PathResolver } from '../../../src/deletion/resolved-path.js';
import { EventEncoder, type EventEncoderOptions, type MoveContext } from '../../../src/event/event-encoder.js';
import { prettyLine } from '../../../src/event/pretty-line.js';
import { MountTable } from '../../../src/host/mount-table.js';
import { OPERATIONS } from '../../../src/model/config.js';
import {
  DELETION_ALLOCATION_KNOWN,
  DELETION_FS_ROOT,
  DELETION_HAS_TYPED,
  DELETION_HAS_VICTIM,
  DELETION_IO_URING,
  DELETION_MOVED_COMPLETE,
  DELETION_OPEN_KNOWN,
  DELETION_PATH_COMPLETE,
  DELETION_PATH_IS_BASE,
  DELETION_RESULT_KNOWN,
  DELETION_STILL_OPEN,
  PROCESS_HAS_ARGS,
  PROCESS_TEXT_CGROUP,
  PROCESS_TEXT_COMPLETE,
  PROCESS_TEXT_DIRECTORY,
  PROCESS_TEXT_EXECUTABLE,
} from '../../../src/probe/record-layout.generated.js';
import { beginsAsDeletion } from '../../../src/search/line-scanner.js';
import type { Outcome } from '../../../src/watch/watch-filter.js';
import { validateEventLine } from '../../lib/event-schema.js';
import { deletionRecord, processRecord, processTextRecord, viewOf, WHOLE_ARGS } from '../../lib/records.js';
import { systemErrorName } from '../../lib/system-error-name.js';
import { writtenLine } from '../../lib/written-line.js';
import { randomFrom } from '../watch/plain-glob.js';

const OPTIONS: EventEncoderOptions = {
  hostName: 'web-3',
  bootId: 'cb061274-345c-488b-b002-a2cdda75d371',
  attach: 'kprobe',
  userName: (uid) => (uid === 0 ? 'root' : undefined),
  errorName: systemErrorName,
};
const BOOT = { bootSeconds: 1_795_350_000, bootNanoseconds: 0 };
const FOUND =
  DELETION_HAS_VICTIM |
  DELETION_ALLOCATION_KNOWN |
  DELETION_PATH_COMPLETE |
  DELETION_RESULT_KNOWN |
  DELETION_OPEN_KNOWN;
const FILE = {
  time_seconds: 896,
  time_nanoseconds: 789_012_345,
  inode: 131,
  size: 4096,
  allocated_bytes: 8192,
  mtime_seconds: 1_795_348_800,
  mtime_nanoseconds: 5,
  device: (8 << 20) | 1,
  tgid: 4242,
  tid: 4243,
  mode: 0o100644,
  link_count: 1,
  mount_namespace: 4_026_531_841,
};

/** As the kernel tells of one: whether it is open is never known. */
const DIRECTORY = { operation: OPERATIONS.indexOf('rmdir'), mode: 0o040755, flags: FOUND & ~DELETION_OPEN_KNOWN };

interface Case {
  readonly members?: Parameters<typeof deletionRecord>[0];
  readonly texts?: Parameters<typeof deletionRecord>[1];
  readonly outcome?: Outcome;
  readonly move?: MoveContext | undefined;
  readonly options?: Partial<EventEncoderOptions>;
}

const TEXTS = { path: '/var/lib/app/a.db', typed: 'a.db', comm: 'rm' };

/** The line, which must be one: valid JSON, of the schema, and good for a terminal. */
// biome-ignore lint/suspicious/noExplicitAny: tests look at all of it
function lineOf({ members, texts, outcome = 'success', move, options }: Case): any {
  const record = viewOf(deletionRecord({ ...FILE, flags: FOUND, ...members }, { ...TEXTS, ...texts }));
  const path = new PathResolver().resolve(record, undefined);
  const line = writtenLine(new EventEncoder({ ...OPTIONS, ...options }), record, {
    path,
    hostPlace: undefined,
    outcome,
    move,
    former: formerPathOf(record, path),
    process: undefined,
    ruleJson: '["app-data","all"]',
    sequence: 17,
    boot: BOOT,
  });
  return parsed(line);
}

// biome-ignore lint/suspicious/noExplicitAny: tests look at all of it
function parsed(line: string): any {
  expect(line).not.toMatch(/[\x00-\x1f]/);
  const event = JSON.parse(line);
  expect(validateEventLine(event)).toEqual([]);
  expect(prettyLine(event, { color: false })).not.toMatch(/\p{Cc}/u);
  return event;
}

describe('EventEncoder', () => {
  it('begins its lines as a search knows deletions, without reading them as JSON', () => {
    const cases = [{}, { members: DIRECTORY }, { members: { operation: OPERATIONS.indexOf('replace') } }];
    for (const [index, each] of cases.entries()) {
      const line = Buffer.from(JSON.stringify(lineOf(each)));
      expect(beginsAsDeletion(line, 0, line.length), `${index}`).toBe(true);
    }
  });

  it('tells other ids of the process where they differ only', () => {
    const { user, group, process, rmwatch, message } = lineOf({
      members: { uid: 1000, effective_uid: 0, fs_uid: 33, gid: 100, effective_gid: 8, fs_gid: 9 },
    });
    expect(user).toEqual({ id: '1000', effective: { id: '0', name: 'root' } });
    expect([group, process.group]).toEqual([{ id: '100' }, { id: '8' }]);
    expect(rmwatch).toMatchObject({ fs_uid: '33', fs_gid: '9' });
    expect(message).toContain('(1000 as root)');

    const same = lineOf({ members: { uid: 1000, gid: 100 } });
    expect(same.user).toEqual({ id: '1000' });
    expect(same.process).not.toHaveProperty('group');
    expect(Object.keys(same.rmwatch)).not.toEqual(expect.arrayContaining([expect.stringMatching(/^fs_/)]));
    expect(same.message).toContain('(1000)');
  });

  it('writes another line as soon as one of the ids is another', () => {
    const encoder = new EventEncoder(OPTIONS);
    const idsOf = (members: Case['members']) => {
      const record = viewOf(deletionRecord({ ...FILE, flags: FOUND, ...members }, TEXTS));
      const path = new PathResolver().resolve(record, undefined);
      const rest = { hostPlace: undefined, outcome: 'success', process: undefined, ruleJson: '["all"]' } as const;
      const event = parsed(writtenLine(encoder, record, { ...rest, path, sequence: 1, boot: BOOT }));
      return [event.user.effective?.id, event.process.group?.id, event.rmwatch.fs_uid, event.rmwatch.fs_gid];
    };
    const ids = { uid: 5, effective_uid: 6, fs_uid: 6, gid: 5, effective_gid: 6, fs_gid: 6 };
    expect(idsOf(ids)).toEqual(['6', '6', undefined, undefined]);
    expect(idsOf({ ...ids, effective_uid: 7, fs_uid: 7 })).toEqual(['7', '6', undefined, undefined]);
    expect(idsOf({ ...ids, fs_uid: 8 })).toEqual(['6', '6', '8', undefined]);
    expect(idsOf({ ...ids, effective_gid: 9, fs_gid: 9 })).toEqual(['6', '9', undefined, undefined]);
    expect(idsOf({ ...ids, fs_gid: 10 })).toEqual(['6', '6', undefined, '10']);
    expect(idsOf(ids)).toEqual(['6', '6', undefined, undefined]);
  });

  it('writes all that a record tells', () => {
    expect(lineOf({})).toEqual({
      '@timestamp': '2026-11-22T12:34:56.789012345Z',
      ecs: { version: '9.0.0' },
      log: { level: 'info' },
      message: 'unlink /var/lib/app/a.db by rm[4242] (root)',
      event: {
        kind: 'event',
        category: ['file'],
        type: ['deletion'],
        action: 'unlink',
        outcome: 'success',
        dataset: 'rmwatch.deletion',
        sequence: 17,
      },
      host: { name: 'web-3', boot: { id: OPTIONS.bootId } },
      file: {
        path: '/var/lib/app/a.db',
        name: 'a.db',
        directory: '/var/lib/app',
        type: 'file',
        inode: '131',
        device: '8:1',
        uid: '0',
        gid: '0',
        mode: '0644',
        size: 4096,
        mtime: '2026-11-22T12:00:00.000000005Z',
      },
      process: { pid: 4242, thread: { id: 4243 }, name: 'rm' },
      user: { id: '0', name: 'root' },
      group: { id: '0' },
      rule: { name: ['app-data', 'all'] },
      rmwatch: {
        requested_path: 'a.db',
        path_complete: true,
        last_link: true,
        still_open: false,
        freed_bytes: 8192,
        mount_namespace: 4_026_531_841,
        via: 'syscall',
        attach: 'kprobe',
      },
    });
  });

  it.each(OPERATIONS.map((name, operation) => [name, operation]))('names the operation %s', (name, operation) => {
    const directory = name === 'rmdir' ? DIRECTORY : {};
    const move =
      name === 'move' ? { target: undefined, hostPlace: undefined, isDirectory: false, losing: [] } : undefined;
    const { event, message } = lineOf({ members: { operation: Number(operation), ...directory }, move });
    expect([event.action, message.split(' ')[0]]).toEqual([name, name]);
  });

  it('tells the name that the file had before, in base64 when it is not UTF-8', () => {
    expect(lineOf({}).rmwatch).not.toHaveProperty('former_paths');
    const { file, rmwatch } = lineOf({ texts: { path: '/var/log/0', former: 'auth.log' } });
    expect([file.path, rmwatch.former_paths, rmwatch.former_paths_bytes]).toEqual([
      '/var/log/0',
      ['/var/log/auth.log'],
      undefined,
    ]);
    const lossy = lineOf({ texts: { path: '/0', typed: '\xfe', former: 'a\xff' } }).rmwatch;
    expect(lossy.former_paths).toEqual(['/a\ufffd']);
    expect(lossy.former_paths_bytes).toEqual([Buffer.from('/a\xff', 'latin1').toString('base64')]);
  });

  describe('of a move', () => {
    const moveOf = (movedTo: string, move: Partial<MoveContext> = {}, members: Case['members'] = {}) => {
      const flags = FOUND | DELETION_MOVED_COMPLETE;
      const record = viewOf(deletionRecord({ flags }, { movedTo }));
      const target = new PathResolver().resolveTarget(record, undefined);
      return lineOf({
        members: { operation: OPERATIONS.indexOf('move'), ...members },
        move: { target, hostPlace: undefined, isDirectory: false, losing: [], ...move },
      });
    };

    it('tells where it leads to, as a change that releases nothing', () => {
      const { event, message, rmwatch, file } = moveOf('/srv/elsewhere/a.db');
      expect(event).toMatchObject({ action: 'move', type: ['change'], outcome: 'success' });
      expect(message).toBe('move /var/lib/app/a.db to /srv/elsewhere/a.db by rm[4242] (root)');
      expect(file.path).toBe('/var/lib/app/a.db');
      expect(rmwatch).toMatchObject({ moved_to: '/srv/elsewhere/a.db', moved_to_complete: true });
      for (const field of ['last_link', 'still_open', 'freed_bytes', 'took_watched'])
        expect(rmwatch).not.toHaveProperty(field);
    });

    it('says of a directory what it takes along', () => {
      const said = (losing: string[]) => moveOf('/b', { isDirectory: true, losing }, { mode: 0o040755 }).message;
      expect(said([])).toContain(' to /b (directory) by ');
      expect(said(['app'])).toContain(' to /b (directory, takes watch app along) by ');
      expect(said(['app', 'data'])).toContain(' to /b (directory, takes watches app, data along) by ');
      expect(said(Array.from({ length: 9 }, (_, i) => `w${i}`))).toContain(' (directory, takes 9 watches along) by ');
      const { rmwatch } = moveOf('/b', { isDirectory: true, losing: ['app'] }, { mode: 0o040755 });
      expect(rmwatch.took_watched).toBe(true);
    });

    it('keeps names that are not UTF-8, and tells both places on the host', () => {
      const hostPlace = { directory: '/volumes', name: '\xfe', cut: false };
      const { rmwatch, message } = moveOf('/srv/\xff', { hostPlace });
      expect(message).toContain('to /srv/\ufffd by');
      expect(rmwatch).toMatchObject({
        moved_to: '/srv/\ufffd',
        moved_to_bytes: Buffer.from('/srv/\xff', 'latin1').toString('base64'),
        moved_to_host_path: '/volumes/\ufffd',
        moved_to_host_path_bytes: Buffer.from('/volumes/\xfe', 'latin1').toString('base64'),
      });
    });

    it('says that the place is not known where it is not', () => {
      const { rmwatch, message } = moveOf('/', { target: undefined });
      expect(message).toContain('/var/lib/app/a.db to (unknown path) by');
      expect(rmwatch).not.toHaveProperty('moved_to');
      expect(rmwatch.moved_to_complete).toBe(false);
    });
  });

  it.each([
    [0o100755, 'file', '0755'],
    [0o041777, 'dir', '1777'],
    [0o120777, 'symlink', '0777'],
    [0o010000, 'fifo', '0000'],
    [0o144600, 'socket', '4600'],
    [0o020006, 'char_device', '0006'],
    [0o067777, 'block_device', '7777'],
    [0o000644, undefined, '0644'],
  ])('tells the type and permissions of mode %o', (mode, type, permissions) => {
    const directory = type === 'dir' ? DIRECTORY : {};
    const { file } = lineOf({ members: { ...directory, mode } });
    expect([file.type, file.mode]).toEqual([type, permissions]);
  });

  it('keeps numbers that no double can hold, and the largest ids', () => {
    const members = {
      inode: 2n ** 64n - 1n,
      device: 2 ** 32 - 1,
      uid: 2 ** 32 - 2,
      gid: 2 ** 32 - 1,
      file_uid: 2 ** 32 - 1,
      size: 2n ** 53n - 1n,
      mtime_seconds: -1,
    };
    const { file, user, group } = lineOf({ members });
    expect(file).toMatchObject({ inode: '18446744073709551615', device: '4095:1048575', uid: '4294967295' });
    expect(file).toMatchObject({ size: 2 ** 53 - 1, mtime: '1969-12-31T23:59:59.000000005Z' });
    expect([user, group]).toEqual([{ id: '4294967294' }, { id: '4294967295' }]);
    expect(lineOf({ members: { inode: 2n ** 53n + 1n } }).file.inode).toBe('9007199254740993');
  });

  it.each([
    ['a size that readers of JSON would round', { size: 2n ** 53n }, 'size'],
    ['the largest size', { size: 2n ** 63n - 1n }, 'size'],
    ['a time before the year 0001', { mtime_seconds: -62_135_596_801 }, 'mtime'],
    ['a time after the year 9999', { mtime_seconds: 253_402_300_800 }, 'mtime'],
    ['the last time of all', { mtime_seconds: 2n ** 63n - 1n }, 'mtime'],
    ['the first time of all', { mtime_seconds: -(2n ** 63n) }, 'mtime'],
  ])('leaves out %s', (_what, members, field) => {
    const { file } = lineOf({ members });
    expect(file).not.toHaveProperty(field);
    expect(file).toHaveProperty(field === 'size' ? 'mtime' : 'size');
    expect(file.inode).toBe('131');
  });

  it.each([
    [
      'nothing',
      { inode: 0, device: 0, size: 0, mtime_seconds: -62_135_596_800, mtime_nanoseconds: 0, tgid: 1, tid: 1 },
    ],
    [
      'all that fits',
      {
        inode: 2n ** 64n - 1n,
        device: 2 ** 32 - 1,
        size: 2n ** 53n - 1n,
        allocated_bytes: 2n ** 53n - 1n,
        mtime_seconds: 253_402_300_799,
        mtime_nanoseconds: 999_999_999,
        tgid: 2 ** 22,
        tid: 2 ** 22,
        mode: 0o107777,
        uid: 2 ** 32 - 2,
        effective_uid: 2 ** 32 - 1,
        fs_uid: 2 ** 32 - 2,
        gid: 2 ** 32 - 2,
        effective_gid: 2 ** 32 - 1,
        fs_gid: 2 ** 32 - 2,
        file_uid: 2 ** 32 - 1,
        file_gid: 2 ** 32 - 1,
        mount_namespace: 2 ** 32 - 1,
        time_seconds: 2 ** 32 - 1,
        time_nanoseconds: 999_999_999,
      },
    ],
  ])('tells fields that hold %s', (_what, members) => {
    const event = lineOf({ members });
    const { file } = event;
    expect(file.inode).toBe(String(members.inode));
    expect(file.size).toBe(Number(members.size));
    expect(Date.parse(file.mtime)).toBe(members.mtime_seconds * 1000 + (members.mtime_nanoseconds > 0 ? 999 : 0));
    expect([event.process.pid, event.process.thread.id]).toEqual([members.tgid, members.tid]);
  });

  it.each([
    ['the least id', { file_uid: 1, file_gid: 2, mount_uid: 0, mount_gid: 0 }, ['0', '0']],
    [
      'the greatest id',
      { file_uid: 0, file_gid: 0, mount_uid: 2 ** 32 - 2, mount_gid: 2 ** 32 - 2 },
      ['4294967294', '4294967294'],
    ],
    ['another user only', { file_uid: 5, file_gid: 7, mount_uid: 100_005, mount_gid: 7 }, ['100005', undefined]],
    ['another group only', { file_uid: 5, file_gid: 7, mount_uid: 5, mount_gid: 65_534 }, [undefined, '65534']],
    ['the same owner', { file_uid: 5, file_gid: 7 }, [undefined, undefined]],
  ])('tells of a mount that shows %s', (_what, members, [uid, gid]) => {
    const { file, rmwatch } = lineOf({ members });
    expect([file.uid, file.gid]).toEqual([String(members.file_uid), String(members.file_gid)]);
    expect([rmwatch.mount_uid, rmwatch.mount_gid]).toEqual([uid, gid]);
  });

  it('tells nothing of the owner where no file was found', () => {
    const members = { flags: FOUND & ~DELETION_HAS_VICTIM, result: -2, mount_uid: 1, mount_gid: 1 };
    const { rmwatch } = lineOf({ members, outcome: 'failure' });
    expect(rmwatch).not.toHaveProperty('mount_uid');
    expect(rmwatch).not.toHaveProperty('mount_gid');
  });

  it('tells how an attempt failed', () => {
    const members = { ...DIRECTORY, result: -39 };
    const event = lineOf({ members, outcome: 'failure' });
    expect(event.event).toMatchObject({ type: ['info'], outcome: 'failure', action: 'rmdir' });
    expect(event.error).toEqual({ code: 'ENOTEMPTY' });
    expect(event.message).toBe('rmdir /var/lib/app/a.db by rm[4242] (root): ENOTEMPTY');
    expect(event.rmwatch).not.toHaveProperty('last_link');
    expect(event.rmwatch).not.toHaveProperty('still_open');
  });

  it('guesses no outcome when the kernel missed it', () => {
    const event = lineOf({ members: { flags: FOUND & ~DELETION_RESULT_KNOWN }, outcome: 'unknown' });
    expect(event.event).not.toHaveProperty('outcome');
    expect(event).not.toHaveProperty('error');
    expect(event.rmwatch).not.toHaveProperty('freed_bytes');
  });

  it.each([
    ['the last link', {}, { last_link: true, still_open: false, freed_bytes: 8192 }],
    ['an open file', { flags: FOUND | DELETION_STILL_OPEN }, { last_link: true, still_open: true }],
    [
      'a file of a filesystem that does not tell',
      { flags: FOUND & ~DELETION_ALLOCATION_KNOWN },
      { last_link: true, still_open: false },
    ],
    ['one of two links', { link_count: 2 }, { last_link: false, still_open: false }],
    ['a file that may be open or not', { flags: FOUND & ~DELETION_OPEN_KNOWN }, { last_link: true }],
    ['a directory', { ...DIRECTORY, link_count: 2 }, { last_link: true }],
  ])('tells whether space was released by %s', (_what, members, expected) => {
    const { last_link, still_open, freed_bytes } = lineOf({ members }).rmwatch;
    expect({ last_link, still_open, freed_bytes }).toEqual({
      still_open: undefined,
      freed_bytes: undefined,
      ...expected,
    });
  });

  it('tells no size of a directory', () => {
    expect(lineOf({ members: DIRECTORY }).file).not.toHaveProperty('size');
  });

  it('leaves out the file members that the kernel did not have', () => {
    const event = lineOf({
      members: { flags: DELETION_PATH_IS_BASE | DELETION_PATH_COMPLETE | DELETION_RESULT_KNOWN, result: -2 },
      texts: { path: '/srv', typed: 'gone' },
      outcome: 'failure',
    });
    expect(event.file).toEqual({ path: '/srv/gone', name: 'gone', directory: '/srv' });
    expect(event.error.code).toBe('ENOENT');
  });

  it('tells of an attempt whose name could not be read', () => {
    const record = { flags: DELETION_PATH_IS_BASE | DELETION_RESULT_KNOWN, result: -14 };
    const view = viewOf(deletionRecord({ ...FILE, ...record }, { path: '/srv', comm: 'bad' }));
    const context = {
      hostPlace: undefined,
      outcome: 'failure' as const,
      process: undefined,
      ruleJson: '["all"]',
      sequence: 1,
    };
    const path = new PathResolver().resolve(view, undefined);
    const event = parsed(writtenLine(new EventEncoder(OPTIONS), view, { ...context, path, boot: BOOT }));
    expect(event.message).toBe('unlink (unknown path) by bad[4242] (root): EFAULT');
    expect(event).not.toHaveProperty('file');
    expect(event.rmwatch).toMatchObject({ path_complete: false });
    expect(event.rmwatch).not.toHaveProperty('requested_path');
  });

  it('tells the way of a call and the mode of the hooks', () => {
    const { rmwatch } = lineOf({ members: { flags: FOUND | DELETION_IO_URING }, options: { attach: 'fentry' } });
    expect(rmwatch).toMatchObject({ via: 'io_uring', attach: 'fentry' });
  });

  it('escapes names of hosts, users and processes', () => {
    const options = { hostName: 'a"b\n', bootId: undefined, userName: () => 'DOM\\user "x"' };
    const event = lineOf({ options, texts: { comm: 'a"\n\xff\\' } });
    expect(event.host).toEqual({ name: 'a"b\n' });
    expect(event.user.name).toBe('DOM\\user "x"');
    expect(event.process.name).toBe('a"\n\ufffd\\');
    expect(event.message).toBe('unlink /var/lib/app/a.db by a"\n\ufffd\\[4242] (DOM\\user "x")');
  });

  it('takes process names of all 16 bytes', () => {
    expect(lineOf({ texts: { comm: 'n'.repeat(16) } }).process.name).toBe('n'.repeat(16));
  });

  it('tells what is different in each of many lines', () => {
    const processes = new ProcessTable({ args: WHOLE_ARGS, bootId: undefined, forgetInKernel: () => {} });
    for (const id of [1, 2]) {
      processes.add(viewOf(processRecord({ process_id: id, flags: PROCESS_HAS_ARGS }, [`program-${id}`])), BOOT);
    }
    const base = { ...FILE, flags: FOUND, process_id: 1, tgid: 40, tid: 41, uid: 1, gid: 2, mount_namespace: 3 };
    const changes: readonly object[] = [
      {},
      { process_id: 2 },
      { tgid: 50 },
      { tid: 51 },
      { uid: 5 },
      { gid: 6 },
      { mount_namespace: 7 },
      { operation: 1 },
      { flags: FOUND | DELETION_IO_URING },
      { flags: FOUND & ~DELETION_RESULT_KNOWN },
      { result: -2 },
      { result: -13 },
    ];
    const cases = changes.flatMap((change) =>
      ['rm', 'fifteen-letters', 'fifteen-lettert'].flatMap((comm) => {
        const record = viewOf(deletionRecord({ ...base, ...change }, { ...TEXTS, comm }));
        return ['["a"]', '["b"]'].map((ruleJson) => ({ record, ruleJson }));
      }),
    );
    const write = (line: EventEncoder, { record, ruleJson }: (typeof cases)[number]) => {
      const known = (record.flags & DELETION_RESULT_KNOWN) !== 0;
      return writtenLine(line, record, {
        path: new PathResolver().resolve(record, undefined),
        hostPlace: undefined,
        outcome: !known ? 'unknown' : record.result === 0 ? 'success' : 'failure',
        process: processes.get(record.processId),
        ruleJson,
        sequence: 1,
        boot: BOOT,
      });
    };
    const options = { ...OPTIONS, userName: (uid: number) => `user-${uid}` };
    const shared = new EventEncoder(options);
    const expected = cases.map((one) => write(new EventEncoder(options), one));
    expect(new Set(expected).size).toBe(cases.length);
    const wrong = [...cases.keys()].flatMap((before) =>
      [...cases.keys()].filter((after) => {
        write(shared, cases[before]!);
        return write(shared, cases[after]!) !== expected[after];
      }),
    );
    expect(wrong).toEqual([]);
  });

  it('follows a user who gets a name, or another', () => {
    let name: string | undefined;
    const line = new EventEncoder({ ...OPTIONS, userName: () => name });
    const record = viewOf(deletionRecord({ ...FILE, uid: 7, flags: FOUND }, TEXTS));
    const path = new PathResolver().resolve(record, undefined);
    const context = {
      path,
      hostPlace: undefined,
      outcome: 'success' as const,
      process: undefined,
      ruleJson: '["all"]',
      sequence: 1,
    };
    const users = [undefined, 'first', 'second', undefined].map((now) => {
      name = now;
      const { user, message } = parsed(writtenLine(line, record, { ...context, boot: BOOT }));
      return [user, message.split(' ').at(-1)];
    });
    expect(users).toEqual([
      [{ id: '7' }, '(7)'],
      [{ id: '7', name: 'first' }, '(first)'],
      [{ id: '7', name: 'second' }, '(second)'],
      [{ id: '7' }, '(7)'],
    ]);
  });
});

const SEED = Number(process.env['RMWATCH_SEED'] ?? Date.now() % 1e9);

it(`carries any bytes, seed ${SEED}`, () => {
  const random = randomFrom(SEED);
  const alphabets = [
    () => random(255) + 1,
    () => random(127) + 1,
    () => 32 + random(95),
    () => [0x22, 0x5c, 0x0a, 0x7f, 0x1b, 0xc3, 0xa9, 0xe2, 0x80, 0xa8, 0xff][random(11)]!,
  ];
  /** Bytes in latin1 view, none of them NUL; in names no slash either. */
  const bytes = (most: number, name = true) => {
    const alphabet = alphabets[random(alphabets.length)]!;
    const values = Array.from({ length: random(most) + 1 }, alphabet);
    return Buffer.from(values.map((value) => (name && value === 0x2f ? 0x2e : value))).toString('latin1');
  };
  const text = (latin1: string) => Buffer.from(latin1, 'latin1').toString();
  /** The bytes that a line tells: those in base64, where it has them. */
  const told = (value: string, base64: string | undefined) =>
    (base64 === undefined ? Buffer.from(value) : Buffer.from(base64, 'base64')).toString('latin1');

  const mountPoint = `/mnt/${bytes(40)}`;
  const mounts = new MountTable([{ id: 1, device: FILE.device, root: '', mountPoint }]);
  const line = new EventEncoder(OPTIONS);
  const paths = new PathResolver();
  const processes = new ProcessTable({ args: WHOLE_ARGS, bootId: undefined, forgetInKernel: () => {} });

  // Short enough that nothing is cut.
  for (let round = 0; round < 300; round++) {
    const below = Array.from({ length: random(20) + 1 }, () => `/${bytes(255)}`).join('');
    const path = `/${bytes(20)}${below}`.slice(0, 1000);
    const typed = bytes(1000, false);
    const comm = bytes(15);
    const args = Array.from({ length: random(5) }, () => bytes(100, false));
    const executable = `/${bytes(255)}/${bytes(255)}`;
    const cgroup = `/${bytes(255)}`;
    const id = round + 1;
    const texts = { flags: PROCESS_TEXT_COMPLETE, process_id: id };
    processes.addText(viewOf(processTextRecord({ ...texts, which: PROCESS_TEXT_EXECUTABLE }, executable)));
    processes.addText(viewOf(processTextRecord({ ...texts, which: PROCESS_TEXT_CGROUP }, cgroup)));
    processes.add(viewOf(processRecord({ process_id: id, flags: PROCESS_HAS_ARGS }, args, comm)), BOOT);
    const record = viewOf(
      deletionRecord(
        { ...FILE, flags: FOUND | DELETION_FS_ROOT, process_id: id },
        { path, typed, comm, belowMount: Math.min(below.length, path.length - 1) },
      ),
    );
    const resolved = paths.resolve(record, mounts);
    const written = writtenLine(line, record, {
      path: resolved,
      hostPlace: resolved.hostPlaces[0],
      outcome: 'success',
      process: processes.get(record.processId),
      ruleJson: '["all"]',
      sequence: round + 1,
      boot: BOOT,
    });
    const label = `seed ${SEED}, round ${round}: ${written}`;
    expect(written, label).not.toMatch(/[\x00-\x1f]/);
    const { message, file, process, rmwatch } = JSON.parse(written);
    const slash = path.lastIndexOf('/');
    expect([told(file.path, rmwatch.path_bytes), file.path], label).toEqual([path, text(path)]);
    expect([file.directory, file.name], label).toEqual([text(path.slice(0, slash)), text(path.slice(slash + 1))]);
    expect(told(rmwatch.requested_path, rmwatch.requested_path_bytes), label).toBe(typed);
    expect(told(rmwatch.host_path, rmwatch.host_path_bytes), label).toBe(
      mountPoint + path.slice(path.length - Math.min(below.length, path.length - 1)),
    );
    expect(process.args, label).toEqual(args.map(text));
    expect(process.command_line, label).toBe(text(args.join(' ')));
    const argsBytes: string[] | undefined = rmwatch.args_bytes;
    expect(argsBytes?.map((arg) => told('', arg)) ?? args, label).toEqual(args);
    expect(process.args_count, label).toBe(args.length);
    expect([process.name, process.parent.name, process.executable, rmwatch.cgroup], label).toEqual(
      [comm, comm, executable, cgroup].map(text),
    );
    expect(message, label).toBe(`unlink ${text(path)} by ${text(comm)}[4242] (root)`);
    expect(validateEventLine(JSON.parse(written)), label).toEqual([]);
    if (round % 20 === 0) {
      expect(prettyLine(JSON.parse(written), { color: false }), label).not.toMatch(/\p{Cc}/u);
    }
  }
});

describe('a line that would be too long', () => {
  const LIMIT = 48_000;
  const CONTROL = '\x01';

  /** As the kernel finds them at worst: everything as long as it takes it, and of bytes that need six in JSON. */
  function longest(path: string, rules = ['app-data']): { line: string; event: ReturnType<typeof parsed> } {
    const table = new ProcessTable({ args: WHOLE_ARGS, bootId: undefined, forgetInKernel: () => {} });
    const long = `/${CONTROL.repeat(4094)}`;
    const id = 1 << 22;
    for (const which of [PROCESS_TEXT_EXECUTABLE, PROCESS_TEXT_CGROUP, PROCESS_TEXT_DIRECTORY]) {
      const members = { process_id: id, which, flags: PROCESS_TEXT_COMPLETE };
      table.addText(viewOf(processTextRecord(members, long)));
    }
    const process = processRecord({ process_id: id, flags: PROCESS_HAS_ARGS }, ['rm', '\xff'.repeat(4000)]);
    table.add(viewOf(process), BOOT);
    const members = { ...FILE, flags: FOUND | DELETION_HAS_TYPED, process_id: id };
    const record = viewOf(deletionRecord(members, { path, typed: long.slice(1), comm: CONTROL.repeat(15) }));
    const line = writtenLine(new EventEncoder(OPTIONS), record, {
      path: new PathResolver().resolve(record, undefined),
      hostPlace: { directory: long, name: 'a', cut: false },
      outcome: 'success',
      process: table.get(id),
      ruleJson: JSON.stringify(rules),
      sequence: 17,
      boot: BOOT,
    });
    expect(Buffer.byteLength(`${line}\n`)).toBeLessThanOrEqual(LIMIT);
    return { line, event: parsed(line) };
  }

  it('keeps the whole path, and says what was cut', () => {
    const path = `/${Array.from({ length: 15 }, () => CONTROL.repeat(255)).join('/')}`;
    const { event } = longest(path);
    expect(event.file.path).toBe(path);
    expect(event.file.name).toBe(CONTROL.repeat(255));
    expect(event.rmwatch.path_complete).toBe(true);
    expect(event.rmwatch.cut).toContain('message');
    expect(event.rmwatch.cut).toContain('process.command_line');
    expect(event.message).toMatch(/^unlink \u2026\x01+ by \x01+\[4242\] \(root\)$/);
    for (const field of event.rmwatch.cut.filter((name: string) => name !== 'message')) {
      const [section, key] = field.split('.');
      expect(event[section][key], field).toBeUndefined();
    }
  });

  it('leaves out no more than it must', () => {
    const { line, event } = longest('/srv/short');
    expect(event.file).toMatchObject({ path: '/srv/short', name: 'short' });
    // What was left out last would not have fitted.
    expect(Buffer.byteLength(line)).toBeGreaterThan(LIMIT - 4096 * 6);
  });

  it('cuts the path last, at its beginning, and then it is not complete', () => {
    // A typed name behind the directory that it starts from, as in tracepoint mode.
    const path = `/${CONTROL.repeat(8100)}/${Buffer.from('\u{1f5d1}end').toString('latin1')}`;
    const { event } = longest(path);
    expect(event.rmwatch.cut.at(-1)).toBe('file.path');
    expect(event.rmwatch.cut).toContain('process.args');
    // The number of arguments stays.
    expect(event.process.args_count).toBe(2);
    expect(event.rmwatch.path_complete).toBe(false);
    expect(event.file.path).toMatch(/^\x01+\/\u{1f5d1}end$/u);
    expect(event.file.path.length).toBeGreaterThan(7_000);
  });

  it('shortens the list of very many watches', () => {
    const rules = Array.from({ length: 10_000 }, (_, index) => `watch-${index}`);
    const { event } = longest('/srv/short', rules);
    expect(event.rule.name.length).toBeGreaterThan(100);
    expect(event.rule.name).toEqual(rules.slice(0, event.rule.name.length));
    expect(event.rmwatch.cut[0]).toBe('rule.name');
  });

  it('is as it was while it is short enough', () => {
    expect(lineOf({ texts: { path: `/${'a'.repeat(4000)}` } }).rmwatch.cut).toBeUndefined();
  });
});
