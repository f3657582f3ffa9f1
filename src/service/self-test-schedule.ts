import type { SelfTest, SelfTestResult } from './self-test.js';

/** Until a self-test has passed systemd waits for the service, so the next one follows soon. */
const RETRY_MS = 2_000;

/** Runs the self-test again and again. */
export class SelfTestSchedule {
  private readonly test: Pick<SelfTest, 'run' | 'close'>;
  private readonly onResult: (result: SelfTestResult, previous: SelfTestResult | undefined) => void;
  private result: SelfTestResult | undefined;
  private hasPassed = false;
  private intervalMs: number | null;
  private timer: NodeJS.Timeout | undefined;
  private closed = false;

  /** `intervalMs`: pause between two runs once one has passed; null: none follows. */
  constructor(
    test: Pick<SelfTest, 'run' | 'close'>,
    intervalMs: number | null,
    onResult: (result: SelfTestResult, previous: SelfTestResult | undefined) => void,
  ) {
    this.test = test;
    this.intervalMs = intervalMs;
    this.onResult = onResult;
  }

  /** The result of the last run; undefined before the first one is over. */
  get last(): SelfTestResult | undefined {
    return this.result;
  }

  /** Runs the test now. Never rejects. */
  async run(): Promise<void> {
    clearTimeout(this.timer);
    const result = await this.test.run();
    if (this.closed) return;
    const previous = this.result;
    this.result = result;
    this.hasPassed ||= result.ok;
    this.schedule();
    this.onResult(result, previous);
  }

  every(intervalMs: number | null): void {
    this.intervalMs = intervalMs;
    this.schedule();
  }

  /** Resolves when the files of a run that is under way are removed. */
  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    await this.test.close();
  }

  private schedule(): void {
    clearTimeout(this.timer);
    const delayMs = this.hasPassed ? this.intervalMs : RETRY_MS;
    if (delayMs !== null && !this.closed) this.timer = setTimeout(() => void this.run(), delayMs);
  }
}
