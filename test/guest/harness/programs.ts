/** Programs of this machine, and the libraries that they need. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

const NOT_DYNAMIC = /not a dynamic executable/;

/** What ldd writes; nothing for a static program. */
function ldd(file: string): string {
  try {
    return execFileSync('ldd', [file], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    const output = error instanceof Error && 'stdout' in error && 'stderr' in error ? [error.stdout, error.stderr] : [];
    if (NOT_DYNAMIC.test(output.join(''))) return '';
    throw error;
  }
}

/** Absolute paths of the shared libraries, and the loader, that an ELF file needs; none for a static one. */
export function sharedLibrariesOf(file: string): string[] {
  const text = ldd(file);
  const missing = text.match(/^\s*(\S+) => not found/m);
  if (missing) throw new Error(`${file} needs ${missing[1]}, which this machine does not have`);
  return [...text.matchAll(/(?:=>\s*|^\s*)(\/\S+) \(0x/gm)].map((match) => match[1]!);
}

/** The first program of this name in PATH; undefined when there is none. */
export function findInstalled(name: string): string | undefined {
  return (process.env['PATH'] ?? '')
    .split(':')
    .map((dir) => path.join(dir, name))
    .find((file) => fs.existsSync(file));
}

/** The path of a program: `name` itself when it has a slash, otherwise the first of PATH. Throws when there is none. */
export function findProgram(name: string): string {
  if (name.includes('/')) return path.resolve(name);
  const found = findInstalled(name);
  if (found === undefined) throw new Error(`program ${name} is not installed`);
  return found;
}
