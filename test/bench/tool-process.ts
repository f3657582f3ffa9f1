import type { ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { waitUntil } from '../lib/wait-until.js';
import { spawnChild } from './children.js';
import { ProcessAccount } from './process-account.js';

const START_TIMEOUT_MS = 240_000;
const STOP_TIMEOUT_MS = 60_000;
const POLL_MS = 30;

export interface ToolOptions {
  readonly name: string;
  readonly command: readonly string[];
  /** Directory for what it writes. */
  readonly outputs: string;
  readonly quietMs: number;
  /** Where its lines land, when not on its stdout. */
  readonly outputFile?: string | undefined;
}

/** A program that listens, run with its output in a file on tmpfs. */
export class ToolProcess {
  readonly outputFile: string;
  readonly account: ProcessAccount;
  private readonly messagesFile: string;
  private readonly child: ChildProcess;
  private readonly exited: Promise<unknown>;
  private failure: Error | undefined;

  constructor(private readonly options: ToolOptions) {
    const { name, command, outputs, quietMs } = options;
    fs.mkdirSync(outputs, { recursive: true });
    const stdout = path.join(outputs, `${name}.out`);
    this.outputFile = options.outputFile ?? stdout;
    this.messagesFile = path.join(outputs, `${name}.err`);
    // Appending, so that the file can be emptied while it is written.
    const descriptors = [fs.openSync(stdout, 'a'), fs.openSync(this.messagesFile, 'a')];
    this.child = spawnChild(command, { stdio: ['ignore', ...descriptors] });
    for (const descriptor of descriptors) fs.closeSync(descriptor);
    this.exited = new Promise((resolve) => {
      this.child.once('exit', resolve);
      this.child.once('error', (error) => {
        this.failure = error;
        resolve(error);
      });
    });
    this.account = new ProcessAccount({ name, pid: this.pid, outputFile: this.outputFile, quietMs });
  }

  get pid(): number {
    return this.child.pid ?? -1;
  }

  /** What it has said on stderr. */
  messages(): string {
    return fs.readFileSync(this.messagesFile, 'utf8');
  }

  output(): string {
    return fs.existsSync(this.outputFile) ? fs.readFileSync(this.outputFile, 'utf8') : '';
  }

  /** Waits until `isReady` says so; throws what it said when it ends instead. */
  async ready(isReady: () => boolean): Promise<void> {
    const { name } = this.options;
    const check = () => {
      if (isReady()) return true;
      if (this.failure !== undefined) throw this.failure;
      if (this.child.exitCode !== null) throw new Error(`it has ended with ${this.child.exitCode}`);
      return false;
    };
    try {
      await waitUntil('it listens', check, START_TIMEOUT_MS, POLL_MS);
    } catch (error) {
      await this.stop();
      const said = this.messages().trim().slice(-1_000);
      throw new Error(`${name} does not start: ${(error as Error).message} ${said}`.trim());
    }
  }

  async stop(): Promise<void> {
    this.child.kill('SIGTERM');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await this.exited;
    clearTimeout(timer);
    fs.rmSync(this.outputFile, { force: true });
  }
}
