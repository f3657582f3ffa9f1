import { describe, expect, it } from 'vitest';
import { validateEventLine } from '../../lib/event-schema.js';
import { BARE_FAILURE, EVENTS_LOST, FULL_DELETION, LOSSY_DELETION } from '../../lib/sample-events.js';

/** A copy of `event` in which the value at `path` is replaced, or removed when `value` is undefined. */
function changed(event: object, path: string, value: unknown): object {
  const copy = structuredClone(event) as Record<string, unknown>;
  const keys = path.split('/');
  const last = keys.pop()!;
  let place = copy;
  for (const key of keys) place = place[key] as Record<string, unknown>;
  if (value === undefined) delete place[last];
  else place[last] = value;
  return copy;
}

const { size: _size, ...directoryFile } = FULL_DELETION.file!;
const { still_open: _open, freed_bytes: _freed, ...directoryDetails } = FULL_DELETION.rmwatch;
const DIRECTORY = {
  ...FULL_DELETION,
  message: 'rmdir /var/lib/app by rm[4242] (root)',
  event: { ...FULL_DELETION.event, action: 'rmdir' },
  file: { ...directoryFile, type: 'dir' },
  rmwatch: directoryDetails,
};

const { last_link: _link, host_path: _host, ...tracedDetails } = directoryDetails;
const { args: _args, command_line: _line, ...COUNTED } = FULL_DELETION.process;
const TRACED = {
  ...FULL_DELETION,
  file: { path: '/var/lib/app/a.db', name: 'a.db', directory: '/var/lib/app' },
  rmwatch: { ...tracedDetails, attach: 'tracepoint' },
};

describe('event schema', () => {
  it.each([
    ['a full deletion', FULL_DELETION],
    ['a deletion of a name that is not UTF-8', LOSSY_DELETION],
    ['a bare failure', BARE_FAILURE],
    ['what system calls tell of a deletion', TRACED],
    ['a directory', DIRECTORY],
    ['lost events', EVENTS_LOST],
    [
      'a deletion by a process that the kernel could not describe',
      changed({ ...FULL_DELETION, process: BARE_FAILURE.process }, 'rmwatch/args_bytes', undefined),
    ],
    ['an attempt whose name could not be read', changed(BARE_FAILURE, 'file', undefined)],
    [
      'a deletion whose end the kernel missed',
      changed(changed(FULL_DELETION, 'event/outcome', undefined), 'rmwatch/freed_bytes', undefined),
    ],
    ['the oldest file', changed(FULL_DELETION, 'file/mtime', '0001-01-01T00:00:00.000000000Z')],
    ['a file whose time cannot be told', changed(FULL_DELETION, 'file/mtime', undefined)],
    [
      'a number of arguments that are not told',
      changed(changed(FULL_DELETION, 'process', COUNTED), 'rmwatch/args_bytes', undefined),
    ],
    ['a file that its mount shows with another owner', changed(FULL_DELETION, 'rmwatch/mount_uid', '100000')],
    ['a file whose size cannot be told', changed(FULL_DELETION, 'file/size', undefined)],
  ])('accepts %s', (_what, event) => {
    expect(validateEventLine(event)).toEqual([]);
  });

  it.each<[string, object, string, unknown]>([
    ['an unknown field', FULL_DELETION, 'unknown', 1],
    ['an unknown nested field', FULL_DELETION, 'file/owner', 'root'],
    ['a time without nanoseconds', FULL_DELETION, '@timestamp', '2026-11-22T12:34:56Z'],
    ['an inode as a number', FULL_DELETION, 'file/inode', 131],
    ['a negative size', FULL_DELETION, 'file/size', -1],
    ['a mode with type bits', FULL_DELETION, 'file/mode', '100644'],
    ['an unknown operation', FULL_DELETION, 'event/action', 'delete'],
    ['no sequence', FULL_DELETION, 'event/sequence', undefined],
    ['no path', FULL_DELETION, 'file/path', undefined],
    ['an empty path', FULL_DELETION, 'file/path', ''],
    ['a complete path that does not begin at the root', FULL_DELETION, 'file/path', 'a.db'],
    ['a complete path without its directory', FULL_DELETION, 'file/directory', undefined],
    ['a complete path that is not known', FULL_DELETION, 'file', undefined],
    ['half of the file details', FULL_DELETION, 'file/mode', undefined],
    ['a file of the year 10000', FULL_DELETION, 'file/mtime', '+010000-01-01T00:00:00.000000000Z'],
    ['a directory with a size', DIRECTORY, 'file/size', 4096],
    ['a directory that is still open', DIRECTORY, 'rmwatch/still_open', true],
    ['a directory that was unlinked', DIRECTORY, 'event/action', 'unlink'],
    ['a file removed by rmdir', FULL_DELETION, 'event/action', 'rmdir'],
    ['a device without its minor number', FULL_DELETION, 'file/device', '8'],
    ['an id with a leading zero', FULL_DELETION, 'user/id', '01'],
    ['no user', FULL_DELETION, 'user', undefined],
    ['no group', FULL_DELETION, 'group', undefined],
    ['no host', FULL_DELETION, 'host', undefined],
    ['no thread', FULL_DELETION, 'process/thread', undefined],
    ['no name of the process', FULL_DELETION, 'process/name', undefined],
    ['process 0', FULL_DELETION, 'process/pid', 0],
    ['a relative executable', FULL_DELETION, 'process/executable', 'rm'],
    ['bytes of arguments that are not told', FULL_DELETION, 'process/args', undefined],
    ['a relative path on the host', FULL_DELETION, 'rmwatch/host_path', 'a.db'],
    ['bytes of a path that lost none', LOSSY_DELETION, 'file/path', '/var/lib/app/a.db'],
    ['bytes of a typed path that lost none', LOSSY_DELETION, 'rmwatch/requested_path', 'a.db'],
    ['bytes of a path on the host that is not told', LOSSY_DELETION, 'rmwatch/host_path', undefined],
    ['no bytes', LOSSY_DELETION, 'rmwatch/path_bytes', ''],
    ['no mount namespace', FULL_DELETION, 'rmwatch/mount_namespace', undefined],
    ['space released by one of two links', FULL_DELETION, 'rmwatch/last_link', false],
    ['space released by an open file', FULL_DELETION, 'rmwatch/still_open', true],
    ['space released with an unknown outcome', FULL_DELETION, 'event/outcome', undefined],
    ['another schema of names', FULL_DELETION, 'ecs/version', '8.11.0'],
    ['a deletion as an error', FULL_DELETION, 'log/level', 'error'],
    ['a message of another shape', FULL_DELETION, 'message', 'rm deleted a.db'],
    ['a thirteenth month', FULL_DELETION, '@timestamp', '2026-13-22T12:34:56.789012345Z'],
    ['a sequence that begins with 0', FULL_DELETION, 'event/sequence', 0],
    ['a replaced file, told by a system call', TRACED, 'event/action', 'replace'],
    ['a file detail, told by a system call', TRACED, 'file/mode', '0644'],
    ['io_uring, told by a system call', TRACED, 'rmwatch/via', 'io_uring'],
    ['links, told by a system call', TRACED, 'rmwatch/last_link', true],
    ['what a mount shows of a file, told by a system call', TRACED, 'rmwatch/mount_uid', '1'],
    ['what a mount shows of no file', BARE_FAILURE, 'rmwatch/mount_gid', '1'],
    ['a system call without its result', TRACED, 'event/outcome', undefined],
    ['no process id', FULL_DELETION, 'process/pid', undefined],
    ['a user of which nothing is known', FULL_DELETION, 'user', {}],
    ['no watch', FULL_DELETION, 'rule/name', []],
    ['no word on completeness', FULL_DELETION, 'rmwatch/path_complete', undefined],
    ['bytes that are not base64', LOSSY_DELETION, 'rmwatch/path_bytes', 'a'],
    ['an error of a success', FULL_DELETION, 'error', { code: 'ENOENT' }],
    ['a success that is no deletion', FULL_DELETION, 'event/type', ['info']],
    ['an error without an outcome', BARE_FAILURE, 'event/outcome', undefined],
    ['a failure without its error', BARE_FAILURE, 'error', undefined],
    ['a failure that is a deletion', BARE_FAILURE, 'event/type', ['deletion']],
    ['a failure that removed a link', BARE_FAILURE, 'rmwatch/last_link', true],
    ['a failure that freed space', BARE_FAILURE, 'rmwatch/freed_bytes', 1],
    ['an error number', BARE_FAILURE, 'error/code', '39'],
    ['a loss of no known time', EVENTS_LOST, 'event/start', undefined],
    ['a loss on no host', EVENTS_LOST, 'host', undefined],
    ['a loss that is no error', EVENTS_LOST, 'log/level', 'info'],
    ['a loss of nothing', EVENTS_LOST, 'rmwatch/lost', {}],
    ['a loss of zero', EVENTS_LOST, 'rmwatch/lost/ring_full', 0],
    ['an unknown reason', EVENTS_LOST, 'rmwatch/lost/other', 1],
    ['a loss with a file', EVENTS_LOST, 'file', { path: '/a' }],
  ])('refuses %s', (_what, event, path, value) => {
    expect(validateEventLine(changed(event, path, value))).not.toEqual([]);
  });
});
