/** Programs and libraries of a tree: stripped, and asked which C library they need. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

const MAGIC = Buffer.from('\x7fELF', 'latin1');

/** Every ELF file below `directory`. */
export function elfFiles(directory) {
  return fs
    .readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath ?? entry.path, entry.name))
    .filter((file) => startsWith(file, MAGIC));
}

function startsWith(file, bytes) {
  const descriptor = fs.openSync(file, 'r');
  try {
    const head = Buffer.alloc(bytes.length);
    fs.readSync(descriptor, head, 0, head.length, 0);
    return head.equals(bytes);
  } finally {
    fs.closeSync(descriptor);
  }
}

/** Removes what only debuggers use. */
export function strip(file) {
  execFileSync('strip', ['--strip-unneeded', '--remove-section=.comment', '--remove-section=.note', file]);
}

/** The newest version of the symbols PREFIX_x.y that any of the files asks for, as "x.y". */
export function newestSymbolVersion(files, prefix) {
  let newest = [0];
  for (const file of files) {
    const text = execFileSync('objdump', ['--dynamic-syms', file], { encoding: 'utf8', maxBuffer: 1 << 28 });
    for (const [, version] of text.matchAll(new RegExp(`\\b${prefix}_([\\d.]+)`, 'g'))) {
      const parts = version.split('.').map(Number);
      if (isNewer(parts, newest)) newest = parts;
    }
  }
  return newest.join('.');
}

function isNewer(a, b) {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    if ((a[i] ?? 0) !== (b[i] ?? 0)) return (a[i] ?? 0) > (b[i] ?? 0);
  }
  return false;
}
