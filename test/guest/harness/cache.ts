/**
 * The cache outside the checkout: where it is, the lock that keeps two runs apart, content digests.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** RMWATCH_CACHE wins; the default follows the XDG convention. */
export function cacheDir(): string {
  const base =
    process.env['RMWATCH_CACHE'] ??
    path.join(process.env['XDG_CACHE_HOME'] ?? path.join(os.homedir(), '.cache'), 'rmwatch');
  fs.mkdirSync(base, { recursive: true });
  return base;
}

/** One line per thing done; on stderr so that a caller's stdout stays its own. */
export function say(text: string): void {
  process.stderr.write(`[guest] ${text}\n`);
}

/**
 * Run `body` while holding the named lock. flock(1) holds it for as long as this process keeps the pipe to it open,
 * so the kernel releases it even when this process is killed: there are no stale locks to recognise.
 */
export async function withLock<T>(name: string, body: () => T | Promise<T>): Promise<T> {
  const lockFile = path.join(cacheDir(), `${name}.lock`);
  const holder = spawn('flock', ['--exclusive', lockFile, 'sh', '-c', 'echo held; exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true, // An interrupt typed at the terminal must not release the lock before this process has cleaned up.
  });
  const patience = setTimeout(() => say(`waiting for another run to release ${lockFile}`), 500);
  try {
    await new Promise<void>((resolve, reject) => {
      holder.stdout.once('data', () => resolve());
      holder.once('error', reject);
      holder.once('exit', (code) => reject(new Error(`flock ${lockFile} ended with ${code}`)));
    });
  } finally {
    clearTimeout(patience);
  }
  try {
    return await body();
  } finally {
    holder.stdin.end();
    await new Promise<void>((resolve) => holder.once('close', () => resolve()));
  }
}

export function sha256OfFile(file: string): string {
  const hash = createHash('sha256');
  const fd = fs.openSync(file, 'r');
  try {
    const chunk = Buffer.allocUnsafe(1 << 20);
    for (;;) {
      const bytes = fs.readSync(fd, chunk, 0, chunk.length, null);
      if (bytes === 0) return hash.digest('hex');
      hash.update(chunk.subarray(0, bytes));
    }
  } finally {
    fs.closeSync(fd);
  }
}

/** Every path below `root`, sorted, directories before what they hold, relative to `root`. */
export function walk(root: string, relative = ''): string[] {
  const found: string[] = [];
  const entries = fs.readdirSync(path.join(root, relative), { withFileTypes: true });
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    const name = path.join(relative, entry.name);
    found.push(name);
    if (entry.isDirectory()) found.push(...walk(root, name));
  }
  return found;
}

/** Names, modes and contents of a whole tree in one digest: any missing, truncated or changed file shows. */
export function sha256OfTree(root: string): string {
  const hash = createHash('sha256');
  for (const name of walk(root)) {
    const full = path.join(root, name);
    const stat = fs.lstatSync(full);
    hash.update(`${name}\0${stat.mode}\0`);
    if (stat.isSymbolicLink()) hash.update(fs.readlinkSync(full));
    else if (stat.isFile()) hash.update(sha256OfFile(full));
  }
  return hash.digest('hex');
}

/** Write so that a reader sees the old content or the new one, never a part. */
export function writeFileAtomically(file: string, content: string | Uint8Array): void {
  const temporary = `${file}.${process.pid}.tmp`;
  fs.writeFileSync(temporary, content);
  fs.renameSync(temporary, file);
}

/** A JSON file that this harness wrote, whose type the caller knows; undefined when there is none that can be read. */
export function readJson<T>(file: string): T | undefined {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}
