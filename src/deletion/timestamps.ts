const SECOND = 1_000_000_000;

/** Writes times in UTC (RFC 3339) with nanoseconds. */
export class Timestamps {
  private second = Number.NaN;
  private text = '';

  /** A time since boot; `bootOffset` is that of NativeBinding.readClocks. */
  sinceBoot(seconds: number, nanoseconds: number, bootOffset: Float64Array): string {
    const sum = nanoseconds + bootOffset[1]!;
    const carry = sum >= SECOND ? 1 : 0;
    return this.wallClock(seconds + bootOffset[0]! + carry, sum - carry * SECOND);
  }

  wallClock(seconds: number, nanoseconds: number): string {
    // Events come by the thousand in one second.
    if (seconds !== this.second) {
      this.text = secondText(seconds);
      this.second = seconds;
    }
    return `${this.text}.${String(nanoseconds + SECOND).slice(1)}Z`;
  }
}

/** "2026-11-22T12:34:56"; times that Date cannot hold (a file can carry any) are cut to what it can. */
function secondText(seconds: number): string {
  const most = 8_640_000_000_000;
  const date = new Date(Math.max(-most, Math.min(most, seconds)) * 1000);
  return date.toISOString().slice(0, -5);
}
