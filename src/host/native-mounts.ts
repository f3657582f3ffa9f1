/** What the addon has for the mounts of this host; the rest of it is in ../probe/native-probe.ts, with its errors. */
export interface NativeMounts {
  readonly MountWatch: new (path: string, onChange: () => void) => MountWatch;
  /** Loads BPF programs that read the mounts of the host's first process. Throws a NativeError. */
  readonly KernelMounts: new () => KernelMounts;
}

export interface MountWatch {
  /** Whether the mounts changed since this was asked last, whatever waits on the event loop. */
  changed(): boolean;
  close(): void;
}

/** Reads the mounts of the host from the kernel's memory. After `close`, every other method throws. */
export interface KernelMounts {
  /**
   * In the form of proc_pid_mountinfo(5), without options, in latin1 view. Throws a NativeError: EAGAIN when the mounts
   * change all the time.
   */
  read(): Buffer;
  /** Grows with each change. Throws a NativeError. */
  changes(): number;
  /** May be called again. */
  close(): void;
}
