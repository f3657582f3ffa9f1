import type { BootTime } from '../model/clocks.js';

const SECOND = 1_000_000_000;
const DAY_SECONDS = 86_400;
/** Where a timestamp is written as bytes. */
export interface DigitsWriter {
  /** ASCII only. */
  ascii(text: string): void;
  /** A whole number below a billion, with leading zeros. */
  nineDigits(value: number): void;
}

/** The first and the last second that RFC 3339 can write, of the years 0001 and 9999; a file can carry any time. */
const SECONDS_MIN = -62_135_596_800;
const SECONDS_MAX = 253_402_300_799;

const TWO_DIGITS = Array.from({ length: 60 }, (_, number) => String(number).padStart(2, '0'));

/** Writes times in UTC (RFC 3339) with nanoseconds. */
export class Timestamps {
  /** Whether a time has a form in RFC 3339; what others ask for must have one. */
  static canTell(seconds: number): boolean {
    return seconds >= SECONDS_MIN && seconds <= SECONDS_MAX;
  }

  private second = Number.NaN;
  private text = '';
  private day = Number.NaN;
  private dayText = '';

  /** A time since boot. */
  sinceBoot(seconds: number, nanoseconds: number, boot: BootTime): string {
    const sum = nanoseconds + boot.bootNanoseconds;
    const carry = sum >= SECOND ? 1 : 0;
    return this.wallClock(seconds + boot.bootSeconds + carry, sum - carry * SECOND);
  }

  wallClock(seconds: number, nanoseconds: number): string {
    return `${this.secondText(seconds)}${String(nanoseconds + SECOND).slice(1)}Z`;
  }

  /** As sinceBoot, without the Z. */
  writeSinceBoot(out: DigitsWriter, seconds: number, nanoseconds: number, boot: BootTime): void {
    const sum = nanoseconds + boot.bootNanoseconds;
    const carry = sum >= SECOND ? 1 : 0;
    this.writeWallClock(out, seconds + boot.bootSeconds + carry, sum - carry * SECOND);
  }

  /** As wallClock, without the Z. */
  writeWallClock(out: DigitsWriter, seconds: number, nanoseconds: number): void {
    out.ascii(this.secondText(seconds));
    out.nineDigits(nanoseconds);
  }

  private secondText(seconds: number): string {
    // Events come by the thousand in one second.
    if (seconds !== this.second) {
      this.text = this.textOf(seconds);
      this.second = seconds;
    }
    return this.text;
  }

  /** "2026-11-22T12:34:56.". The files of a tree are of many seconds, but of few days: Date is slow. */
  private textOf(seconds: number): string {
    const day = Math.floor(seconds / DAY_SECONDS);
    if (day !== this.day) {
      this.dayText = new Date(day * DAY_SECONDS * 1000).toISOString().slice(0, -'00:00:00.000Z'.length);
      this.day = day;
    }
    const rest = seconds - day * DAY_SECONDS;
    const minutes = Math.floor(rest / 60);
    const hour = Math.floor(minutes / 60);
    return `${this.dayText}${TWO_DIGITS[hour]}:${TWO_DIGITS[minutes - hour * 60]}:${TWO_DIGITS[rest - minutes * 60]}.`;
  }
}
