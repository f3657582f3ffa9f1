/**
 * Builds the initramfs of a guest: a base of busybox, node and its libraries, written once per content and cached,
 * followed by what one run adds.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { cacheDir, say } from './cache.js';
import { CpioWriter } from './cpio.js';
import { resolveModules } from './kernel-modules.js';
import { findProgram, sharedLibrariesOf } from './programs.js';

const BASE_VERSION = 3; // Raised whenever what writeBase() writes changes.
const BASES_KEPT = 3;
const MERGED_DIRECTORIES = ['bin', 'sbin', 'lib', 'lib64'];

/** The guest has a merged /usr like any current distribution: /lib/x is a name of /usr/lib/x. */
function inMergedUsr(guestPath: string): string {
  const [, first = ''] = guestPath.split('/');
  return MERGED_DIRECTORIES.includes(first) ? `/usr${guestPath}` : guestPath;
}

function identityOf(file: string): string {
  const stat = fs.statSync(file);
  return `${fs.realpathSync(file)} ${stat.size} ${stat.mtimeMs} ${stat.ino}`;
}

function writeBase(file: string, busybox: string, node: string): void {
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

function removeOldBases(dir: string): void {
  const bases = fs
    .readdirSync(dir)
    .filter((name) => name.endsWith('.cpio'))
    .map((name) => ({ file: path.join(dir, name), mtime: fs.statSync(path.join(dir, name)).mtimeMs }))
    .sort((a, b) => b.mtime - a.mtime);
  for (const { file } of bases.slice(BASES_KEPT)) fs.rmSync(file, { force: true });
}

/** The cached base for this machine's node. Its name is its content's, and it appears by rename: no lock is needed. */
export function ensureBase(busybox: string, node = process.execPath): string {
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

/** A file of shell variables. */
function shellVariables(variables: Readonly<Record<string, string>>): string {
  return Object.entries(variables)
    .map(([name, value]) => `${name}='${value.replaceAll("'", "'\\''")}'\n`)
    .join('');
}

/** An argument vector, or shell text. */
export type Command = string | readonly string[];

/** An argument vector is quoted; a string is taken as shell text. */
export function commandScript(command: Command, env: Readonly<Record<string, string>> = {}): string {
  const quote = (word: string) => `'${word.replaceAll("'", "'\\''")}'`;
  const exports = Object.entries(env).map(([name, value]) => `export ${name}=${quote(value)}\n`);
  return `${exports.join('')}${typeof command === 'string' ? command : command.map(quote).join(' ')}\n`;
}

/** What a guest gets beside the base. */
export interface GuestFiles {
  /** Host path to guest path: files, symlinks, directories. */
  readonly files?: Readonly<Record<string, string>> | undefined;
  /** Guest path to content of small files. */
  readonly texts?: Readonly<Record<string, string>> | undefined;
  /** Guest path to symlink target. */
  readonly links?: Readonly<Record<string, string>> | undefined;
  /** Host programs, put at their own path with the libraries they need. */
  readonly programs?: readonly string[] | undefined;
  /** ELF files (an addon, say) whose libraries are put at their own paths. */
  readonly librariesOf?: readonly string[] | undefined;
  /** Kernel modules to load, dependencies included. */
  readonly modules?: readonly string[] | undefined;
}

export interface InitramfsOptions extends GuestFiles {
  /** The initramfs to write. */
  readonly file: string;
  readonly busybox: string;
  readonly kernel: { readonly modulesDir: string };
  /** Shell text to run. */
  readonly script: string;
  /** For guest.conf. */
  readonly variables: Readonly<Record<string, string>>;
  /** Put the run's files aside, for an init that copies them into another root. */
  readonly overlay: boolean;
}

export function buildInitramfs(options: InitramfsOptions): void {
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

  const place = (guestPath: string) => (options.overlay ? `/overlay${inMergedUsr(guestPath)}` : inMergedUsr(guestPath));
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
