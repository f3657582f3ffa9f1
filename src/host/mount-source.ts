import { closeSync, openSync, readFileSync } from 'node:fs';
import { MountInfo, type MountTable } from './mount-table.js';
import type { KernelMounts, MountWatch, NativeMounts } from './native-mounts.js';

/** How often the kernel is asked whether the mounts changed, where it does not announce changes. One question takes some microseconds. */
const ASK_MS = 100;

/** One place where the mounts of the host can be read. */
export interface MountSource {
  /** Throws as fs does, or a NativeError. */
  read(): MountTable;
  /** Calls back when they change. Throws a NativeError. */
  watch(onChange: () => void): MountWatch;
  close(): void;
}

/** /proc/PID/mountinfo, which stays open whatever becomes of its directory. */
export class MountInfoSource implements MountSource {
  private readonly fd: number;
  private readonly info: MountInfo;

  /** Throws as fs does. */
  constructor(
    file: string,
    private readonly binding: Pick<NativeMounts, 'MountWatch'>,
  ) {
    this.fd = openSync(file, 'r');
    this.info = new MountInfo(() => readFileSync(this.file));
  }

  read(): MountTable {
    return this.info.read();
  }

  watch(onChange: () => void): MountWatch {
    return new this.binding.MountWatch(this.file, onChange);
  }

  close(): void {
    closeSync(this.fd);
  }

  private get file(): string {
    return `/proc/self/fd/${this.fd}`;
  }
}

/** The kernel's own list. The kernel does not announce changes of it: it is asked again and again. */
export class KernelMountSource implements MountSource {
  private readonly mounts: KernelMounts;
  private readonly info: MountInfo;

  /** Throws a NativeError. */
  constructor(binding: Pick<NativeMounts, 'KernelMounts'>) {
    this.mounts = new binding.KernelMounts();
    this.info = new MountInfo(() => this.mounts.read());
  }

  read(): MountTable {
    return this.info.read();
  }

  watch(onChange: () => void): MountWatch {
    const { mounts } = this;
    // Each of the two askers is told of a change once.
    const changed = changeSince(mounts);
    const hasChanged = changeSince(mounts);
    const timer = setInterval(() => {
      if (hasChanged()) onChange();
    }, ASK_MS);
    timer.unref();
    return { changed, close: () => clearInterval(timer) };
  }

  close(): void {
    this.mounts.close();
  }
}

/** Says whether the mounts changed since it was asked last; where the kernel does not answer, reading them tells why. */
function changeSince(mounts: KernelMounts): () => boolean {
  let known = mounts.changes();
  return () => {
    const before = known;
    try {
      known = mounts.changes();
    } catch {
      return true;
    }
    return known !== before;
  };
}
