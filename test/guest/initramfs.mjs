/**
 * Builds the initramfs of a guest: a base of busybox, node and its libraries, written once per content and cached,
 * followed by what one run adds.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { cacheDir, say } from './cache.mjs';
import { CpioWriter } from './cpio.mjs';
import { resolveModules } from './kernel-modules.mjs';

const BASE_VERSION = 3; // Raised whenever what writeBase() writes changes.
const BASES_KEPT = 3;
const MERGED_DIRECTORIES = ['bin', 'sbin', 'lib', 'lib64'];

/** The guest has a merged /usr like any current distribution: /lib/x is a name of /usr/lib/x. */
function inMergedUsr(guestPath) {
  const [, first] = guestPath.split('/');
  return MERGED_DIRECTORIES.includes(first) ? `/usr${guestPath}` : guestPath;
}

/** Absolute paths of the shared libraries, and the loader, that an ELF file needs; none for a static one. */
export function sharedLibrariesOf(file) {
  let text;
  try {
    text = execFileSync('ldd', [file], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    if (/not a dynamic executable/.test(`${error.stdout}${error.stderr}`)) return [];
    throw error;
  }
  const missing = text.match(/^\s*(\S+) => not found/m);
  if (missing) throw new Error(`${file} needs ${missing[1]}, which this machine does not have`);
  return [...text.matchAll(/(?:=>\s*|^\s*)(\/\S+) \(0x/gm)].map((match) => match[1]);
}

export function findProgram(name) {
  if (name.includes('/')) return path.resolve(name);
  const found = (process.env.PATH ?? '')
    .split(':')
    .map((dir) => path.join(dir, name))
    .find((file) => fs.existsSync(file));
  if (found === undefined) throw new Error(`program ${name} is not installed`);
  return found;
}

function identityOf(file) {
  const stat = fs.statSync(file);
  return `${fs.realpathSync(file)} ${stat.size} ${stat.mtimeMs} ${stat.ino}`;
}

function writeBase(file, busybox, node) {
  const cpio = new CpioWriter(file);
  for (const name of MERGED_DIRECTORIES) {
    cpio.directory(`/usr/${name}`);
    cpio.symlink(`/${name}`, `usr/${name}`);
  }
  for (const dir of [
    '/proc',
    '/sys',
    '/dev',
    '/run',
    '/etc',
    '/var/log',
    '/var/tmp',
    '/mnt',
    '/opt',
    '/usr/local/bin',
  ]) {
    cpio.directory(dir);
  }
  cpio.directory('/root', 0o700);
  cpio.directory('/tmp', 0o1777);
  cpio.text('/etc/passwd', 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n');
  cpio.text('/etc/group', 'root:x:0:\ntty:x:5:\nnogroup:x:65534:\n');
  cpio.text('/etc/hosts', '127.0.0.1 localhost\n');
  cpio.copy(busybox, '/rmwatch/busybox');
  for (const applet of execFileSync(busybox, ['--list-full'], { encoding: 'utf8' }).trim().split('\n')) {
    cpio.symlink(inMergedUsr(`/${applet}`), '/rmwatch/busybox');
  }
  for (const library of sharedLibrariesOf(node)) cpio.copy(library, inMergedUsr(library), { follow: true });
  cpio.copy(node, '/usr/bin/node', { follow: true });
  cpio.end();
}

function removeOldBases(dir) {
  const bases = fs
    .readdirSync(dir)
    .filter((name) => name.endsWith('.cpio'))
    .map((name) => ({ file: path.join(dir, name), mtime: fs.statSync(path.join(dir, name)).mtimeMs }))
    .sort((a, b) => b.mtime - a.mtime);
  for (const { file } of bases.slice(BASES_KEPT)) fs.rmSync(file, { force: true });
}

/** The cached base for this machine's node. Its name is its content's, and it appears by rename: no lock is needed. */
export function ensureBase(busybox, node = process.execPath) {
  const parts = [node, busybox, ...sharedLibrariesOf(node)].map(identityOf);
  const key = createHash('sha256')
    .update([BASE_VERSION, ...parts].join('\n'))
    .digest('hex')
    .slice(0, 16);
  const dir = path.join(cacheDir(), 'initramfs');
  const file = path.join(dir, `${key}.cpio`);
  if (!fs.existsSync(file)) {
    fs.mkdirSync(dir, { recursive: true });
    const temporary = `${file}.${process.pid}.tmp`;
    fs.rmSync(temporary, { force: true });
    writeBase(temporary, busybox, node);
    fs.renameSync(temporary, file);
    removeOldBases(dir);
    say(`initramfs base written, ${(fs.statSync(file).size / 1e6).toFixed(0)} MB`);
  }
  return file;
}

/** A shell variable file; values are checked because the guest's scripts split them at blanks. */
function shellVariables(variables) {
  return Object.entries(variables)
    .map(([name, value]) => `${name}='${String(value).replaceAll("'", "'\\''")}'\n`)
    .join('');
}

/** An argument vector is quoted; a string is taken as shell text. */
export function commandScript(command, env = {}) {
  const quote = (word) => `'${word.replaceAll("'", "'\\''")}'`;
  const exports = Object.entries(env).map(([name, value]) => `export ${name}=${quote(String(value))}\n`);
  return `${exports.join('')}${Array.isArray(command) ? command.map(quote).join(' ') : command}\n`;
}

/**
 * @param {object} options
 * @param {string} options.file the initramfs to write
 * @param {string} options.busybox
 * @param {{modulesDir: string}} options.kernel
 * @param {string} options.script shell text to run
 * @param {Record<string, string>} [options.files] host path to guest path; files, symlinks, directories
 * @param {Record<string, string>} [options.texts] guest path to content
 * @param {Record<string, string>} [options.links] guest path to symlink target
 * @param {string[]} [options.programs] host programs, put at their own path with the libraries they need
 * @param {string[]} [options.librariesOf] ELF files (an addon, say) whose libraries are put at their own paths
 * @param {string[]} [options.modules] kernel modules to load
 * @param {Record<string, string>} [options.variables] for guest.conf
 * @param {boolean} [options.overlay] put the run's files aside, for an init that copies them into another root
 */
export function buildInitramfs(options) {
  const {
    file,
    busybox,
    kernel,
    script,
    files = {},
    texts = {},
    links = {},
    programs = [],
    librariesOf = [],
  } = options;
  fs.copyFileSync(ensureBase(busybox), file, fs.constants.COPYFILE_FICLONE);
  const cpio = new CpioWriter(file);
  const scripts = { '/init': 'guest-init.sh', '/rmwatch/run-command.sh': 'guest-run-command.sh' };
  for (const [guestPath, name] of Object.entries(scripts)) {
    cpio.text(guestPath, fs.readFileSync(new URL(name, import.meta.url)), 0o755);
  }
  cpio.text('/rmwatch/command.sh', script, 0o755);
  const modules = resolveModules(kernel.modulesDir, options.modules ?? [], busybox);
  for (const { name, content } of modules) cpio.text(`/rmwatch/modules/${name}.ko`, content);
  const variables = { ...options.variables, MODULES: modules.map(({ name }) => name).join(' ') };
  cpio.text('/rmwatch/guest.conf', shellVariables(variables));

  const place = (guestPath) => (options.overlay ? `/overlay${inMergedUsr(guestPath)}` : inMergedUsr(guestPath));
  if (options.overlay) cpio.directory('/overlay');
  const binaries = programs.map(findProgram);
  for (const binary of binaries) cpio.copy(binary, place(binary), { follow: true });
  for (const library of new Set([...binaries, ...librariesOf].flatMap(sharedLibrariesOf))) {
    cpio.copy(library, place(library), { follow: true });
  }
  for (const [hostPath, guestPath] of Object.entries(files)) cpio.copy(hostPath, place(guestPath), { follow: true });
  for (const [guestPath, content] of Object.entries(texts)) cpio.text(place(guestPath), content);
  for (const [guestPath, target] of Object.entries(links)) cpio.symlink(place(guestPath), target);
  cpio.end();
}
