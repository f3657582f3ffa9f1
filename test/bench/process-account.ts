import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { forEachLine } from './lines.js';
import { cpuSeconds, isRunnable, type MemoryUse, memoryOf } from './process-usage.js';

const SETTLE_TIMEOUT_MS = 600_000;
const POLL_MS = 30;
const RESTING_CPU_SHARE = 0.1;

export interface AccountOptions {
  readonly name: string;
  readonly pid: number;
  /** Where its lines land; emptied at the begin of each account. */
  readonly outputFile: string;
  /** It has come to rest when it was at rest for so long. */
  readonly quietMs: number;
}

/** What a process that listens uses and writes, from `begin` on. */
export class ProcessAccount {
  private cpuAtBegin = 0;

  constructor(private readonly options: AccountOptions) {}

  begin(): void {
    const { outputFile, pid } = this.options;
    if (fs.existsSync(outputFile)) fs.truncateSync(outputFile);
    this.cpuAtBegin = cpuSeconds(pid);
  }

  private state(): { at: number; bytes: number; cpu: number; polls: number; runnable: number } {
    const { outputFile, pid } = this.options;
    const bytes = fs.statSync(outputFile, { throwIfNoEntry: false })?.size ?? 0;
    return { at: performance.now(), bytes, cpu: cpuSeconds(pid), polls: 0, runnable: 0 };
  }

  /**
   * Waits until it writes nothing and hardly works any more (some look for events all the time), nor waits for a CPU,
   * and returns the CPU seconds since `begin`. Throws when it has ended.
   */
  async settle(): Promise<number> {
    const { name, pid, quietMs } = this.options;
    const deadline = performance.now() + SETTLE_TIMEOUT_MS;
    let since = this.state();
    for (;;) {
      await sleep(POLL_MS);
      since.polls += 1;
      if (isRunnable(pid)) since.runnable += 1;
      const now = this.state();
      if (now.at > deadline) throw new Error(`${name} does not come to rest`);
      const busy = now.cpu - since.cpu > (quietMs / 1000) * RESTING_CPU_SHARE;
      if (now.bytes !== since.bytes || busy) since = now;
      else if (now.at - since.at < quietMs) continue;
      else if (since.runnable > since.polls / 2) since = now;
      else return now.cpu - this.cpuAtBegin;
    }
  }

  /** Lines of its output since `begin` that `isMine` accepts. */
  countLines(isMine: (line: string) => boolean): number {
    let count = 0;
    if (!fs.existsSync(this.options.outputFile)) return count;
    forEachLine(this.options.outputFile, (line) => {
      if (isMine(line)) count += 1;
    });
    return count;
  }

  memory(): MemoryUse {
    return memoryOf(this.options.pid);
  }
}
