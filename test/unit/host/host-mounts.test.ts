import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { HostMounts, type HostMountsOptions } from '../../../src/host/host-mounts.js';
import type { KernelMounts } from '../../../src/host/native-mounts.js';

const HOST = 4026531841;
const OTHER = 4026532999;
const FIRST_PIDS = 'pid:[4026531836]';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'rmwatch-mounts-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

/** What the addon has for mounts; without `listed` the kernel does not list them. */
function bindingOf(listed?: Pick<KernelMounts, 'read' | 'changes'>): HostMountsOptions['binding'] {
  const none = (): never => {
    throw new Error('no such programs');
  };
  class Listed implements KernelMounts {
    constructor() {
      if (listed === undefined) none();
    }
    read = () => listed!.read();
    changes = () => listed!.changes();
    close(): void {}
  }
  return { MountWatch: none as never, KernelMounts: Listed };
}

/** A /proc with these processes; a mount namespace of undefined is one that may not be looked at. */
function proc(
  name: string,
  pids: string,
  processes: Record<string, { mnt?: number | undefined; mountPoint?: string }>,
  stdin?: string,
): string {
  const root = join(directory, name);
  for (const [pid, { mnt, mountPoint }] of Object.entries(processes)) {
    mkdirSync(join(root, pid, 'ns'), { recursive: true });
    if (mnt !== undefined) symlinkSync(`mnt:[${mnt}]`, join(root, pid, 'ns/mnt'));
    if (mountPoint !== undefined) {
      writeFileSync(join(root, pid, 'mountinfo'), `7 1 0:30 / ${mountPoint} rw - tmpfs t rw\n`);
    }
  }
  symlinkSync(pids, join(root, 'self/ns/pid'));
  if (stdin !== undefined) {
    mkdirSync(join(root, 'self/fd'));
    symlinkSync(stdin, join(root, 'self/fd/0'));
  }
  return root;
}

/** Where the mounts are read from, and what they say. */
function found(
  hostMountNamespace: number,
  own: string,
  hostProc = join(directory, 'none'),
  binding = bindingOf(),
): unknown[] {
  const mounts = HostMounts.find({ hostMountNamespace, proc: own, hostProc, binding });
  try {
    return [mounts.source, mounts.read()?.mounts[0]?.mountPoint];
  } finally {
    mounts.close();
  }
}

describe('the mounts of the host', () => {
  const self = { mnt: OTHER, mountPoint: '/self' };

  it('are those of process 1 of the first pid namespace, whether or not it may be traced', () => {
    const unseen = proc('a', FIRST_PIDS, { self, '1': { mountPoint: '/one' } });
    expect(found(HOST, unseen)).toEqual(['/proc/1/mountinfo', '/one']);
    expect(found(0, unseen)).toEqual(['/proc/1/mountinfo', '/one']);
    expect(found(HOST, proc('b', FIRST_PIDS, { self, '1': { mnt: HOST, mountPoint: '/one' } }))[1]).toBe('/one');
  });

  it('come from the file that who started the daemon has opened, where /proc hides process 1', () => {
    writeFileSync(join(directory, 'opened'), '7 1 0:30 / /opened rw - tmpfs t rw\n');
    mkdirSync(join(directory, '1'));
    symlinkSync(join(directory, 'opened'), join(directory, '1/mountinfo'));
    const hidden = proc('a', FIRST_PIDS, { self }, join(directory, '1/mountinfo'));
    expect(found(HOST, hidden)).toEqual([`standard input (${directory}/1/mountinfo)`, '/opened']);
  });

  it("are the daemon's own where it lives in the host's mount namespace", () => {
    expect(found(HOST, proc('a', FIRST_PIDS, { self: { mnt: HOST, mountPoint: '/self' } }))).toEqual([
      '/proc/self/mountinfo',
      '/self',
    ]);
  });

  it("are not those of a container's process 1", () => {
    const processes = { self, '1': { mnt: OTHER, mountPoint: '/one' } };
    expect(found(HOST, proc('a', 'pid:[4026532111]', processes))).toEqual([undefined, undefined]);
    // It may not even be looked at there.
    const unseen = { self, '1': { mountPoint: '/one' } };
    expect(found(HOST, proc('b', 'pid:[4026532111]', unseen))).toEqual([undefined, undefined]);
    expect(found(0, proc('c', 'pid:[4026532111]', processes))).toEqual([undefined, undefined]);
  });

  it("are read in a container from the host's /proc that is mounted there", () => {
    const own = proc('a', 'pid:[4026532111]', { self, '1': { mnt: OTHER, mountPoint: '/one' } });
    const hosts = proc('host', FIRST_PIDS, { self, '1': { mnt: HOST, mountPoint: '/host-one' } });
    expect(found(HOST, own, hosts)).toEqual(['/host/proc/1/mountinfo', '/host-one']);
  });

  it('come from the kernel where no /proc has them', () => {
    const own = proc('a', 'pid:[4026532111]', { self, '1': { mnt: OTHER, mountPoint: '/one' } });
    const read = () => Buffer.from('7 1 0:30 / /listed none - tmpfs t none\n');
    const binding = bindingOf({ read, changes: () => 1 });
    expect(found(HOST, own, undefined, binding)).toEqual(["the kernel's list of mounts", '/listed']);
  });

  it('are asked of the kernel again and again, and each asker is told of a change once', () => {
    vi.useFakeTimers();
    let changes = 1;
    const own = proc('a', 'pid:[4026532111]', { self });
    const binding = bindingOf({ read: () => Buffer.alloc(0), changes: () => changes });
    const mounts = HostMounts.find({ hostMountNamespace: HOST, proc: own, binding });
    const onChange = vi.fn();
    const watch = mounts.watch(onChange)!;
    vi.advanceTimersByTime(2_000);
    expect([onChange.mock.calls.length, watch.changed()]).toEqual([0, false]);
    changes = 2;
    expect([watch.changed(), watch.changed()]).toEqual([true, false]);
    vi.advanceTimersByTime(2_000);
    expect(onChange).toHaveBeenCalledTimes(1);
    watch.close();
    changes = 3;
    vi.advanceTimersByTime(2_000);
    expect(onChange).toHaveBeenCalledTimes(1);
    vi.useRealTimers();
  });

  it('count as changed where the kernel no longer answers', () => {
    let asked = 0;
    const changes = () => {
      if (asked++ > 1) throw new Error('no answer');
      return 1;
    };
    const own = proc('a', 'pid:[4026532111]', { self });
    const binding = bindingOf({ read: () => Buffer.alloc(0), changes });
    const watch = HostMounts.find({ hostMountNamespace: HOST, proc: own, binding }).watch(() => {})!;
    expect(watch.changed()).toBe(true);
    watch.close();
  });

  it('are not known where nothing can be read, with the reason', () => {
    const own = proc('a', FIRST_PIDS, { self, '1': {} });
    const mounts = HostMounts.find({ hostMountNamespace: HOST, proc: own, binding: bindingOf() });
    expect([mounts.source, mounts.watch(() => {}), mounts.read()]).toEqual([undefined, undefined, undefined]);
    const problems = mounts.problems.join('\n');
    expect(problems).toMatch(/^\/proc\/1\/mountinfo: ENOENT.*\n\/proc\/self\/mountinfo: not known/);
    expect(problems).toMatch(/\nthe kernel's list of mounts: no such programs$/);
  });
});
