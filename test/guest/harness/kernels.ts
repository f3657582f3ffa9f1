/** Gets kernels into the cache: the locked builds of kernels.lock.json, or those that their suites have today. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { say } from './cache.js';
import { DebianArchive, firstErrorLine, type IndexEntry } from './debian-archive.js';
import { type KernelEntry, kernelEntry, metaPackage, packagePattern } from './kernel-table.js';
import { fetchLockedPackages, type Lock } from './locked-packages.js';
import { onceUnderLock } from './once.js';
import { ensureLockedTree, ensurePackageTree, type PackageTree } from './package-tree.js';

/** An unpacked kernel. */
export interface Kernel {
  /** Of kernels.json. */
  readonly name: string;
  /** As uname -r has it. */
  readonly release: string;
  readonly vmlinuz: string;
  readonly modulesDir: string;
}

const locks: Readonly<Record<string, Lock>> = JSON.parse(
  fs.readFileSync(new URL('./kernels.lock.json', import.meta.url), 'utf8'),
);

/** What was not as kernels.lock.json says, for the summary of a run. */
export const kernelNotes: string[] = [];

/** Kernels before the image was split live in boot/, later ones beside their modules. */
function locateKernel(name: string, dir: string): Kernel {
  const parents = ['usr/lib/modules', 'lib/modules'].filter((candidate) => fs.existsSync(path.join(dir, candidate)));
  const [parent] = parents;
  const [release] = parent === undefined ? [] : fs.readdirSync(path.join(dir, parent));
  if (parent === undefined || release === undefined) throw new Error(`kernel ${name}: no modules in ${dir}`);
  const candidates = [`boot/vmlinuz-${release}`, `${parent}/${release}/vmlinuz`];
  const vmlinuz = candidates.find((candidate) => fs.existsSync(path.join(dir, candidate)));
  if (vmlinuz === undefined) throw new Error(`kernel ${name}: no image among ${candidates.join(', ')} in ${dir}`);
  return { name, release, vmlinuz: path.join(dir, vmlinuz), modulesDir: path.join(dir, parent, release) };
}

export const kernelArchive = (kernel: KernelEntry): DebianArchive =>
  new DebianArchive(`linux-${kernel.name}`, [kernel]);

/** The packages of the kernel that the suite has today. */
export function resolveKernel(archive: DebianArchive, kernel: KernelEntry): IndexEntry[] {
  return archive.followDependencies(kernel.metaPackage ?? metaPackage, packagePattern);
}

function presentKernel(kernel: KernelEntry): PackageTree {
  return ensurePackageTree(`linux-${kernel.name}`, kernelArchive(kernel), (archive) => resolveKernel(archive, kernel));
}

/** The version that the suite has today. */
function presentVersion(kernel: KernelEntry): string {
  const archive = kernelArchive(kernel);
  archive.refresh();
  return resolveKernel(archive, kernel)[0]!.version;
}

/** Throws when `version` is not newer than `released`, both as Debian writes them. */
export function requireNewer(version: string, released: string): void {
  try {
    execFileSync('dpkg', ['--compare-versions', version, 'gt', released]);
  } catch {
    throw new Error(
      `Debian's newest release candidate is ${version}, which is not newer than the released ${released}`,
    );
  }
}

/** The directory into which a kernel's packages were unpacked. */
function kernelTree(name: string): string {
  const kernel = kernelEntry(name);
  const locked = locks[name];
  if (kernel.newerThan !== undefined) {
    requireNewer(presentVersion(kernel), presentVersion(kernelEntry(kernel.newerThan)));
  }
  if (kernel.moves || locked === undefined) return presentKernel(kernel).dir;
  const version = locked.packages[0]?.version;
  return lockedOrPresent(
    { name, suite: kernel.suite, version },
    () =>
      ensureLockedTree(`linux-${name}-locked`, locked.packages, () => {
        const bytes = locked.packages.reduce((sum, each) => sum + each.bytes, 0);
        say(`downloading Linux ${version}, ${(bytes / 1e6).toFixed(1)} MB`);
        return fetchLockedPackages(locked);
      }),
    () => presentKernel(kernel),
  );
}

/**
 * The directory of the locked kernel; where no archive has it any more, that of the one in its suite, with a note for the
 * summary.
 */
export function lockedOrPresent(
  kernel: { readonly name: string; readonly suite: string; readonly version: string | undefined },
  takeLocked: () => string,
  takePresent: () => Pick<PackageTree, 'dir' | 'packages'>,
): string {
  try {
    return takeLocked();
  } catch (error) {
    const { dir, packages } = takePresent();
    const note = `Linux ${kernel.name}: the locked ${kernel.version} is nowhere any more, ${packages[0]?.version} of ${kernel.suite} was taken (npm run kernels:raise locks that one)`;
    say(`${note}: ${firstErrorLine(error)}`);
    kernelNotes.push(note);
    return dir;
  }
}

const locatedKernel = onceUnderLock((name: string) => locateKernel(name, kernelTree(name)));

/** A kernel of kernels.json, fetched if need be. Rejects for a name that is not there. */
export async function ensureKernel(name: string): Promise<Kernel> {
  return locatedKernel(kernelEntry(name).name);
}
