/** The licences of everything that is shipped, as one text, which is what a package's copyright file is. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

const COMMON_LICENCES = '/usr/share/common-licenses';
const LICENCE_FILE = /^(licen[cs]e|copying)(\.(md|txt))?$/i;
const RULE = '-'.repeat(79);

/** One shipped work: its name with version, where it lies below the tree, and the text of its licence. */
function section({ title, where, text }) {
  return `${RULE}\n${title}\n${where}\n\n${text.trim()}\n`;
}

/** The licence file of an npm package; throws when it ships none, as its text then has to be found by hand. */
export function npmPackageLicence(directory, where) {
  const { name, version, license } = JSON.parse(fs.readFileSync(path.join(directory, 'package.json'), 'utf8'));
  const file = fs.readdirSync(directory).find((entry) => LICENCE_FILE.test(entry));
  if (file === undefined) throw new Error(`${name} has no licence file`);
  const text =
    license === 'Apache-2.0'
      ? `Licensed under the Apache License, Version 2.0: ${COMMON_LICENCES}/Apache-2.0`
      : fs.readFileSync(path.join(directory, file), 'utf8');
  return { title: `${name} ${version}, from the npm registry, ${license}`, where, text };
}

/** The Debian package that a file came from; packages from before /usr was merged list it without "usr". */
function debianPackageOf(file) {
  for (const name of [file, file.replace(/^\/usr\//, '/'), `/usr${file}`]) {
    try {
      const owner = execFileSync('dpkg-query', ['--search', name], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      return owner.split(': ')[0];
    } catch {
      // Not by this name.
    }
  }
  throw new Error(`${file} belongs to no Debian package: its licence has to be found by hand`);
}

/** The copyright file of the Debian package that a shared library came from. */
export function libraryLicence(file, where) {
  const owner = debianPackageOf(fs.realpathSync(file));
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the fields as dpkg-query names them
  const format = '${source:Package} ${source:Version} ${binary:Package}';
  const [source, version] = execFileSync('dpkg-query', ['--show', `--showformat=${format}`, owner], {
    encoding: 'utf8',
  }).split(' ');
  const text = fs.readFileSync(`/usr/share/doc/${owner.replace(/:.*/, '')}/copyright`, 'utf8');
  return {
    title: `${path.basename(where)}: an unchanged library of the source package ${source} ${version}`,
    where: `${where}\nThe source is in the archive of the distribution: apt-get source ${source}=${version}`,
    text,
  };
}

/** `own`: the licence of the product itself; `works`: what the functions above return. */
export function copyrightText(own, works) {
  const shipped = [...works].sort((a, b) => (a.where < b.where ? -1 : 1));
  return [`rmwatch\n\n${own.trim()}\n\nIt ships the works below, which have licences of their own.\n`]
    .concat(shipped.map(section))
    .join('\n');
}

/** Licences that a copyright text names by their place on Debian: name to text. */
export function commonLicences(text) {
  const names = new Set([...text.matchAll(/\/usr\/share\/common-licenses\/([\w.-]*[\w])/g)].map(([, name]) => name));
  return new Map([...names].sort().map((name) => [name, fs.readFileSync(path.join(COMMON_LICENCES, name), 'utf8')]));
}
