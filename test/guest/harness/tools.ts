/** Gets busybox and whatever else guests need of Debian into the cache. */
import path from 'node:path';
import { DebianArchive } from './debian-archive.js';
import { type ToolName, tools } from './kernel-table.js';
import { onceUnderLock } from './once.js';
import { ensurePackageTree } from './package-tree.js';

/** The directory with the unpacked packages of one of kernels.json's tools; the caller holds the lock. */
export function ensureToolTree(name: ToolName): string {
  const tool = tools[name];
  const archive = new DebianArchive(name, tool.archives, tool.targetRelease);
  return ensurePackageTree(name, archive, () =>
    tool.closure === false ? archive.describe(tool.packages) : archive.resolveClosure(tool.packages),
  ).dir;
}

/** The path of the static busybox. */
export const ensureBusybox = onceUnderLock(() => path.join(ensureToolTree('busybox'), 'bin/busybox'));
