import { closeSync, openSync, readlinkSync } from 'node:fs';
import { MountInfoFile, type MountTable } from './mount-table.js';

/** Inode number of the first pid namespace, PROC_PID_INIT_INO of the kernel: the same on every host. */
const FIRST_PID_NAMESPACE = 'pid:[4026531836]';

export interface HostMountsOptions {
  /** Inode number of the host's mount namespace, as the kernel side tells it; 0: not known. */
  readonly hostMountNamespace: number;
  /** Where the proc filesystems are: the daemon's own, and the host's where a container has it mounted. */
  readonly proc?: string;
  readonly hostProc?: string;
}

/**
 * The mounts of this host, not those of a container or a service with a mount namespace of its own. Read from the first of
 * these that can be read and is known to be of the host's mount namespace:
 *   standard input             /proc/1/mountinfo, opened by who started the daemon: hidepid= may keep it from the daemon
 *   /proc/1/mountinfo          where process 1 is the host's
 *   /proc/self/mountinfo       where the daemon lives in that namespace
 *   /host/proc/1/mountinfo     in a container that has the host's /proc there
 */
export class HostMounts {
  /** What is read; undefined: the mounts of the host are not known. */
  readonly source: string | undefined;
  /** Why other sources are not used, a line each. */
  readonly problems: readonly string[];
  private readonly fd: number | undefined;
  private readonly info: MountInfoFile | undefined;

  private constructor(fd: number | undefined, source: string | undefined, problems: readonly string[]) {
    this.fd = fd;
    this.source = source;
    this.problems = problems;
    this.info = this.file === undefined ? undefined : new MountInfoFile(this.file);
  }

  /** Never throws. */
  static find({ hostMountNamespace, proc = '/proc', hostProc = '/host/proc' }: HostMountsOptions): HostMounts {
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
        return new HostMounts(openSync(file, 'r'), source, problems);
      } catch (error) {
        problems.push(`${source}: ${(error as Error).message}`);
      }
    }
    return new HostMounts(undefined, undefined, problems);
  }

  /** Leads to the open file, whatever has become of its directory; undefined: there is none. */
  get file(): string | undefined {
    return this.fd === undefined ? undefined : `/proc/self/fd/${this.fd}`;
  }

  /** undefined when there is no source. Throws as fs does. */
  read(): MountTable | undefined {
    return this.info?.read();
  }

  close(): void {
    if (this.fd !== undefined) closeSync(this.fd);
  }
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
