import { readlinkSync } from 'node:fs';
import { KernelMountSource, MountInfoSource, type MountSource } from './mount-source.js';
import type { MountTable } from './mount-table.js';
import type { MountWatch, NativeMounts } from './native-mounts.js';

/** Inode number of the first pid namespace, PROC_PID_INIT_INO of the kernel: the same on every host. */
const FIRST_PID_NAMESPACE = 'pid:[4026531836]';

/** As a source is named in messages. */
const KERNEL_LIST = "the kernel's list of mounts";

export interface HostMountsOptions {
  /** Inode number of the host's mount namespace, as the kernel side tells it; 0: not known. */
  readonly hostMountNamespace: number;
  /** Where the proc filesystems are: the daemon's own, and the host's where a container has it mounted. */
  readonly proc?: string;
  readonly hostProc?: string;
  readonly binding: NativeMounts;
}

/**
 * The mounts of this host, not those of a container or a service with a mount namespace of its own. Read from the first of
 * these that can be read and is known to be of the host's mount namespace:
 *   standard input             /proc/1/mountinfo, opened by who started the daemon: hidepid= may keep it from the daemon
 *   /proc/1/mountinfo          where process 1 is the host's
 *   /proc/self/mountinfo       where the daemon lives in that namespace
 *   /host/proc/1/mountinfo     in a container that has the host's /proc there
 *   the kernel's own list      elsewhere: BPF programs read it, wherever the daemon lives
 */
export class HostMounts {
  private constructor(
    private readonly from: MountSource | undefined,
    /** What is read; undefined: the mounts of the host are not known. */
    readonly source: string | undefined,
    /** Why other sources are not used, a line each. */
    readonly problems: readonly string[],
  ) {}

  /** Never throws. */
  static find({ hostMountNamespace, proc = '/proc', hostProc = '/host/proc', binding }: HostMountsOptions): HostMounts {
    const problems: string[] = [];
    const host = hostMountNamespace === 0 ? undefined : `mnt:[${hostMountNamespace}]`;
    const firstPids = linkOf(`${proc}/self/ns/pid`) === FIRST_PID_NAMESPACE;
    const inherited = linkOf(`${proc}/self/fd/0`) ?? '';
    const candidates = [
      ...(/(^|\/)1\/mountinfo$/.test(inherited)
        ? [
            {
              file: `${proc}/self/fd/0`,
              source: `standard input (${inherited})`,
              namespace: inherited.replace(/mountinfo$/, 'ns/mnt'),
              ofProcess1: true,
            },
          ]
        : []),
      { file: `${proc}/1/mountinfo`, source: '/proc/1/mountinfo', namespace: `${proc}/1/ns/mnt`, ofProcess1: true },
      { file: `${proc}/self/mountinfo`, source: '/proc/self/mountinfo', namespace: `${proc}/self/ns/mnt` },
      { file: `${hostProc}/1/mountinfo`, source: '/host/proc/1/mountinfo', namespace: `${hostProc}/1/ns/mnt` },
    ];
    for (const { file, source, namespace, ofProcess1 } of candidates) {
      const found = linkOf(namespace);
      // Whose process 1 that is, is only told to who may trace it; in the first pid namespace there is just one.
      const isHosts = found !== undefined && host !== undefined ? found === host : ofProcess1 === true && firstPids;
      if (!isHosts) {
        problems.push(`${source}: not known to be of the host's mount namespace`);
        continue;
      }
      try {
        return new HostMounts(new MountInfoSource(file, binding), source, problems);
      } catch (error) {
        problems.push(`${source}: ${(error as Error).message}`);
      }
    }
    try {
      return new HostMounts(new KernelMountSource(binding), KERNEL_LIST, problems);
    } catch (error) {
      problems.push(`${KERNEL_LIST}: ${(error as Error).message}`);
    }
    return new HostMounts(undefined, undefined, problems);
  }

  /** undefined when there is no source. Throws as fs does, or a NativeError. */
  read(): MountTable | undefined {
    return this.from?.read();
  }

  /** Calls back when they change; undefined when there is no source. Throws a NativeError. */
  watch(onChange: () => void): MountWatch | undefined {
    return this.from?.watch(onChange);
  }

  close(): void {
    this.from?.close();
  }
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
