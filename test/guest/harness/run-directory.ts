/** Where one guest run leaves its console, results and files. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { readJson } from './cache.js';

const LARGE_FILES_KEPT_RUNS = 3;

function logsDir(): string {
  return process.env['RMWATCH_GUEST_LOGS'] ?? path.join(os.tmpdir(), 'rmwatch-guest-logs');
}

/** Whether the run is over that a directory is of; false for what is no run's directory. */
function isOver(dir: string): boolean {
  const owner = path.join(dir, 'owner');
  return fs.existsSync(owner) && !fs.existsSync(`/proc/${readJson<number>(owner)}`);
}

/** A directory of its own for every run. Failed runs keep their initramfs; only the newest few do, for the space. */
export function createRunDirectory(label: string): string {
  const parent = logsDir();
  fs.mkdirSync(parent, { recursive: true });
  const over = fs
    .readdirSync(parent)
    .map((name) => path.join(parent, name))
    .filter(isOver)
    .sort((a, b) => fs.statSync(b).mtimeMs - fs.statSync(a).mtimeMs);
  for (const dir of over.slice(LARGE_FILES_KEPT_RUNS)) removeLargeFiles(dir);
  const stamp = new Date().toISOString().replace(/[:.]/g, '-');
  const dir = fs.mkdtempSync(path.join(parent, `${stamp}-${label}-`));
  fs.writeFileSync(path.join(dir, 'owner'), String(process.pid));
  return dir;
}

export function removeLargeFiles(dir: string): void {
  for (const name of fs.readdirSync(dir)) {
    if (/\.(cpio|disk)$/.test(name)) fs.rmSync(path.join(dir, name), { force: true });
  }
}
