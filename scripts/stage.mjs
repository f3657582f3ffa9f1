// npm run stage -- DIR: lays out under DIR the tree that a package installs. The target needs Node.js and glibc only.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundle } from './bundle.mjs';
import { commonLicences, copyrightText, libraryLicence, npmPackageLicence } from './licences.mjs';
import { leadLinks } from './manual.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const HOME = 'usr/lib/rmwatch';
const ADDON = 'build/Release/rmwatch.node';
/** As many directories deep as the modules that look for package.json and the addon from where they lie. */
const PROGRAM = 'dist/bundle/main.js';
/** What the program starts as a thread lies beside it. */
const THREADS = ['config/load-thread.js', 'http/password-worker.js', 'page/page-thread.js'];

/** Files and directories that go as they are. */
const COPIES = [
  { from: ADDON, to: `${HOME}/${ADDON}` },
  // Beside the program, which looks for them there.
  { from: 'dist/page/assets', to: `${HOME}/dist/bundle/assets` },
  { from: 'config/rmwatch.default.yaml', to: 'etc/rmwatch/rmwatch.yaml' },
  { from: 'config/rmwatch.example.yaml', to: 'usr/share/rmwatch/rmwatch.example.yaml' },
  { from: 'config/rmwatch.schema.json', to: 'usr/share/rmwatch/rmwatch.schema.json' },
  { from: 'config/event.schema.json', to: 'usr/share/rmwatch/event.schema.json' },
  { from: 'systemd/rmwatch.service', to: 'usr/lib/systemd/system/rmwatch.service' },
  { from: 'systemd/rmwatch.sysusers', to: 'usr/lib/sysusers.d/rmwatch.conf' },
  { from: 'systemd/rmwatch.logrotate', to: 'etc/logrotate.d/rmwatch' },
  { from: 'systemd/kprobe.conf', to: `${HOME}/systemd/kprobe.conf` },
  { from: 'systemd/journal.conf', to: `${HOME}/systemd/journal.conf` },
  { from: 'systemd/root.conf', to: `${HOME}/systemd/root.conf` },
  { from: 'config/prometheus', to: 'usr/share/rmwatch/prometheus' },
  { from: 'config/grafana', to: 'usr/share/rmwatch/grafana' },
  { from: 'config/kubernetes', to: 'usr/share/rmwatch/kubernetes' },
  // Not below usr/share/doc: minimal images leave that out, and runbook_url would need the name of the package.
  { from: 'docs', to: 'usr/share/rmwatch/docs' },
  { from: 'README.md', to: 'usr/share/rmwatch/README.md' },
  { from: 'CHANGELOG.md', to: 'usr/share/rmwatch/CHANGELOG.md' },
  { from: 'CONTRIBUTING.md', to: 'usr/share/rmwatch/CONTRIBUTING.md' },
  { from: 'SECURITY.md', to: 'usr/share/rmwatch/SECURITY.md' },
  { from: 'config/man/rmwatch.8', to: 'usr/share/man/man8/rmwatch.8' },
  { from: 'config/man/rmwatch.yaml.5', to: 'usr/share/man/man5/rmwatch.yaml.5' },
];

/** Finds everything from where it lies itself, so that it also works under DIR. */
const WRAPPER = `#!/bin/sh
self=$(readlink -f -- "$0")
home=\${self%/bin/rmwatch}/lib/rmwatch
if [ -x "$home/node" ]; then
  node=$home/node
elif ! node=$(command -v node); then
  echo 'rmwatch: needs Node.js 20 or newer, and finds no node in PATH' >&2
  exit 1
fi
# Node.js replaces a closed standard output by /dev/null, where what is written would be lost unnoticed. This way it still fails.
{ true 3>&1; } 2>/dev/null || exec 1</dev/null

${fs.readFileSync(path.join(root, 'scripts/node-command.sh'), 'utf8')}
exec_node "$node" "$home/${PROGRAM}" "$@"
`;

const DOCUMENTATION = 'usr/share/doc/rmwatch';

const COMPLETIONS = [
  { shell: 'bash', to: 'usr/share/bash-completion/completions/rmwatch' },
  { shell: 'zsh', to: 'usr/share/zsh/vendor-completions/_rmwatch' },
];

/** The parts of glibc, which are the target's own. */
const GLIBC = /^(linux-vdso|ld-linux-x86-64|lib(c|m|dl|rt|pthread|resolv|util|anl))\.so\.\d+$/;

function readJson(file) {
  return JSON.parse(fs.readFileSync(path.join(root, file), 'utf8'));
}

function openTarget(argument) {
  if (argument === undefined || argument.startsWith('-')) throw new Error('usage: npm run stage -- DIR');
  // npm runs scripts at the top of the checkout; a relative DIR is meant from where npm was called.
  const target = path.resolve(process.env['INIT_CWD'] ?? '.', argument);
  fs.mkdirSync(target, { recursive: true });
  if (fs.readdirSync(target).length > 0) throw new Error(`${target} is not empty`);
  return target;
}

function copy(from, to, skip = () => false) {
  fs.mkdirSync(path.dirname(to), { recursive: true });
  fs.cpSync(from, to, { recursive: true, dereference: true, filter: (source) => !skip(source) });
}

function write(file, text, mode = 0o644) {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, text, { mode });
}

/** What the dynamic linker takes for each library that the addon needs, directly or not. */
function resolveLibraries(addon) {
  const lines = execFileSync('ldd', [addon], { encoding: 'utf8', env: { PATH: process.env['PATH'] } }).split('\n');
  const libraries = new Map();
  for (const line of lines) {
    const [, name, file] = line.match(/^\s*(\S+)(?: => (.+?))?(?: \(0x[0-9a-f]+\))?$/) ?? [];
    if (name !== undefined && !GLIBC.test(path.basename(name))) libraries.set(name, file);
  }
  return libraries;
}

/** Copies the shared libraries that the addon needs. Returns their licences. */
function copyLibraries(target) {
  const licences = [];
  const addon = path.join(target, HOME, ADDON);
  const directory = path.join(path.dirname(addon), 'lib');
  for (const [name, file] of resolveLibraries(addon)) {
    if (file === undefined || file === 'not found') throw new Error(`the addon needs ${name}, which is not here`);
    copy(file, path.join(directory, name));
    licences.push(libraryLicence(file, `/${path.relative(target, directory)}/${name}`));
  }
  for (const [name, file] of resolveLibraries(addon)) {
    if (file !== path.join(directory, name)) throw new Error(`${name} would be taken from ${file} instead of the tree`);
  }
  return licences;
}

/** The texts that Debian keeps in one place go along, for targets that have no such place. */
function writeLicences(target, works) {
  const text = copyrightText(fs.readFileSync(path.join(root, 'LICENSE'), 'utf8'), works);
  write(path.join(target, DOCUMENTATION, 'copyright'), text);
  for (const [name, licence] of commonLicences(text)) {
    write(path.join(target, DOCUMENTATION, 'common-licenses', name), licence);
  }
}

function writePackageJson(target) {
  const { name, version, description, license, type, engines } = readJson('package.json');
  const staged = { name, version, description, license, private: true, type, engines };
  write(path.join(target, HOME, 'package.json'), `${JSON.stringify(staged, null, 2)}\n`);
}

function writeCompletions(target) {
  for (const { shell, to } of COMPLETIONS) {
    const text = execFileSync(path.join(target, 'usr/bin/rmwatch'), ['completion', shell], { encoding: 'utf8' });
    write(path.join(target, to), text);
  }
}

/** Modes without regard to umask and sources; times as SOURCE_DATE_EPOCH says. */
function normalize(file, epoch, executable) {
  const isDirectory = fs.statSync(file).isDirectory();
  if (isDirectory) {
    for (const name of fs.readdirSync(file)) normalize(path.join(file, name), epoch, executable);
  }
  fs.chmodSync(file, isDirectory || file === executable ? 0o755 : 0o644);
  if (epoch !== undefined) fs.utimesSync(file, epoch, epoch);
}

function sourceDateEpoch() {
  const text = process.env['SOURCE_DATE_EPOCH'];
  if (text === undefined || text === '') return undefined;
  if (!/^\d+$/.test(text)) throw new Error(`SOURCE_DATE_EPOCH is not a number of seconds: ${text}`);
  return Number(text);
}

/** Bundles the program and its threads. Returns the licences of the packages in them. */
async function writePrograms(target) {
  const inputs = ['main.js', ...THREADS].map((file) => [path.basename(file, '.js'), path.join(root, 'dist', file)]);
  const directory = path.dirname(PROGRAM);
  const files = await bundle(Object.fromEntries(inputs), path.join(target, HOME, directory));
  return files.flatMap(({ fileName, packages }) => {
    const place = `/${HOME}/${directory}/${fileName}`;
    return packages.map((from) => npmPackageLicence(from, place));
  });
}

async function stage(argument) {
  const epoch = sourceDateEpoch();
  const target = openTarget(argument);
  const wrapper = path.join(target, 'usr/bin/rmwatch');
  for (const { from, to } of COPIES) copy(path.join(root, from), path.join(target, to));
  leadLinks(root, target, COPIES);
  writePackageJson(target);
  const licences = await writePrograms(target);
  writeLicences(target, [...licences, ...copyLibraries(target)]);
  write(wrapper, WRAPPER, 0o755);
  writeCompletions(target);
  normalize(target, epoch, wrapper);
  return target;
}

try {
  process.stderr.write(`rmwatch: staged in ${await stage(process.argv[2])}\n`);
} catch (error) {
  process.stderr.write(`rmwatch: cannot stage: ${error.message}\n`);
  process.exitCode = 1;
}
