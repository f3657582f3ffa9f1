/**
 * Packages of Debian that kernels.lock.json names by their SHA256, fetched from the first of two places that still has
 * them: the mirror that this machine uses, and Debian's snapshot archive, which keeps what the mirror drops.
 */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { cacheDir, say, sha256OfFile } from './cache.js';
import { firstErrorLine, type IndexEntry, mirrorOf } from './debian-archive.js';

/** The snapshot archive cannot be reached from everywhere: it is not waited for. */
const CONNECT_SECONDS = 5;
const SNAPSHOT = 'https://snapshot.debian.org/archive';
const APT_HELPER = '/usr/lib/apt/apt-helper';

/** A package as kernels.lock.json has it. */
export type LockedPackage = Omit<IndexEntry, 'depends'>;

/** A kernel as kernels.lock.json has it. */
export interface Lock {
  readonly archive: string;
  /** A moment at which the archive had the packages, as the snapshot archive writes it. */
  readonly at: string;
  readonly packages: readonly LockedPackage[];
}

/** Where a package may be. */
function placesOf(entry: LockedPackage, { archive, at }: Lock): string[] {
  const snapshot = process.env['RMWATCH_DEBIAN_SNAPSHOT'] ?? SNAPSHOT;
  return [`${mirrorOf(archive)}/${entry.path}`, `${snapshot}/${archive}/${at}/${entry.path}`];
}

function isCached(file: string, { bytes, sha256 }: LockedPackage): boolean {
  if (!fs.existsSync(file)) return false;
  if (fs.statSync(file).size === bytes && sha256OfFile(file) === sha256) return true;
  say(`${path.basename(file)} in the cache is damaged, fetching it again`);
  fs.rmSync(file);
  return false;
}

/** apt's own downloader: it knows the machine's proxies, and deletes what has another SHA256. */
function fetchFrom(uri: string, file: string, { sha256 }: LockedPackage, connectSeconds: number): void {
  const options = ['http', 'https'].flatMap((scheme) => ['-o', `Acquire::${scheme}::Timeout=${connectSeconds}`]);
  const args = [...options, '-o', 'Acquire::Retries=0', '-o', 'APT::Sandbox::User=root'];
  execFileSync(APT_HELPER, [...args, 'download-file', uri, file, `SHA256:${sha256}`], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

interface Fetching {
  readonly directory: string;
  readonly connectSeconds: number;
}

function fetchOne(entry: LockedPackage, lock: Lock, { directory, connectSeconds }: Fetching): string {
  const file = path.join(directory, entry.file);
  if (isCached(file, entry)) return file;
  const failures: string[] = [];
  for (const uri of placesOf(entry, lock)) {
    const partial = `${file}.${process.pid}.tmp`;
    try {
      fetchFrom(uri, partial, entry, connectSeconds);
      if (!isCached(partial, entry)) throw new Error('it does not have the SHA256 of the lock');
      fs.renameSync(partial, file);
      return file;
    } catch (error) {
      failures.push(`${uri}: ${firstErrorLine(error).replace(/^E:\s*/, '')}`);
    } finally {
      fs.rmSync(partial, { force: true });
    }
  }
  throw new Error(failures.join('; '));
}

/** The files of all packages of a lock entry, in the cache. Throws when one is in neither place; the message says why. */
export function fetchLockedPackages(
  lock: Lock,
  { directory = path.join(cacheDir(), 'packages'), connectSeconds = CONNECT_SECONDS }: Partial<Fetching> = {},
): string[] {
  fs.mkdirSync(directory, { recursive: true });
  return lock.packages.map((entry) => fetchOne(entry, lock, { directory, connectSeconds }));
}
