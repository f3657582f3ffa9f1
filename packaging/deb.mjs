/**
 * Turns a staged tree into a Debian package by dpkg-deb alone, not by debhelper: that builds a source tree by rules of its own,
 * and what goes into the package here is the tree that was staged and tested, the same bytes every time.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { elfFiles, newestSymbolVersion, strip } from './elf.mjs';
import { controlFile } from './flavours.mjs';
import { installNodeRuntime } from './node-runtime.mjs';

const debian = fileURLToPath(new URL('./debian', import.meta.url));
const MAINTAINER = 'rmwatch maintainers <maintainers@rmwatch.invalid>';
const SCRIPTS = ['postinst', 'prerm', 'postrm'];
const HOME = 'usr/lib/rmwatch';

function write(file, text, mode = 0o644) {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, text);
  fs.chmodSync(file, mode);
}

/** gzip(1) without name and time, as Debian wants it. */
function gzip(file) {
  execFileSync('gzip', ['-9n', file]);
}

function filesBelow(tree, directory = '') {
  return fs
    .readdirSync(path.join(tree, directory), { withFileTypes: true })
    .flatMap((entry) =>
      entry.isDirectory() ? filesBelow(tree, path.join(directory, entry.name)) : [path.join(directory, entry.name)],
    )
    .sort();
}

function addNodeRuntime(tree) {
  const { version, licence } = installNodeRuntime(path.join(tree, HOME, 'node'));
  const copyright = path.join(tree, 'usr/share/doc/rmwatch/copyright');
  const title = `Node.js ${version}, the official build, from the npm registry`;
  fs.appendFileSync(copyright, `\n${'-'.repeat(79)}\n${title}\n/${HOME}/node\n\n${licence.trim()}\n`);
}

function writeChangelog(tree, name, version, epoch) {
  const date = new Date(epoch * 1000).toUTCString().replace('GMT', '+0000');
  const entry = `${name} (${version}) unstable; urgency=medium\n\n  * Built from the sources of this version.\n\n -- ${MAINTAINER}  ${date}\n`;
  const file = path.join(tree, 'usr/share/doc', name, 'changelog.Debian');
  write(file, entry);
  gzip(file);
}

/** What differs from a plain stage: documents by the name of the package, compressed pages, no second copy of licences. */
function followPolicy(tree, flavour, version, epoch) {
  const documents = path.join(tree, 'usr/share/doc', flavour.name);
  if (flavour.name !== 'rmwatch') fs.renameSync(path.join(tree, 'usr/share/doc/rmwatch'), documents);
  fs.rmSync(path.join(documents, 'common-licenses'), { recursive: true, force: true });
  for (const page of filesBelow(path.join(tree, 'usr/share/man'))) gzip(path.join(tree, 'usr/share/man', page));
  writeChangelog(tree, flavour.name, version, epoch);
  const overrides = fs.readFileSync(path.join(debian, 'lintian-overrides'), 'utf8');
  write(path.join(tree, 'usr/share/lintian/overrides', flavour.name), overridesFor(overrides, flavour));
}

/** Lines after "# bundled:" are for the package with Node.js only. */
function overridesFor(text, flavour) {
  const [all, bundled] = text.split('# bundled:\n');
  return flavour.bundlesNode ? all + bundled : all;
}

function writeControl(tree, flavour, version) {
  const files = filesBelow(tree);
  const bytes = files.reduce((sum, file) => sum + Math.ceil(fs.statSync(path.join(tree, file)).size / 1024) * 1024, 0);
  const control = controlFile(flavour, {
    version,
    maintainer: MAINTAINER,
    installedKiB: Math.ceil(bytes / 1024),
    glibc: newestSymbolVersion(elfFiles(tree), 'GLIBC'),
  });
  const md5 = (file) =>
    createHash('md5')
      .update(fs.readFileSync(path.join(tree, file)))
      .digest('hex');
  const sums = files.filter((file) => !file.startsWith('etc/')).map((file) => `${md5(file)}  ${file}\n`);
  const conffiles = files.filter((file) => file.startsWith('etc/')).map((file) => `/${file}\n`);
  write(path.join(tree, 'DEBIAN/control'), control);
  write(path.join(tree, 'DEBIAN/md5sums'), sums.join(''));
  write(path.join(tree, 'DEBIAN/conffiles'), conffiles.join(''));
  for (const name of SCRIPTS) write(path.join(tree, 'DEBIAN', name), fs.readFileSync(path.join(debian, name)), 0o755);
}

/** Directories that were made here have modes by the umask, and everything the time at which it was made. */
function normalize(tree, epoch) {
  for (const name of ['.', ...fs.readdirSync(tree, { recursive: true })]) {
    const file = path.join(tree, name);
    if (fs.statSync(file).isDirectory()) fs.chmodSync(file, 0o755);
    fs.utimesSync(file, epoch, epoch);
  }
}

/**
 * Makes the package of `flavour` from the staged tree, which it changes, in `directory`. Returns the file. The bytes
 * depend on the tree, the version and `epoch` only.
 */
export function makeDeb(tree, flavour, { version, epoch, directory }) {
  if (flavour.bundlesNode) addNodeRuntime(tree);
  for (const file of elfFiles(tree)) strip(file);
  followPolicy(tree, flavour, version, epoch);
  writeControl(tree, flavour, version);
  normalize(tree, epoch);
  const file = path.join(directory, `${flavour.name}_${version}_amd64.deb`);
  // Higher levels take a minute for Node.js, and save a tenth.
  execFileSync('dpkg-deb', ['--root-owner-group', '-Zxz', '-z1', '--build', tree, file], {
    env: { ...process.env, SOURCE_DATE_EPOCH: String(epoch) },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  return file;
}
