import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { NativeMounts } from '../host/native-mounts.js';
import type { AttachMode } from '../model/config.js';
import { EMBEDDED_LAYOUT, type KernelCounters } from './record-layout.generated.js';

/** The whole surface of the C++ addon; nothing else in the program touches it directly. */
export interface NativeBinding extends NativeMounts {
  /** `askVerifier`: for `verifiedInstructions` on kernels that tell them nowhere else. */
  readonly Probe: new (options: {
    mode: AttachMode;
    ringBytes: number;
    askVerifier?: boolean;
  }) => NativeProbe;
  readonly recordLayout: unknown;
  readonly libbpfVersion: string;
  /** One datagram to a unix socket; '@' begins an abstract name. Throws a NativeError. */
  sendDatagram(path: string, message: string): void;
  /** Those of `names` that are functions of the running kernel, by its BTF. Throws a NativeError without BTF. */
  kernelFunctions(names: readonly string[]): string[];
  /** "ENOENT" for 2; undefined for a number that the C library does not know. */
  errorName(number: number): string | undefined;
  /** Writes [seconds, nanoseconds] from boot time to wall clock time, and the seconds since boot. */
  readClocks(out: Float64Array): void;
}

/** One loaded set of BPF programs and its ring. All methods but `close` throw once it is closed. */
export interface NativeProbe {
  /** From here on records arrive. Throws a NativeError and leaves nothing attached. */
  attach(): void;
  /** No more records arrive; those in the ring stay readable. */
  detach(): void;
  describe(): ProbeDescription;
  /** Puts a filter in force, whole and at once; returns the generation that records judged by it carry. */
  setFilter(filter: NativeFilter | TabledFilter): number;
  /**
   * Makes a table for `count` prefixes of filters to come and returns its number, which no other has. It stays until
   * `dropPrefixes`. Throws a NativeError.
   */
  newPrefixes(count: number): number;
  /** Thirty thousand prefixes take 50 ms: they can be added in parts. Throws a NativeError. */
  addPrefixes(table: number, prefixes: readonly FilterPrefix[]): void;
  /** A filter that is in force keeps what it needs. */
  dropPrefixes(table: number): void;
  /** The ring's memory, its beginning once more behind its end so that no record is cut. Read-only; detached by `close`. */
  ring(): ArrayBuffer;
  /**
   * Writes the byte offsets of the next finished records, in `ring()` or, where `collectedInBacklog()` says so, in
   * `backlog()`; returns how many. They stay until `release`.
   */
  collect(offsets: Uint32Array): number;
  collectedInBacklog(): boolean;
  /** Gives the collected records' memory back. */
  release(): void;
  /**
   * From now on a thread moves records out of a ring that fills up, whatever the event loop does, into memory of this
   * process: `bytes` at most, a multiple of 64 KiB, and only as records wait. Once, with nothing collected. Throws a
   * NativeError, and then there is no backlog.
   */
  startBacklog(bytes: number): void;
  /** That memory, always the same; detached by `close`. */
  backlog(): ArrayBuffer;
  /** True: the callback of `onReadable` comes with the next record. False: there is something to read already. */
  arm(): boolean;
  /** The callback runs once for each `arm` that returned true. */
  onReadable(callback: () => void): void;
  /** Bytes of records that wait, in the ring and in the backlog. */
  usedBytes(): number;
  /** The part of them that is in the backlog. */
  backlogUsedBytes(): number;
  /** Sums over all CPUs; bpf/record.h says what each counts. */
  readCounters(): KernelCounters;
  /** Hook runs that the kernel left out, as far as it tells. */
  missedRuns(): number;
  /**
   * Deletions that can have been missed because the kernel left out every program at their success hook: rather too many
   * than too few. undefined: the kernel does not count it.
   */
  skippedSuccesses(): number | undefined;
  /** Removes attempts of threads that ended unseen; returns how many are accounted for nowhere else. */
  sweepAttempts(): number;
  /**
   * Hooks the return of renames once the kernel has ceph, where a thread of the kernel moves the names. To be called now
   * and then. Throws a NativeError.
   */
  followFilesystems(): void;
  /** Makes the kernel describe every process again at its next deletion. */
  forgetProcesses(): void;
  /** Detaches and frees everything; may be called again. */
  close(): void;
}

export interface ProbeDescription {
  /** Which build of the programs this kernel took: see ProbeVariant in native/embedded_objects.h. */
  readonly variant: 'plain' | 'loop' | 'direct';
  /** The first hooked function. */
  readonly symbol: string;
  /** Inode number of the host's mount namespace; 0 when it could not be found out. */
  readonly hostMountNamespace: number;
  readonly programs: readonly {
    readonly name: string;
    readonly instructions: number;
    /** Simulated by the verifier; 0 when the kernel does not say (before 5.16) and was not asked. */
    readonly verifiedInstructions: number;
  }[];
  /** What runs now; nothing before `attach`. */
  readonly attached: readonly AttachedProgram[];
  /** Why programs were left out that others can do without; empty when none was. */
  readonly leftOut: string;
}

export interface AttachedProgram {
  readonly program: string;
  /** The kernel function; empty for a tracepoint. */
  readonly function: string;
  readonly kind: 'kprobe' | 'kprobe.multi' | 'kretprobe' | 'fentry' | 'fexit' | 'tracepoint';
  /** When it runs: before the name is removed, when it has been, or when the call returns. */
  readonly role: 'before' | 'success' | 'return';
}

/**
 * Leading bytes of paths and what is wanted below: bits of operations, failures shifted left by 8, and
 * KernelFilterEntry.whole shifted left by 16.
 */
export type FilterPrefix = readonly [Buffer, number];

export interface NativeFilter extends FilterPlaces {
  readonly prefixes: readonly FilterPrefix[];
}

/** A filter whose prefixes are in the kernel already. */
export interface TabledFilter extends FilterPlaces {
  /** The number of their table. */
  readonly prefixes: number;
}

export interface FilterPlaces {
  /** Kernel device numbers and what is wanted there from other mount namespaces. */
  readonly devices: readonly (readonly [number, number])[];
  /** Numbers of this host's mounts and what is wanted of their files at other places; none: they are not known. */
  readonly mounts: readonly (readonly [number, number])[];
  /** What watches with `view: process` want, where letters say nothing. */
  readonly processView: number;
  readonly successOperations: number;
  readonly failureOperations: number;
}

/** What the addon throws. */
export interface NativeError extends Error {
  /** Name of the errno. */
  readonly code: string;
  readonly errno: number;
  readonly operation: string;
  /** What libbpf and the verifier said; may be empty. */
  readonly details: string;
}

export function isNativeError(error: unknown): error is NativeError {
  return error instanceof Error && 'operation' in error && 'details' in error;
}

/** Throws when the addon is missing, or was built from another definition of the records than this program. */
export function loadBinding(): NativeBinding {
  const file = fileURLToPath(new URL('../../build/Release/rmwatch.node', import.meta.url));
  const binding = createRequire(import.meta.url)(file) as NativeBinding;
  if (JSON.stringify(binding.recordLayout) !== JSON.stringify(EMBEDDED_LAYOUT)) {
    throw new Error(`${file} was built from another version of bpf/record.h; run "npm run build"`);
  }
  return binding;
}
