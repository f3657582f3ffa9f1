import type { DeletionEvent, EventsLostEvent } from '../../src/event/deletion-event.js';

/** A deletion with every field that a successful one can have. */
export const FULL_DELETION: DeletionEvent = {
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
  host: { name: 'web-3', boot: { id: '0f0e0d0c-0b0a-0908-0706-050403020100' } },
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
    mtime: '2026-11-22T12:00:00.000000000Z',
  },
  process: {
    pid: 4242,
    thread: { id: 4242 },
    name: 'rm',
    executable: '/usr/bin/rm',
    args: ['rm', 'a.db'],
    args_count: 2,
    command_line: 'rm a.db',
    working_directory: '/var/lib/app',
    start: '2026-11-22T12:34:56.700000000Z',
    parent: { pid: 4200, name: 'bash' },
  },
  user: { id: '0', name: 'root' },
  group: { id: '0' },
  container: { id: 'c0ffee' },
  rule: { name: ['app-data'] },
  rmwatch: {
    requested_path: 'a.db',
    host_path: '/srv/app/a.db',
    args_bytes: ['cm0=', 'YS5kYg=='],
    path_complete: true,
    last_link: true,
    still_open: false,
    freed_bytes: 4096,
    login_uid: '1000',
    cgroup: '/user.slice',
    mount_namespace: 4026531841,
    via: 'syscall',
    attach: 'kprobe',
  },
};

/** One whose name is not UTF-8. */
export const LOSSY_DELETION: DeletionEvent = {
  ...FULL_DELETION,
  message: 'unlink /var/lib/app/\ufffd by rm[4242] (root)',
  file: { ...FULL_DELETION.file!, path: '/var/lib/app/\ufffd', name: '\ufffd' },
  rmwatch: {
    ...FULL_DELETION.rmwatch,
    requested_path: '\ufffd',
    host_path: '/srv/app/\ufffd',
    path_bytes: 'L3Zhci9saWIvYXBwL/8=',
    requested_path_bytes: '/w==',
    host_path_bytes: 'L3Nydi9hcHAv/w==',
  },
};

/** A failed attempt of which little is known. */
export const BARE_FAILURE: DeletionEvent = {
  '@timestamp': '2026-11-22T12:34:56.789012345Z',
  ecs: { version: '9.0.0' },
  log: { level: 'info' },
  message: 'rmdir b by sh[7] (1000): ENOTEMPTY',
  event: {
    kind: 'event',
    category: ['file'],
    type: ['info'],
    action: 'rmdir',
    outcome: 'failure',
    dataset: 'rmwatch.deletion',
    sequence: 18,
  },
  error: { code: 'ENOTEMPTY' },
  host: { name: 'web-3' },
  file: { path: 'b' },
  process: { pid: 7, thread: { id: 7 }, name: 'sh' },
  user: { id: '1000' },
  group: { id: '1000' },
  rule: { name: ['all', 'app-data'] },
  rmwatch: { path_complete: false, mount_namespace: 4026531841, via: 'io_uring', attach: 'kprobe' },
};

export const EVENTS_LOST: EventsLostEvent = {
  '@timestamp': '2026-11-22T12:34:56.789012345Z',
  ecs: { version: '9.0.0' },
  log: { level: 'error' },
  message: '127 events were lost',
  event: {
    kind: 'pipeline_error',
    action: 'events-lost',
    dataset: 'rmwatch.deletion',
    start: '2026-11-22T12:34:55.789000000Z',
    end: '2026-11-22T12:34:56.789000000Z',
  },
  host: { name: 'web-3' },
  rmwatch: { lost: { ring_full: 123, state_full: 4 } },
};
