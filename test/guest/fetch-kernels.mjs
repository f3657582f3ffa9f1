/**
 * Gets what a guest run needs into the cache: kernels, QEMU, busybox. Run as a program it fetches all of them, or
 * those named as arguments, ahead of time.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { say, walk, withLock } from './cache.mjs';
import { DebianArchive } from './debian-archive.mjs';
import { fetchLockedPackages } from './locked-packages.mjs';
import { ensureLockedTree, ensurePackageTree } from './package-tree.mjs';

const data = JSON.parse(fs.readFileSync(new URL('./kernels.json', import.meta.url), 'utf8'));

const lock = JSON.parse(fs.readFileSync(new URL('./kernels.lock.json', import.meta.url), 'utf8'));

export const kernelNames = data.kernels.map((kernel) => kernel.name);

/** Within one process everything is verified once; the digests of all trees together take a second. */
const ensured = new Map();

export function once(key, body) {
  if (!ensured.has(key)) {
    const promise = withLock('fetch', body);
    promise.catch(() => ensured.delete(key));
    ensured.set(key, promise);
  }
  return ensured.get(key);
}

/** Kernels before the image was split live in boot/, later ones beside their modules. */
function locateKernel(name, dir) {
  const modulesParent = ['usr/lib/modules', 'lib/modules'].find((candidate) =>
    fs.existsSync(path.join(dir, candidate)),
  );
  const [release] = modulesParent === undefined ? [] : fs.readdirSync(path.join(dir, modulesParent));
  const candidates = [`boot/vmlinuz-${release}`, `${modulesParent}/${release}/vmlinuz`];
  const vmlinuz = candidates.find((candidate) => fs.existsSync(path.join(dir, candidate)));
  if (vmlinuz === undefined) throw new Error(`kernel ${name}: no image among ${candidates.join(', ')} in ${dir}`);
  return { name, release, vmlinuz: path.join(dir, vmlinuz), modulesDir: path.join(dir, modulesParent, release) };
}

/** The entry of kernels.json. */
export function kernelEntry(name) {
  const kernel = data.kernels.find((candidate) => candidate.name === name);
  if (kernel === undefined) throw new Error(`unknown kernel ${name}; known: ${kernelNames.join(', ')}`);
  return kernel;
}

export const kernelArchive = (kernel) => new DebianArchive(`linux-${kernel.name}`, [kernel]);

/** The packages of the kernel that the suite has today. */
export function resolveKernel(archive, kernel) {
  const pattern = new RegExp(data.packagePattern);
  return archive.followDependencies(kernel.metaPackage ?? data.metaPackage, pattern);
}

/** What was not as kernels.lock.json says, for the summary of a run. */
export const kernelNotes = [];

function presentKernel(kernel) {
  return ensurePackageTree(`linux-${kernel.name}`, kernelArchive(kernel), (archive) => resolveKernel(archive, kernel));
}

function kernelTree(name) {
  const kernel = kernelEntry(name);
  const locked = lock[name];
  if (kernel.moves || locked === undefined) return presentKernel(kernel).dir;
  const tree = `linux-${name}-locked`;
  try {
    return ensureLockedTree(tree, locked.packages, () => {
      const bytes = locked.packages.reduce((sum, each) => sum + each.bytes, 0);
      say(`downloading Linux ${locked.packages[0].version}, ${(bytes / 1e6).toFixed(1)} MB`);
      return fetchLockedPackages(locked);
    });
  } catch (error) {
    const { dir, packages } = presentKernel(kernel);
    const note = `Linux ${name}: the locked ${locked.packages[0].version} is nowhere any more, ${packages[0].version} of ${kernel.suite} was taken (npm run kernels:raise locks that one)`;
    say(`${note}: ${error.message}`);
    kernelNotes.push(note);
    return dir;
  }
}

/** @returns {Promise<{name: string, release: string, vmlinuz: string, modulesDir: string}>} */
export function ensureKernel(name) {
  kernelEntry(name);
  return once(`kernel-${name}`, () => locateKernel(name, kernelTree(name)));
}

function majorVersionOf(command, args = [], env = process.env) {
  const { stdout } = spawnSync(command, [...args, '--version'], { encoding: 'utf8', env });
  return Number(stdout?.match(/version (\d+)\./)?.[1] ?? 0);
}

/** Unpacked packages of one entry of kernels.json's tools; the caller holds the lock. */
export function ensureToolTree(name) {
  const tool = data.tools[name];
  const archive = new DebianArchive(name, tool.archives, tool.targetRelease);
  return ensurePackageTree(name, archive, () =>
    tool.closure === false ? archive.describe(tool.packages) : archive.resolveClosure(tool.packages),
  ).dir;
}

/**
 * The machine's QEMU when it is new enough, else one in the cache that is started with its own C library and
 * libraries, so that it depends on nothing installed.
 * @returns {Promise<{command: string, args: string[], env: Record<string, string>, version: number}>}
 */
export function ensureQemu() {
  const { minimumMajor } = data.tools.qemu;
  return once('qemu', () => {
    const installed = majorVersionOf('qemu-system-x86_64');
    if (installed >= minimumMajor) return { command: 'qemu-system-x86_64', args: [], env: {}, version: installed };
    const dir = ensureToolTree('qemu');
    const qemu = { ...commandInTree(dir, 'usr/bin/qemu-system-x86_64') };
    qemu.args.push('-L', path.join(dir, 'usr/share/qemu'), '-L', path.join(dir, 'usr/share/seabios'));
    qemu.env = { QEMU_MODULE_DIR: path.join(dir, 'usr/lib/x86_64-linux-gnu/qemu') };
    qemu.version = majorVersionOf(qemu.command, qemu.args, { ...process.env, ...qemu.env });
    if (qemu.version < minimumMajor) throw new Error(`QEMU in ${dir} does not run or is older than ${minimumMajor}`);
    return qemu;
  });
}

/** How to run a dynamically linked program out of an unpacked tree. */
function commandInTree(dir, program) {
  const libraries = ['lib/x86_64-linux-gnu', 'usr/lib/x86_64-linux-gnu'].map((each) => path.join(dir, each)).join(':');
  const loader = walk(dir).find(
    (file) => /(^|\/)ld-linux-x86-64\.so\.2$/.test(file) && fs.existsSync(path.join(dir, file)),
  );
  return { command: path.join(dir, loader), args: ['--library-path', libraries, path.join(dir, program)] };
}

/** @returns {Promise<string>} path of the static busybox binary */
export function ensureBusybox() {
  return once('busybox', () => path.join(ensureToolTree('busybox'), 'bin/busybox'));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const name of process.argv.length > 2 ? process.argv.slice(2) : kernelNames) {
    const kernel = await ensureKernel(name);
    say(`kernel ${name}: ${kernel.release}, ${kernel.vmlinuz}`);
  }
  const qemu = await ensureQemu();
  say(`qemu ${qemu.version}: ${[qemu.command, ...qemu.args].join(' ')}`);
  say(`busybox: ${await ensureBusybox()}`);
}
