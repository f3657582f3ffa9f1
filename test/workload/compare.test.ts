import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { FULL_DELETION } from '../lib/sample-events.js';
import { buildWorkload } from './build.js';
import { compareRun, describeComparison } from './compare.js';
import { joinLexically } from './expected-path.js';

type Line = Record<string, unknown>;
// biome-ignore lint/suspicious/noExplicitAny: events are changed in every possible way here
type Event = any;
type Mode = 'kprobe' | 'fentry' | 'tracepoint';

const base64 = (text: string) => Buffer.from(text, 'latin1').toString('base64');
const AT_US = 1_800_000_000_123_456;

const START = {
  start: '6.12.0',
  base: base64('/base'),
  pid: 10,
  mount_namespace: 4026531840,
  host_mount_namespace: 4026531840,
  at_us: AT_US - 1_000_000,
};
const END = { end: 1, problems: 0, at_us: AT_US + 1_000_000 };

/** What the workload says of an ordinary unlink. */
function lineOf(changes: Line = {}): Line {
  return {
    case: 'unlink',
    call: 'unlink',
    operation: 'unlink',
    via: 'syscall',
    expect: 'event',
    pid: 42,
    tid: 43,
    ppid: 10,
    parent_name: base64('cases'),
    name: base64('rm'),
    started_ms: AT_US / 1000 - 5000,
    exe: base64('/usr/bin/rm'),
    moved_to: null,
    moved_to_base: null,
    moved_to_typed: null,
    moved_to_host_path: null,
    former: null,
    former_uncertain: false,
    took_watched: false,
    untold_by_calls: false,
    moves_nothing: false,
    cwd: base64('/base/unlink'),
    args: [base64('rm'), base64('a file')],
    user_id: 0,
    group_id: 5,
    effective_user_id: 0,
    effective_group_id: 5,
    fs_user_id: 0,
    fs_group_id: 5,
    login_uid: 1000,
    cgroup: base64('/user.slice'),
    version_1_cgroup: null,
    mount_namespace: 4026531840,
    path: base64('/base/unlink/file'),
    base: base64('/base/unlink'),
    requested: base64('file'),
    path_state: 'complete',
    base_shared: false,
    is_own_program: false,
    host_path: null,
    began_us: AT_US,
    ended_us: AT_US + 100,
    result: 0,
    resolved: true,
    type: 'file',
    inode: 131,
    device: '8:1',
    uid: 7,
    gid: 8,
    mount_uid: 7,
    mount_gid: 8,
    mode: '0644',
    size: 5,
    mtime: [1_700_000_000, 1],
    links: 1,
    last_link: true,
    still_open: false,
    freed_bytes: 4096,
    unjudged: '',
    ...changes,
  };
}

const RELEASE = ['links', 'last_link', 'still_open', 'freed_bytes'];
const FILE = ['type', 'inode', 'device', 'uid', 'gid', 'mode', 'size', 'mtime'];

function without(line: Line, names: string[]): Line {
  return Object.fromEntries(Object.entries(line).filter(([name]) => !names.includes(name)));
}

/** A failure of which the kernel never saw the file. */
function missingLine(changes: Line = {}): Line {
  return without(lineOf({ case: 'missing', result: 'ENOENT', resolved: false, ...changes }), [...FILE, ...RELEASE]);
}

/** The event that reports `lineOf()` rightly. */
function eventOf(mode: Mode = 'kprobe'): Event {
  const { ecs, log, event } = structuredClone(FULL_DELETION);
  return {
    '@timestamp': new Date(AT_US / 1000).toISOString().replace(/\.(\d+)Z$/, '.$1456000Z'),
    ecs,
    log,
    message: 'unlink /base/unlink/file by rm[42] (root)',
    event: { ...event, sequence: 1 },
    host: { name: 'web-3' },
    file: {
      path: '/base/unlink/file',
      name: 'file',
      directory: '/base/unlink',
      type: 'file',
      inode: '131',
      device: '8:1',
      uid: '7',
      gid: '8',
      mode: '0644',
      size: 5,
      mtime: '2023-11-14T22:13:20.000000001Z',
    },
    process: {
      pid: 42,
      thread: { id: 43 },
      name: 'rm',
      executable: '/usr/bin/rm',
      args: ['rm', 'a file'],
      args_count: 2,
      command_line: 'rm a file',
      working_directory: '/base/unlink',
      start: new Date(AT_US / 1000 - 4995).toISOString(),
      parent: { pid: 10, name: 'cases' },
    },
    user: { id: '0', name: 'root' },
    group: { id: '5' },
    rule: { name: ['all'] },
    rmwatch: {
      requested_path: 'file',
      path_complete: true,
      last_link: true,
      still_open: false,
      freed_bytes: 4096,
      login_uid: '1000',
      cgroup: '/user.slice',
      mount_namespace: 4026531840,
      via: 'syscall',
      attach: mode,
    },
  };
}

function missingEvent(change: (event: Event) => void = () => {}): Event {
  const event = eventOf();
  event.event.type = ['info'];
  event.event.outcome = 'failure';
  event.error = { code: 'ENOENT' };
  for (const name of FILE) delete event.file[name];
  for (const name of RELEASE) delete event.rmwatch[name];
  change(event);
  return event;
}

/** What a system-call tracepoint can tell of `lineOf()`. */
function tracepointEvent(): Event {
  const event = eventOf('tracepoint');
  for (const name of FILE) delete event.file[name];
  for (const name of RELEASE) delete event.rmwatch[name];
  return event;
}

function compare(lines: Line[], events: Event[], options: Partial<Parameters<typeof compareRun>[0]> = {}) {
  return compareRun({ expected: [START, ...lines, END], events, mode: 'kprobe', missedReturns: false, ...options });
}

function wrongFields(line: Line, event: Event, options = {}) {
  const { mismatches, missing, unexpected } = compare([line], [event], options);
  expect(missing).toEqual([]);
  expect(unexpected).toEqual([]);
  return mismatches.map(({ field }) => field);
}

/** Every member at the end of a path, with its dotted name. */
function leaves(value: Event, prefix = ''): string[] {
  return Object.entries(value).flatMap(([name, member]) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? leaves(member, `${prefix}${name}.`)
      : [`${prefix}${name}`],
  );
}

function parentOf(event: Event, field: string): [Event, string] {
  const names = field.split('.');
  const last = names.pop() as string;
  return [names.reduce((value, name) => value[name], event), last];
}

const changed = (value: unknown) =>
  typeof value === 'number'
    ? value + 1
    : typeof value === 'boolean'
      ? !value
      : Array.isArray(value)
        ? [...value, 'x']
        : `${value}x`;

/** Which thread an event is of decides what it is compared with: a wrong one is an event too many, and one too few. */
const IDENTITY = ['process.pid', 'process.thread.id'];
/** Not said by the workload. */
const UNCHECKED = ['host.name', 'rule.name', 'user.name', 'message', ...IDENTITY];

describe('the comparison of the account with the events', () => {
  it('finds nothing wrong with an event that is right', () => {
    const result = compare([lineOf()], [eventOf()]);
    expect(result).toMatchObject({ cases: 1, attempts: 1, mismatches: [], unexpected: [], missing: [], ok: true });
    expect(describeComparison(result)).toMatch(/^1 cases, 1 attempts: 0 wrong fields, 0 missing/);
  });

  const fields = leaves(eventOf()).filter((field) => !UNCHECKED.includes(field));
  it.each(fields)('finds an event whose %s is wrong', (field) => {
    const event = eventOf();
    const [parent, name] = parentOf(event, field);
    parent[name] = field === 'event.sequence' ? 'x' : changed(parent[name]);
    expect(compare([lineOf()], [event]).mismatches.map((mismatch) => mismatch.field)).toContain(field);
  });

  it.each(fields)('finds an event without %s', (field) => {
    const event = eventOf();
    const [parent, name] = parentOf(event, field);
    delete parent[name];
    const { mismatches, missing } = compare([lineOf()], [event]);
    // Without its kind a line is not an event at all.
    if (field === 'event.kind') expect(missing).toHaveLength(1);
    else expect(mismatches.map((mismatch) => mismatch.field)).toContain(field);
  });

  it.each([
    ['error.code', { error: { code: 'ENOENT' } }],
    ['container.id', { container: { id: 'a'.repeat(64) } }],
    ['rmwatch.host_path', { rmwatch: { ...eventOf().rmwatch, host_path: '/elsewhere' } }],
    ['rmwatch.path_bytes', { rmwatch: { ...eventOf().rmwatch, path_bytes: base64('/base/unlink/file') } }],
    ['rmwatch.args_bytes', { rmwatch: { ...eventOf().rmwatch, args_bytes: [] } }],
  ])('sees a needless %s', (field, extra) => {
    expect(wrongFields(lineOf(), { ...eventOf(), ...extra })).toEqual([field]);
  });

  it('says which field is wrong, and what it should be', () => {
    const event = eventOf();
    event.file.size = 6;
    const [mismatch] = compare([lineOf()], [event]).mismatches;
    expect(mismatch).toEqual({
      case: 'unlink',
      call: 'unlink',
      requested: 'file',
      field: 'file.size',
      expected: 5,
      actual: 6,
    });
  });

  it.each(IDENTITY)('finds an event whose %s is that of another process', (field) => {
    const event = eventOf();
    const [parent, name] = parentOf(event, field);
    parent[name] = 4711;
    expect(compare([lineOf()], [event])).toMatchObject({ ok: false, missing: [lineOf()], unexpected: [event] });
  });

  it('names the attempt whose event is missing, and compares the others with their own', () => {
    const lines = Array.from({ length: 9 }, (_, index) =>
      lineOf({ began_us: AT_US + index * 10_000, ended_us: AT_US + index * 10_000 + 100, size: index }),
    );
    const events = lines.map((line, index) => {
      const event = eventOf();
      event['@timestamp'] = new Date((line.began_us as number) / 1000).toISOString().replace('Z', '456000Z');
      event.file.size = index;
      return event;
    });
    events.splice(4, 1);
    for (const [index, event] of events.entries()) event.event.sequence = index + 1;
    expect(compare(lines, events)).toMatchObject({ mismatches: [], missing: [lines[4]], unexpected: [], ok: false });
  });

  it('finds an event that no attempt explains', () => {
    const second = eventOf();
    second.event.sequence = 2;
    expect(compare([lineOf()], [eventOf(), second])).toMatchObject({ unexpected: [second], mismatches: [], ok: false });
  });

  it('finds an event of an attempt that removes nothing', () => {
    const line = lineOf({ operation: 'replace', expect: 'nothing', call: 'rename' });
    expect(compare([lineOf(), line], [eventOf()]).ok).toBe(true);
    const event = eventOf();
    event.event.action = 'replace';
    expect(compare([line], [event]).unexpected).toEqual([event]);
  });

  it('passes over events of other processes elsewhere', () => {
    const event = eventOf();
    event.process.pid = 4711;
    event.file.path = '/elsewhere/file';
    event.event.sequence = 2;
    expect(compare([lineOf()], [eventOf(), event]).ok).toBe(true);
  });

  it('finds a gap in event.sequence, and a line that says that events were lost', () => {
    const second = eventOf();
    second.process.pid = 4711;
    second.file.path = '/elsewhere';
    second.event.sequence = 3;
    expect(compare([lineOf()], [eventOf(), second]).mismatches).toMatchObject([
      { field: 'event.sequence', expected: 2 },
    ]);
    const lost = { event: { kind: 'pipeline_error', action: 'events-lost' } };
    expect(compare([lineOf()], [eventOf(), lost]).mismatches).toMatchObject([{ field: 'event.kind' }]);
  });

  it('refuses a workload that had problems, made no attempt or did not end', () => {
    const problem = { problem: 'unlink', reason: 'no' };
    expect(compare([lineOf(), problem], [eventOf()])).toMatchObject({ ok: false, problems: [{ case: 'unlink' }] });
    expect(compare([], []).ok).toBe(false);
    expect(compareRun({ expected: [START, lineOf()], events: [eventOf()], mode: 'kprobe' }).ok).toBe(false);
    const skip = { skip: 'io-uring', reason: 'old' };
    expect(compare([lineOf(), skip], [eventOf()])).toMatchObject({
      ok: true,
      skips: [{ case: 'io-uring', reason: 'old' }],
    });
  });

  it('takes the account and the events as text or as objects', () => {
    const expected = [START, lineOf(), END].map((line) => JSON.stringify(line));
    expect(compareRun({ expected: [...expected, ''], events: [eventOf()], mode: 'kprobe' }).ok).toBe(true);
  });
});

describe('the event of a failed attempt', () => {
  it('has no file details where there was no file', () => {
    expect(wrongFields(missingLine(), missingEvent())).toEqual([]);
  });

  it.each(FILE)('may not guess file.%s', (name) => {
    expect(
      wrongFields(
        missingLine(),
        missingEvent((event) => (event.file[name] = 'x')),
      ),
    ).toEqual([`file.${name}`]);
  });

  it('may not say that space was released', () => {
    const event = missingEvent((changed) => Object.assign(changed.rmwatch, { freed_bytes: 1, last_link: true }));
    expect(wrongFields(missingLine(), event)).toEqual(['rmwatch.last_link', 'rmwatch.freed_bytes']);
  });

  it('must name the errno', () => {
    expect(wrongFields(missingLine({ result: 'EROFS' }), missingEvent())).toEqual(['error.code']);
    const event = missingEvent((changed) => (changed.event.outcome = 'success'));
    expect(wrongFields(missingLine(), event)).toEqual(['event.outcome']);
  });

  it('must have the details of a file that was found', () => {
    const line = without(lineOf({ result: 'EACCES' }), RELEASE);
    const event = eventOf();
    Object.assign(event.event, { type: ['info'], outcome: 'failure' });
    event.error = { code: 'EACCES' };
    for (const name of RELEASE) delete event.rmwatch[name];
    expect(wrongFields(line, event)).toEqual([]);
    delete event.file.inode;
    expect(wrongFields(line, event)).toEqual(['file.inode']);
  });

  it('may call the path of what was typed complete only when every parent was resolved', () => {
    const line = missingLine({ requested: base64('link/file'), path: base64('/base/real/file') });
    const lexical = (complete: boolean, text: string) =>
      missingEvent((event) => {
        event.rmwatch.requested_path = 'link/file';
        event.rmwatch.path_complete = complete;
        Object.assign(event.file, { path: text, name: 'file', directory: path.dirname(text) });
      });
    expect(wrongFields(line, lexical(false, '/base/unlink/link/file'))).toEqual([]);
    expect(wrongFields(line, lexical(true, '/base/real/file'))).toEqual([]);
    expect(wrongFields(line, lexical(true, '/base/unlink/link/file'))).toEqual(['file.path']);
    expect(wrongFields(line, lexical(false, '/base/other/file'))).toEqual(['file.path']);
  });

  it('must say that the path is not complete where none can be known', () => {
    const line = missingLine({ requested: null, path: null, base: null, path_state: 'unknown', result: 'EFAULT' });
    const event = missingEvent((changed) => {
      changed.error.code = 'EFAULT';
      delete changed.rmwatch.requested_path;
      delete changed.file;
      changed.rmwatch.path_complete = false;
    });
    expect(wrongFields(line, event)).toEqual([]);
    event.rmwatch.path_complete = true;
    expect(wrongFields(line, event)).toEqual(['rmwatch.path_complete']);
  });
});

describe('a name in an event', () => {
  const BAD = '/base/unlink/caf\xe9';
  const badLine = lineOf({ path: base64(BAD), requested: base64('caf\xe9') });
  const badEvent = () => {
    const event = eventOf();
    Object.assign(event.file, { path: '/base/unlink/caf\ufffd', name: 'caf\ufffd' });
    Object.assign(event.rmwatch, {
      path_bytes: base64(BAD),
      requested_path: 'caf\ufffd',
      requested_path_bytes: base64('caf\xe9'),
    });
    return event;
  };

  it('must be there as bytes where text cannot hold it', () => {
    expect(wrongFields(badLine, badEvent())).toEqual([]);
    const event = badEvent();
    delete event.rmwatch.path_bytes;
    expect(wrongFields(badLine, event)).toEqual(['file.path']);
    const other = badEvent();
    delete other.rmwatch.requested_path_bytes;
    expect(wrongFields(badLine, other)).toEqual(['rmwatch.requested_path_bytes']);
  });

  it('must be the same as text and as bytes', () => {
    const event = badEvent();
    event.file.path = '/base/unlink/cafe';
    expect(wrongFields(badLine, event)).toEqual(['file.path']);
  });

  it('must be there as bytes among the arguments, too', () => {
    const line = lineOf({ args: [base64('rm'), base64('\xff')] });
    const event = eventOf();
    Object.assign(event.process, { args: ['rm', '\ufffd'], command_line: 'rm \ufffd' });
    expect(wrongFields(line, event)).toEqual(['rmwatch.args_bytes']);
    event.rmwatch.args_bytes = [base64('rm'), base64('\xff')];
    expect(wrongFields(line, event)).toEqual([]);
  });

  it('allows a long command line to be cut, not to be wrong', () => {
    const line = lineOf({ args: [base64('rm'), base64('a'.repeat(5000)), base64('last')] });
    const event = eventOf();
    const cut = 'a'.repeat(4000);
    Object.assign(event.process, { args: ['rm', cut], command_line: `rm ${cut}…`, args_count: 3 });
    expect(wrongFields(line, event)).toEqual([]);
    for (const count of [2, undefined]) {
      event.process.args_count = count;
      expect(wrongFields(line, event)).toEqual(['process.args_count']);
    }
    Object.assign(event.process, { args: ['rm', `b${cut}`], command_line: 'rm b', args_count: 3 });
    expect(wrongFields(line, event)).toEqual(['process.args', 'process.command_line']);
    Object.assign(event.process, { args: ['rm'], command_line: 'rm …', args_count: 3 });
    expect(wrongFields(line, event)).toEqual(['process.args']);
  });

  it('allows the tail of a path that is too deep', () => {
    const line = lineOf({ path_state: 'either' });
    const event = eventOf();
    expect(wrongFields(line, event)).toEqual([]);
    event.rmwatch.path_complete = false;
    Object.assign(event.file, { path: '/unlink/file', directory: '/unlink' });
    expect(wrongFields(line, event)).toEqual([]);
    event.file.path = '/other/file';
    expect(wrongFields(line, event)).toEqual(['file.path']);
    expect(wrongFields(lineOf({ path_state: 'incomplete' }), eventOf())).toEqual(['rmwatch.path_complete']);
  });
});

describe('other fields of an event', () => {
  it('releases nothing while the file is open or has other names', () => {
    const line = lineOf({ still_open: true, freed_bytes: -1 });
    const event = eventOf();
    event.rmwatch.still_open = true;
    expect(wrongFields(line, event)).toEqual(['rmwatch.freed_bytes']);
    delete event.rmwatch.freed_bytes;
    expect(wrongFields(line, event)).toEqual([]);
  });

  it('takes nothing and zero for the same where a file has no storage', () => {
    const event = eventOf();
    event.rmwatch.freed_bytes = 0;
    expect(wrongFields(lineOf({ freed_bytes: 0 }), event)).toEqual([]);
    delete event.rmwatch.freed_bytes;
    expect(wrongFields(lineOf({ freed_bytes: 0 }), event)).toEqual([]);
  });

  it('allows a missed return where told, and nothing wrong with it', () => {
    const event = eventOf();
    delete event.event.outcome;
    delete event.rmwatch.freed_bytes;
    for (const name of ['executable', 'args', 'args_count', 'command_line']) delete event.process[name];
    event['@timestamp'] = new Date((AT_US + 800_000) / 1000).toISOString().replace('Z', '000000Z');
    expect(wrongFields(lineOf(), event)).toContain('event.outcome');
    expect(compare([lineOf()], [event], { missedReturns: true })).toMatchObject({ ok: true, missedReturns: 1 });
    expect(compareRun({ expected: [START, lineOf(), END], events: [event], mode: 'kprobe' }).ok).toBe(false);
    event.rmwatch.freed_bytes = 4096;
    event.process.executable = '/bin/other';
    event.file.size = 1;
    expect(wrongFields(lineOf(), event, { missedReturns: true })).toEqual([
      'file.size',
      'process.executable',
      'rmwatch.freed_bytes',
    ]);
  });

  it('allows the working directory to be unknown where the path is too deep', () => {
    const event = eventOf();
    delete event.process.working_directory;
    expect(wrongFields(lineOf({ path_state: 'either' }), event)).toEqual([]);
    event.process.working_directory = '/tail';
    expect(wrongFields(lineOf({ path_state: 'either' }), event)).toEqual(['process.working_directory']);
  });

  it('wants a base that others share to be incomplete where only the system call is seen', () => {
    const line = lineOf({ base_shared: true });
    expect(wrongFields(line, eventOf())).toEqual([]);
    const event = tracepointEvent();
    expect(wrongFields(line, event, { mode: 'tracepoint' })).toEqual(['rmwatch.path_complete']);
    event.rmwatch.path_complete = false;
    expect(wrongFields(line, event, { mode: 'tracepoint' })).toEqual([]);
  });

  it('wants a program that removed itself to be called deleted where only the end of the call is seen', () => {
    const line = lineOf({ is_own_program: true });
    expect(wrongFields(line, eventOf())).toEqual([]);
    const event = tracepointEvent();
    const fields = ['process.executable', 'rmwatch.executable_deleted'];
    expect(wrongFields(line, event, { mode: 'tracepoint' })).toEqual(fields);
    event.process.executable += ' (deleted)';
    event.rmwatch.executable_deleted = true;
    expect(wrongFields(line, event, { mode: 'tracepoint' })).toEqual([]);
    expect(wrongFields(line, event)).toEqual(expect.arrayContaining(fields));
  });

  it('wants the ids that differ from the real ones, and no others', () => {
    const line = lineOf({ effective_user_id: 7, effective_group_id: 8, fs_user_id: 9, fs_group_id: 10 });
    const fields = ['user.effective.id', 'process.group.id', 'rmwatch.fs_uid', 'rmwatch.fs_gid'];
    expect(wrongFields(line, eventOf())).toEqual(fields);
    const event = eventOf();
    event.user.effective = { id: '7' };
    event.process.group = { id: '8' };
    Object.assign(event.rmwatch, { fs_uid: '9', fs_gid: '10' });
    expect(wrongFields(line, event)).toEqual([]);
    expect(wrongFields(lineOf(), event)).toEqual(fields);
  });

  it('wants the owner that the mount shows where it is another, and only where the kernel itself is seen', () => {
    const line = lineOf({ mount_uid: 9, mount_gid: 10 });
    const fields = ['rmwatch.mount_uid', 'rmwatch.mount_gid'];
    expect(wrongFields(line, eventOf())).toEqual(fields);
    const event = eventOf();
    Object.assign(event.rmwatch, { mount_uid: '9', mount_gid: '10' });
    expect(wrongFields(line, event)).toEqual([]);
    expect(wrongFields(lineOf(), event)).toEqual(fields);
    expect(wrongFields(line, tracepointEvent(), { mode: 'tracepoint' })).toEqual([]);
  });

  it('leaves out what the workload cannot judge', () => {
    const event = eventOf();
    Object.assign(event.file, { size: 77, inode: '9' });
    expect(wrongFields(lineOf({ unjudged: 'size', inode: null }), event)).toEqual([]);
  });

  it('wants of a move where it leads to, what it takes along, and no release', () => {
    const moved = {
      operation: 'move',
      moved_to: base64('/base/other'),
      moved_to_base: base64('/base/unlink'),
      moved_to_typed: base64('../other'),
      took_watched: true,
    };
    const event = eventOf();
    Object.assign(event.event, { type: ['change'], action: 'move' });
    Object.assign(event.rule, { name: ['moves'] });
    event.message = 'move /base/unlink/file to /base/other (takes watch moves along) by rm[42] (root)';
    for (const name of RELEASE) delete event.rmwatch[name];
    Object.assign(event.rmwatch, { moved_to: '/base/other', moved_to_complete: true, took_watched: true });
    const moveRules = () => ['moves'];
    expect(wrongFields(lineOf(moved), event, { moveRules })).toEqual([]);
    for (const [field, wrong] of Object.entries({
      moved_to: '/base',
      moved_to_complete: false,
      took_watched: undefined,
    })) {
      const changed = { ...event, rmwatch: { ...event.rmwatch, [field]: wrong } };
      expect(wrongFields(lineOf(moved), changed, { moveRules })).toEqual([`rmwatch.${field}`]);
    }
    const silent = { ...event, message: 'move /base/unlink/file to /base/other by rm[42] (root)' };
    expect(wrongFields(lineOf(moved), silent, { moveRules })).toEqual(['message']);
    expect(compare([lineOf(moved)], []).missing).toEqual([]);
    expect(compare([lineOf(moved)], [], { moveRules }).missing).toHaveLength(1);
    expect(compare([lineOf(moved)], [event]).unexpected).toHaveLength(1);
    const untold = lineOf({ ...moved, untold_by_calls: true });
    expect(compare([untold], [], { moveRules, mode: 'tracepoint' }).missing).toEqual([]);
    const nothing = lineOf({ ...moved, moves_nothing: true });
    expect(compare([nothing], [event], { moveRules }).unexpected).toHaveLength(1);
    expect(compare([nothing], [], { moveRules, mode: 'tracepoint' }).missing).toHaveLength(1);
  });

  it('wants the path of the host for a file in a container', () => {
    const line = lineOf({ host_path: base64('/base/volume/file'), path: base64('/data/file') });
    const event = eventOf();
    Object.assign(event.file, { path: '/data/file', directory: '/data' });
    expect(wrongFields(line, event)).toEqual(['rmwatch.host_path']);
    event.rmwatch.host_path = '/base/volume/file';
    expect(wrongFields(line, event)).toEqual([]);
    // The workload's namespace is not the host's: what the host sees is not known then.
    delete event.rmwatch.host_path;
    expect(wrongFields(line, event, { hostNamespace: false })).toEqual([]);
  });

  it('knows containers by their cgroup', () => {
    const id = '0123456789abcdef'.repeat(4);
    const line = lineOf({ cgroup: base64(`/docker-${id}.scope`) });
    const event = eventOf();
    event.rmwatch.cgroup = `/docker-${id}.scope`;
    expect(wrongFields(line, event)).toEqual(['container.id']);
    event.container = { id };
    expect(wrongFields(line, event)).toEqual([]);
    const hybrid = lineOf({ version_1_cgroup: base64(`/docker/${id}`) });
    expect(wrongFields(hybrid, eventOf())).toEqual(['container.id']);
    expect(wrongFields(hybrid, { ...eventOf(), container: { id } })).toEqual([]);
    expect(wrongFields(lineOf({ cgroup: null, version_1_cgroup: base64(`/docker/${id}`) }), eventOf())).toEqual([
      'container.id',
    ]);
  });

  it('checks names of users and rules, and absent arguments, when told', () => {
    expect(wrongFields(lineOf(), eventOf(), { users: { 0: 'toor' } })).toEqual(['user.name']);
    expect(wrongFields(lineOf(), eventOf(), { rules: ['other'] })).toEqual(['rule.name']);
    expect(wrongFields(lineOf(), eventOf(), { processArgs: false })).toEqual(['process.args', 'process.command_line']);
  });
});

describe('the comparison for one watched directory', () => {
  it('expects nothing of files elsewhere', () => {
    const line = lineOf({ path: base64('/sys/fs/cgroup/x') });
    expect(compare([line, lineOf()], [eventOf()], { watched: '/base' }).ok).toBe(true);
    expect(compare([lineOf({ pid: 44, tid: 44 })], [], { watched: '/base' }).missing).toHaveLength(1);
    expect(compare([lineOf()], [], { watched: '/bas' }).missing).toEqual([]);
  });

  it('goes by the path of the host', () => {
    const inside = lineOf({ path: base64('/data/file'), host_path: base64('/base/volume/file') });
    const outside = lineOf({ path: base64('/base/file'), host_path: base64('/other/file') });
    expect(compare([inside], [], { watched: '/base' }).missing).toHaveLength(1);
    expect(compare([outside], [], { watched: '/base' }).missing).toHaveLength(0);
  });
});

describe('the comparison in tracepoint mode', () => {
  it('expects no details of the file', () => {
    expect(wrongFields(lineOf(), tracepointEvent(), { mode: 'tracepoint' })).toEqual([]);
    expect(wrongFields(lineOf(), eventOf('tracepoint'), { mode: 'tracepoint' })).toContain('file.inode');
  });

  it('expects no replaced file and nothing from io_uring', () => {
    const lines = [lineOf({ operation: 'replace' }), lineOf({ via: 'io_uring', tid: null })];
    expect(compare([...lines, lineOf()], [tracepointEvent()], { mode: 'tracepoint' }).ok).toBe(true);
    const event = tracepointEvent();
    event.event.action = 'replace';
    expect(compare([lines[0] as Line], [event], { mode: 'tracepoint' }).unexpected).toHaveLength(1);
  });

  it('expects parents that are not resolved, and path_complete: false', () => {
    const line = lineOf({ requested: base64('link/file'), path: base64('/base/real/file') });
    const event = tracepointEvent();
    event.rmwatch.requested_path = 'link/file';
    Object.assign(event.file, { path: '/base/unlink/link/file', directory: '/base/unlink/link' });
    expect(wrongFields(line, event, { mode: 'tracepoint' })).toEqual(['file.path']);
    event.rmwatch.path_complete = false;
    expect(wrongFields(line, event, { mode: 'tracepoint' })).toEqual([]);
  });
});

describe('joinLexically', () => {
  it.each([
    ['/a', 'x', '/a/x', false],
    ['/', 'x', '/x', false],
    ['/', '/x', '/x', false],
    ['/', '//a//x', '/a/x', true],
    ['/root', '/x', '/root/x', false],
    ['/root', '/../x', '/root/x', true],
    ['/a/b', '../x', '/a/x', true],
    ['/a', './x/', '/a/x', false],
    ['/a', '.', '/a', false],
    ['/', '/', '/', false],
    ['/a', '../../..', '/', true],
  ])('%s and %s', (base, typed, joined, hasParents) => {
    expect(joinLexically(base, typed)).toEqual({ path: joined, hasParents });
  });
});

describe('the workload program', () => {
  it('is built, and lists its cases', () => {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'rmwatch-workload-'));
    try {
      const program = buildWorkload();
      const list = execFileSync(program, ['--list'], { encoding: 'utf8' }).trim().split('\n');
      expect(list.length).toBeGreaterThan(50);
      expect(new Set(list).size).toBe(list.length);
      expect(() => execFileSync(program, ['--only', 'nothing', directory], { stdio: 'pipe' })).toThrow(/no such case/);
    } finally {
      fs.rmSync(directory, { recursive: true });
    }
  }, 60_000);
});
