/**
 * A directory in the cache into which a set of Debian packages was unpacked, kept together with a manifest that says
 * which packages and what digest, so that a damaged or half-made tree is noticed and made again.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { cacheDir, readJson, say, sha256OfTree, writeFileAtomically } from './cache.mjs';

function keyOf(entries) {
  const lines = entries.map((entry) => `${entry.sha256} ${entry.file}\n`).sort();
  return createHash('sha256').update(lines.join('')).digest('hex').slice(0, 16);
}

function isIntact(dir, manifest) {
  return fs.existsSync(dir) && sha256OfTree(dir) === manifest.treeSha256;
}

function unpack(dir, files) {
  const staging = `${dir}.${process.pid}.tmp`;
  fs.rmSync(staging, { recursive: true, force: true });
  fs.mkdirSync(staging, { recursive: true });
  for (const file of files) execFileSync('dpkg-deb', ['--extract', file, staging]);
  fs.rmSync(dir, { recursive: true, force: true });
  fs.renameSync(staging, dir);
}

/** Older trees go, but the one before the current stays: a run that began earlier may still be reading it. */
function removeOldTrees(parent, keep) {
  const old = fs
    .readdirSync(parent)
    .filter((name) => /^[0-9a-f]{16}$/.test(name) && name !== keep)
    .map((name) => ({ name, mtime: fs.statSync(path.join(parent, name)).mtimeMs }))
    .sort((a, b) => b.mtime - a.mtime);
  for (const { name } of old.slice(1)) fs.rmSync(path.join(parent, name), { recursive: true, force: true });
}

/**
 * The tree of packages whose sums are given: it needs no index, and no network when it is there.
 * @param {{sha256: string, file: string}[]} packages
 * @param {() => string[]} fetch gets their files
 */
export function ensureLockedTree(name, packages, fetch) {
  const parent = path.join(cacheDir(), 'trees', name);
  const key = keyOf(packages);
  const dir = path.join(parent, key);
  const manifestFile = path.join(parent, `${key}.json`);
  fs.mkdirSync(parent, { recursive: true });
  const manifest = readJson(manifestFile);
  if (manifest !== undefined && isIntact(dir, manifest)) return dir;
  if (manifest !== undefined) say(`cached tree of ${name} is damaged, unpacking it again`);
  unpack(dir, fetch());
  writeFileAtomically(manifestFile, `${JSON.stringify({ treeSha256: sha256OfTree(dir) })}\n`);
  say(`${name}: unpacked ${packages.length} packages`);
  removeOldTrees(parent, key);
  return dir;
}

/**
 * The tree of `name`, up to date with the archive's index as far as the network allows.
 * @param {(archive) => object[]} resolve picks the packages from the index
 * @returns {{dir: string, packages: {name: string, version: string}[]}}
 */
export function ensurePackageTree(name, archive, resolve) {
  const parent = path.join(cacheDir(), 'trees', name);
  const manifestFile = path.join(parent, 'manifest.json');
  fs.mkdirSync(parent, { recursive: true });
  let manifest = readJson(manifestFile);
  const intact = manifest !== undefined && isIntact(path.join(parent, manifest.key), manifest);
  if (manifest !== undefined && !intact) say(`cached tree of ${name} is damaged, unpacking it again`);

  const fromCache = () => ({ dir: path.join(parent, manifest.key), packages: manifest.packages });
  let lastError;
  for (let attempt = 1; attempt <= 2; attempt += 1) {
    try {
      archive.refresh();
      if (intact && manifest.indexTime === archive.refreshedAt()) return fromCache();
      const entries = resolve(archive);
      const key = keyOf(entries);
      const dir = path.join(parent, key);
      if (!intact || manifest.key !== key) {
        unpack(dir, archive.download(entries));
        manifest = { key, treeSha256: sha256OfTree(dir) };
        say(`${name}: unpacked ${entries.length} packages`);
      }
      manifest.indexTime = archive.refreshedAt();
      manifest.packages = entries.map((entry) => ({ name: entry.name, version: entry.version, sha256: entry.sha256 }));
      writeFileAtomically(manifestFile, `${JSON.stringify(manifest, null, 1)}\n`);
      removeOldTrees(parent, key);
      return fromCache();
    } catch (error) {
      // The index may be damaged, or older than the mirror, which drops a version as soon as the next one is there.
      lastError = error;
      say(`${name}: ${archive.explain(error)}`);
      archive.discardIndex();
    }
  }
  if (!intact) throw lastError;
  say(`using the verified tree of ${name} in the cache`);
  return fromCache();
}
