import { readFileSync, readlinkSync } from 'node:fs';

/** Writes [seconds, nanoseconds] from boot time to wall clock time, and the seconds since boot. */
export type ReadClocks = (out: Float64Array) => void;

/** Inode number of the first time namespace, PROC_TIME_INIT_INO of the kernel: the same on every host. */
const FIRST_TIME_NAMESPACE = 'time:[4026531834]';
const SECOND = 1_000_000_000;

/**
 * Makes clocks of the daemon's own time namespace into those of the host, by which the kernel side tells times: in another
 * namespace boot is at another time. A process cannot change its time namespace, and the namespace not its offsets.
 */
export function hostClocks(read: ReadClocks, offset = bootTimeOffset()): ReadClocks {
  if (offset.seconds === 0 && offset.nanoseconds === 0) return read;
  return (out) => {
    read(out);
    const nanoseconds = out[1]! + offset.nanoseconds;
    const carry = nanoseconds >= SECOND ? 1 : 0;
    out[0] = out[0]! + offset.seconds + carry;
    out[1] = nanoseconds - carry * SECOND;
    out[2] = out[2]! - offset.seconds - offset.nanoseconds / SECOND;
  };
}

/** What CLOCK_BOOTTIME shows here beyond that of the host (time_namespaces(7)). */
export function bootTimeOffset(proc = '/proc/self'): { seconds: number; nanoseconds: number } {
  const none = { seconds: 0, nanoseconds: 0 };
  try {
    // The offsets are those that children would get: of no meaning to a process that only made a namespace for them.
    if (readlinkSync(`${proc}/ns/time`) === FIRST_TIME_NAMESPACE) return none;
    const text = readFileSync(`${proc}/timens_offsets`, 'utf8');
    const [, seconds, nanoseconds] = /^boottime\s+(-?\d+)\s+(\d+)$/m.exec(text) ?? [];
    return seconds === undefined ? none : { seconds: Number(seconds), nanoseconds: Number(nanoseconds) };
  } catch {
    // A kernel without time namespaces.
    return none;
  }
}
