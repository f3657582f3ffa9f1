/**
 * A directory in the cache into which a set of Debian packages was unpacked, kept together with a manifest that says
 * which packages and what digest, so that a damaged or half-made tree is noticed and made again.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { cacheDir, readJson, say, sha256OfTree, writeFileAtomically } from './cache.js';
import { type DebianArchive, firstErrorLine, type IndexEntry } from './debian-archive.js';

/** What identifies the contents of a package. */
interface PackageFile {
  readonly sha256: string;
  readonly file: string;
}

interface Manifest {
  /** The tree's directory. */
  readonly key: string;
  readonly treeSha256: string;
  /** When the index was fetched that the packages are of. */
  readonly indexTime: number | undefined;
  readonly packages: readonly { name: string; version: string; sha256: string }[];
}

function keyOf(entries: readonly PackageFile[]): string {
  const lines = entries.map((entry) => `${entry.sha256} ${entry.file}\n`).sort();
  return createHash('sha256').update(lines.join('')).digest('hex').slice(0, 16);
}

function isIntact(dir: string, manifest: Pick<Manifest, 'treeSha256'>): boolean {
  return fs.existsSync(dir) && sha256OfTree(dir) === manifest.treeSha256;
}

function unpack(dir: string, files: readonly string[]): void {
  const staging = `${dir}.${process.pid}.tmp`;
  fs.rmSync(staging, { recursive: true, force: true });
  fs.mkdirSync(staging, { recursive: true });
  for (const file of files) execFileSync('dpkg-deb', ['--extract', file, staging]);
  fs.rmSync(dir, { recursive: true, force: true });
  fs.renameSync(staging, dir);
}

/** Older trees go, but the one before the current stays: a run that began earlier may still be reading it. */
function removeOldTrees(parent: string, keep: string): void {
  const old = fs
    .readdirSync(parent)
    .filter((name) => /^[0-9a-f]{16}$/.test(name) && name !== keep)
    .map((name) => ({ name, mtime: fs.statSync(path.join(parent, name)).mtimeMs }))
    .sort((a, b) => b.mtime - a.mtime);
  for (const { name } of old.slice(1)) fs.rmSync(path.join(parent, name), { recursive: true, force: true });
}

/**
 * The tree of packages whose sums are given: it needs no index, and no network when it is there. `fetch` gets their files.
 * Returns the tree's directory.
 */
export function ensureLockedTree(name: string, packages: readonly PackageFile[], fetch: () => string[]): string {
  const parent = path.join(cacheDir(), 'trees', name);
  const key = keyOf(packages);
  const dir = path.join(parent, key);
  const manifestFile = path.join(parent, `${key}.json`);
  fs.mkdirSync(parent, { recursive: true });
  const manifest = readJson<Pick<Manifest, 'treeSha256'>>(manifestFile);
  if (manifest !== undefined && isIntact(dir, manifest)) return dir;
  if (manifest !== undefined) say(`cached tree of ${name} is damaged, unpacking it again`);
  unpack(dir, fetch());
  writeFileAtomically(manifestFile, `${JSON.stringify({ treeSha256: sha256OfTree(dir) })}\n`);
  say(`${name}: unpacked ${packages.length} packages`);
  removeOldTrees(parent, key);
  return dir;
}

export interface PackageTree {
  readonly dir: string;
  readonly packages: Manifest['packages'];
}

/**
 * The tree of `name`, up to date with the archive's index as far as the network allows.
 * `resolve` picks the packages from the index.
 */
export function ensurePackageTree(
  name: string,
  archive: DebianArchive,
  resolve: (archive: DebianArchive) => IndexEntry[],
): PackageTree {
  const parent = path.join(cacheDir(), 'trees', name);
  const manifestFile = path.join(parent, 'manifest.json');
  fs.mkdirSync(parent, { recursive: true });
  const found = readJson<Manifest>(manifestFile);
  const cached = found !== undefined && isIntact(path.join(parent, found.key), found) ? found : undefined;
  if (found !== undefined && cached === undefined) say(`cached tree of ${name} is damaged, unpacking it again`);

  const treeOf = ({ key, packages }: Manifest) => ({ dir: path.join(parent, key), packages });
  let lastError: unknown;
  for (let attempt = 1; attempt <= 2; attempt += 1) {
    try {
      archive.refresh();
      if (cached !== undefined && cached.indexTime === archive.refreshedAt()) return treeOf(cached);
      const entries = resolve(archive);
      const key = keyOf(entries);
      const dir = path.join(parent, key);
      let treeSha256 = cached?.key === key ? cached.treeSha256 : undefined;
      if (treeSha256 === undefined) {
        unpack(dir, archive.download(entries));
        treeSha256 = sha256OfTree(dir);
        say(`${name}: unpacked ${entries.length} packages`);
      }
      const packages = entries.map((entry) => ({ name: entry.name, version: entry.version, sha256: entry.sha256 }));
      const manifest: Manifest = { key, treeSha256, indexTime: archive.refreshedAt(), packages };
      writeFileAtomically(manifestFile, `${JSON.stringify(manifest, null, 1)}\n`);
      removeOldTrees(parent, key);
      return treeOf(manifest);
    } catch (error) {
      // The index may be damaged, or older than the mirror, which drops a version as soon as the next one is there.
      lastError = error;
      say(`${name}: ${firstErrorLine(error)}`);
      archive.discardIndex();
    }
  }
  if (cached === undefined) throw lastError;
  say(`using the verified tree of ${name} in the cache`);
  return treeOf(cached);
}
