import { lstat, readdir, rename, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { rotatedName, rotatedNames, uncompressedName } from './rotated-files.js';

export interface LogRotationOptions {
  /** Absolute path of the log. */
  readonly file: string;
  /** With so many bytes it is followed by another one. */
  readonly maxBytes: number;
  /** Rotated files that are kept, whoever rotated them. */
  readonly keep: number;
  /** Goes over to the file that now has the name. Throws when that cannot be opened. */
  reopen(): void;
  /** A file that `keep` has no room for was removed. */
  onRemoved(removed: { readonly file: string; readonly bytes: number }): void;
  /** Called once for each kind of problem until it is over. */
  onProblem(message: string): void;
}

/** Pause after a failure. */
const RETRY_MS = 60_000;
/** Names that are tried, a second apart: as many rotations can happen within one. */
const NAMES_MAX = 60;

/**
 * Bounds what a log takes of the disk, without the help of others: a file that is large enough is renamed, and of the renamed
 * ones the newest are kept. The names are those that the installed logrotate snippet gives, so that it compresses these
 * files as well. Never throws.
 */
export class LogRotation {
  private readonly options: LogRotationOptions;
  private size = 0;
  private working = false;
  /** The file has another name, and lines still go to it. */
  private isRenamed = false;
  private retryAtMs = Number.NEGATIVE_INFINITY;
  private problem = '';
  private closed = false;

  constructor(options: LogRotationOptions) {
    this.options = options;
  }

  /** So many bytes more were written. */
  written(bytes: number): void {
    this.size += bytes;
    if (this.size >= this.options.maxBytes) void this.look();
  }

  /** Rotates when it is time, and removes what there is no room for. To be called at the start and about once a minute. */
  async look(): Promise<void> {
    if (this.working || this.closed || performance.now() < this.retryAtMs) return;
    this.working = true;
    try {
      await this.rotate();
      await this.removeOldest();
      this.problem = '';
    } catch (error) {
      this.retryAtMs = performance.now() + RETRY_MS;
      const problem = `cannot bound the size of the log: ${(error as Error).message}`;
      if (problem !== this.problem) this.options.onProblem(problem);
      this.problem = problem;
    } finally {
      this.working = false;
    }
  }

  close(): void {
    this.closed = true;
  }

  private async rotate(): Promise<void> {
    const { file, maxBytes } = this.options;
    if (this.isRenamed) this.follow();
    try {
      const stats = await stat(file);
      this.size = stats.isFile() ? stats.size : 0;
      if (this.size < maxBytes) return;
      const name = await this.unusedName();
      if (this.closed) return;
      await rename(file, name);
    } catch (error) {
      // Another rotation was faster; the writer looks for its file itself.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw error;
    }
    this.size = 0;
    this.isRenamed = true;
    this.follow();
  }

  private follow(): void {
    if (this.closed) return;
    this.options.reopen();
    this.isRenamed = false;
  }

  private async unusedName(): Promise<string> {
    const { file } = this.options;
    for (let second = 0; second < NAMES_MAX; second++) {
      const name = rotatedName(file, new Date(Date.now() + second * 1000));
      if (!(await exists(name)) && !(await exists(`${name}.gz`))) return name;
    }
    throw new Error(`no name is left for ${file}`);
  }

  private async removeOldest(): Promise<void> {
    const { file, keep, onRemoved } = this.options;
    const directory = dirname(file);
    const names = rotatedNames(await readdir(directory), basename(file));
    const kept = new Set([...new Set(names.map(uncompressedName))].slice(-keep));
    for (const name of names) {
      if (kept.has(uncompressedName(name))) continue;
      const path = join(directory, name);
      const { size } = await lstat(path);
      await unlink(path);
      onRemoved({ file: path, bytes: size });
    }
  }
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
