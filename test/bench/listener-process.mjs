/** A program that listens, run with its output in a file on tmpfs. */
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { spawnChild } from './children.mjs';
import { cpuSeconds, isRunnable, memoryOf } from './process-usage.mjs';

const START_TIMEOUT_MS = 240_000;
const STOP_TIMEOUT_MS = 60_000;
const SETTLE_TIMEOUT_MS = 600_000;
const POLL_MS = 30;
const RESTING_CPU_SHARE = 0.1;
const CHUNK_BYTES = 4 << 20;

/** Calls `onLine` for every finished line of a file that may be larger than memory. */
export function forEachLine(file, onLine) {
  const fd = fs.openSync(file, 'r');
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  let rest = '';
  for (;;) {
    const length = fs.readSync(fd, chunk, 0, chunk.length, null);
    if (length === 0) break;
    const lines = (rest + chunk.latin1Slice(0, length)).split('\n');
    rest = lines.pop();
    for (const line of lines) onLine(line);
  }
  fs.closeSync(fd);
}

export class ListenerProcess {
  /**
   * @param {object} options
   * @param {string} options.name
   * @param {string[]} options.command
   * @param {string} options.outputs directory for what it writes
   * @param {string} [options.outputFile] where events land when not on its stdout
   * @param {number} options.quietMs it has come to rest when it was at rest for so long
   * @param {boolean} [options.discard] stdout goes to /dev/null
   */
  constructor({ name, command, outputs, outputFile, quietMs, discard = false }) {
    this.name = name;
    this.quietMs = quietMs;
    fs.mkdirSync(outputs, { recursive: true });
    const stdout = path.join(outputs, `${name}.out`);
    this.outputFile = outputFile ?? stdout;
    this.messagesFile = path.join(outputs, `${name}.err`);
    // Appending, so that the file can be emptied while it is written.
    const fds = [fs.openSync(discard ? '/dev/null' : stdout, 'a'), fs.openSync(this.messagesFile, 'a')];
    this.child = spawnChild(command, { stdio: ['ignore', ...fds] });
    for (const fd of fds) fs.closeSync(fd);
    this.exited = new Promise((resolve) => {
      this.child.once('exit', resolve);
      this.child.once('error', (error) => {
        this.failure = error;
        resolve(-1);
      });
    });
  }

  get pid() {
    return this.child.pid;
  }

  messages() {
    return fs.readFileSync(this.messagesFile, 'utf8');
  }

  /** Waits until `isReady` says so. */
  async ready(isReady) {
    const deadline = Date.now() + START_TIMEOUT_MS;
    while (!(await isReady())) {
      if (this.failure || this.child.exitCode !== null || Date.now() > deadline) {
        const why = this.failure?.message ?? this.messages().trim().slice(-1_000);
        await this.stop();
        throw new Error(`${this.name} does not start: ${why}`);
      }
      await sleep(POLL_MS);
    }
  }

  /** Begins an account: of what it has used and what it writes. */
  begin() {
    if (fs.existsSync(this.outputFile)) fs.truncateSync(this.outputFile);
    this.cpuAtBegin = cpuSeconds(this.pid);
  }

  outputBytes() {
    return fs.existsSync(this.outputFile) ? fs.statSync(this.outputFile).size : 0;
  }

  /**
   * Waits until it writes nothing and hardly works any more (some look for events all the time), nor waits for a CPU,
   * and returns the CPU seconds since `begin`.
   */
  async settle(quietMs = this.quietMs) {
    const deadline = Date.now() + SETTLE_TIMEOUT_MS;
    const state = () => ({
      at: Date.now(),
      bytes: this.outputBytes(),
      cpu: cpuSeconds(this.pid),
      polls: 0,
      runnable: 0,
    });
    let since = state();
    for (;;) {
      await sleep(POLL_MS);
      since.polls += 1;
      if (isRunnable(this.pid)) since.runnable += 1;
      if (this.child.exitCode !== null) throw new Error(`${this.name} has ended: ${this.messages()}`);
      const now = state();
      if (now.at > deadline) throw new Error(`${this.name} does not come to rest`);
      const busy = now.cpu - since.cpu > (quietMs / 1000) * RESTING_CPU_SHARE;
      if (now.bytes !== since.bytes || busy) since = now;
      else if (now.at - since.at < quietMs) continue;
      else if (since.runnable > since.polls / 2) since = now;
      else return now.cpu - this.cpuAtBegin;
    }
  }

  /** Lines of its output since `begin` that `isMine` accepts. */
  countLines(isMine) {
    let count = 0;
    if (!fs.existsSync(this.outputFile)) return count;
    forEachLine(this.outputFile, (line) => {
      if (isMine(line)) count += 1;
    });
    return count;
  }

  memory() {
    return memoryOf(this.pid);
  }

  async stop() {
    this.child.kill('SIGTERM');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await this.exited;
    clearTimeout(timer);
    fs.rmSync(this.outputFile, { force: true });
  }
}
