/** The clocks of the host, read together; see NativeBinding.readClocks. */
export class Clocks {
  /** What is read into. */
  readonly values = new Float64Array(3);

  /** Whole seconds from a time since boot to its wall clock time. */
  get bootSeconds(): number {
    return this.values[0]!;
  }

  /** Nanoseconds below a second that come on top of bootSeconds. */
  get bootNanoseconds(): number {
    return this.values[1]!;
  }

  get uptimeSeconds(): number {
    return this.values[2]!;
  }
}

/** When the host was booted, as far as times since boot need it. */
export type BootTime = Pick<Clocks, 'bootSeconds' | 'bootNanoseconds'>;
