/** Why lines are not getting out. */
export interface OutputTrouble {
  /**
   * An errno name, or `OVERFLOW`: the queue is full, or `STALLED`: nothing has been taken for a while, or `REMOVED`:
   * the log file has no name any more.
   */
  readonly code: string;
  /** For people. Not called `message`, so that it can be logged as it is beside one. */
  readonly reason: string;
}

export interface OutputHealthCallbacks {
  /** Called when trouble begins and when its kind changes, not for each lost line. */
  onTrouble?(trouble: OutputTrouble): void;
  /** Lines lost since the trouble began, and how long it took. */
  onRecovered?(lostLines: number, seconds: number): void;
}

/** Overflow is a consequence of the others, and a system error says more than a stall. */
function severity(code: string): number {
  return code === 'OVERFLOW' ? 0 : code === 'STALLED' ? 1 : 2;
}

/** Turns single failures and lost lines into one report at the beginning and one at the end of each trouble. */
export class OutputHealth {
  private code: string | undefined;
  private sinceMs = 0;
  private lostInTrouble = 0;
  private lost = 0;

  constructor(private readonly callbacks: OutputHealthCallbacks) {}

  get lostLines(): number {
    return this.lost;
  }

  get troubled(): boolean {
    return this.code !== undefined;
  }

  lose(lines: number): void {
    this.lost += lines;
    this.lostInTrouble += lines;
  }

  trouble(code: string, reason: string): void {
    if (code === this.code) return;
    if (this.code === undefined) {
      this.sinceMs = performance.now();
      this.lostInTrouble = 0;
    } else if (severity(code) < severity(this.code)) {
      return;
    }
    this.code = code;
    this.callbacks.onTrouble?.({ code, reason });
  }

  recovered(): void {
    if (this.code === undefined) return;
    this.code = undefined;
    this.callbacks.onRecovered?.(this.lostInTrouble, (performance.now() - this.sinceMs) / 1000);
  }
}
