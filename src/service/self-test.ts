import {
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmdirSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OwnDeletion } from '../deletion/own-deletion.js';
import { type AttachMode, OPERATIONS, type Operation } from '../model/config.js';

/** How long an event of the daemon's own may take. */
const EVENT_TIMEOUT_MS = 2_000;
/** Pause between two questions whether the records before it have been handled. */
const BEHIND_MS = 100;

export interface SelfTestOptions {
  readonly mode: AttachMode;
  /** The returned function tells whether all deletions have been handled whose records were made before this call. */
  readonly mark: () => () => boolean;
  /** Where the daemon may make files; by default RUNTIME_DIRECTORY of the service, or the system's temporary one. */
  readonly directory?: string;
}

export interface SelfTestResult {
  readonly ok: boolean;
  readonly passed: Readonly<Record<Operation, boolean>>;
  /** What went wrong, one line for each operation that did. */
  readonly problems: readonly string[];
}

/** Paths in latin1 view. */
interface Expectation {
  readonly operation: Operation;
  readonly path: string;
  /** Of a move. */
  readonly movedTo?: string;
}

/**
 * Really deletes a file, a directory and a replaced file, moves a file out of its directory, and checks that each comes
 * back through hooks, ring and decoding, right: a probe can be attached and see nothing. The events are never reported.
 */
export class SelfTest {
  private readonly mode: AttachMode;
  private readonly mark: () => () => boolean;
  private readonly directory: string;
  private awaited: { expectation: Expectation; settle(problem: string | undefined): void }[] = [];
  private running: Promise<SelfTestResult> | undefined;
  private closed = false;

  constructor({ mode, mark, directory }: SelfTestOptions) {
    this.mode = mode;
    this.mark = mark;
    this.directory = directory ?? process.env['RUNTIME_DIRECTORY'] ?? tmpdir();
  }

  /** To be told of every deletion by this process. */
  observe(deletion: OwnDeletion): void {
    const path = deletion.path;
    const at = this.awaited.findIndex(({ expectation }) => expectation.path === path);
    if (at < 0) return;
    const [{ expectation, settle }] = this.awaited.splice(at, 1) as [(typeof this.awaited)[number]];
    settle(this.judge(deletion, expectation));
  }

  /** Never rejects. A second call while one runs joins it. */
  run(): Promise<SelfTestResult> {
    this.running ??= this.perform().finally(() => {
      this.running = undefined;
    });
    return this.running;
  }

  /** Ends a run that is under way. Resolves when its files are removed. */
  async close(): Promise<void> {
    this.closed = true;
    for (const { settle } of this.awaited.splice(0)) settle('stopped');
    await this.running;
  }

  private judge(deletion: OwnDeletion, { operation, movedTo }: Expectation): string | undefined {
    const seen = OPERATIONS[deletion.operation];
    if (seen !== operation) return `${operation}: reported as ${seen}`;
    if (deletion.result !== 0) return `${operation}: reported with result ${deletion.result ?? 'unknown'}`;
    if (this.mode !== 'tracepoint' && !deletion.hasVictim) return `${operation}: reported without its file`;
    if (deletion.movedTo !== movedTo) return `${operation}: reported with another target`;
    return undefined;
  }

  private async perform(): Promise<SelfTestResult> {
    const passed: Record<Operation, boolean> = { unlink: false, rmdir: false, replace: false, move: false };
    const problems: string[] = [];
    let directory: string | undefined;
    try {
      directory = mkdtempSync(join(realpathSync(this.directory), 'rmwatch-self-test-'));
      for (const operation of OPERATIONS) {
        if (this.closed) break;
        // System calls do not tell what a rename replaces.
        if (operation === 'replace' && this.mode === 'tracepoint') continue;
        const problem = await this.tryOne(operation, directory);
        passed[operation] = problem === undefined;
        if (problem !== undefined) problems.push(problem);
      }
    } catch (error) {
      problems.push(`could not delete files of its own: ${(error as Error).message}`);
    }
    try {
      if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
    } catch (error) {
      problems.push(`could not remove its own directory: ${(error as Error).message}`);
    }
    return { ok: problems.length === 0, passed, problems };
  }

  private tryOne(operation: Operation, directory: string): Promise<string | undefined> {
    const path = join(directory, operation);
    if (operation === 'move') return this.tryMove(path, join(directory, 'moved'));
    const heard = this.expect({ operation, path: Buffer.from(path).toString('latin1') });
    if (operation === 'rmdir') {
      mkdirSync(path);
      rmdirSync(path);
    } else {
      writeFileSync(path, 'rmwatch');
      if (operation === 'unlink') {
        unlinkSync(path);
      } else {
        writeFileSync(`${path}.new`, 'rmwatch');
        renameSync(`${path}.new`, path);
      }
    }
    return heard;
  }

  private tryMove(folder: string, target: string): Promise<string | undefined> {
    const path = join(folder, 'file');
    mkdirSync(folder);
    writeFileSync(path, 'rmwatch');
    const heard = this.expect({
      operation: 'move',
      path: Buffer.from(path).toString('latin1'),
      movedTo: Buffer.from(target).toString('latin1'),
    });
    renameSync(path, target);
    return heard;
  }

  private expect(expectation: Expectation): Promise<string | undefined> {
    return new Promise((resolve) => {
      const entry = {
        expectation,
        settle: (problem: string | undefined) => {
          clearTimeout(timeout);
          resolve(problem);
        },
      };
      // In a flood the event waits its turn behind the others: not to have seen it yet says nothing.
      const giveUpUnlessBehind = (handled: () => boolean) => {
        if (!handled()) {
          timeout = setTimeout(giveUpUnlessBehind, BEHIND_MS, handled);
          return;
        }
        this.awaited = this.awaited.filter((other) => other !== entry);
        resolve(`${expectation.operation}: no event within ${EVENT_TIMEOUT_MS} ms`);
      };
      let timeout = setTimeout(() => giveUpUnlessBehind(this.mark()), EVENT_TIMEOUT_MS);
      this.awaited.push(entry);
    });
  }
}
