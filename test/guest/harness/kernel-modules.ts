/**
 * Which module files a guest must load, and in which order. The packages hold no modules.dep (it is made when they are
 * installed), so dependencies are read from each module's own .modinfo section.
 */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { walk } from './cache.js';

const normalize = (name: string): string => name.replaceAll('-', '_');

/** Files of all modules, by module name. */
function moduleFiles(modulesDir: string): Map<string, string> {
  const files = new Map<string, string>();
  for (const file of walk(modulesDir)) {
    const match = path.basename(file).match(/^(.+)\.ko(\.xz|\.zst|\.gz)?$/);
    if (match) files.set(normalize(match[1]!), path.join(modulesDir, file));
  }
  return files;
}

function builtinModules(modulesDir: string): Set<string> {
  const lines = fs.readFileSync(path.join(modulesDir, 'modules.builtin'), 'utf8').split('\n').filter(Boolean);
  return new Set(lines.map((line) => normalize(path.basename(line, '.ko'))));
}

/** Plain ELF content; busybox unpacks xz, so that nothing has to be installed for it. */
function readModule(file: string, busybox: string): Buffer {
  if (file.endsWith('.ko')) return fs.readFileSync(file);
  if (!file.endsWith('.xz')) throw new Error(`${file}: compression not supported`);
  return execFileSync(busybox, ['unxz', '-c', file], { maxBuffer: 1 << 28 });
}

/** Hard dependencies, and those soft ones that are asked to come before. */
function dependenciesOf(content: Buffer): { hard: string[]; soft: string[] } {
  const text = content.toString('latin1');
  const hard = text.match(/\0depends=([^\0]*)\0/)?.[1]?.split(',') ?? [];
  const soft = [...text.matchAll(/\0softdep=pre: ([^\0]*)\0/g)].flatMap((match) => match[1]!.split(' '));
  return { hard: hard.filter(Boolean).map(normalize), soft: soft.filter(Boolean).map(normalize) };
}

/** The module with the algorithm that a soft dependency such as `crypto-crc32c` names, for any processor. */
const plainAlgorithm = (name: string): string => `${name.replace(/^crypto_/, '')}_generic`;

export interface KernelModule {
  readonly name: string;
  /** The ELF file, unpacked. */
  readonly content: Buffer;
}

/**
 * The `wanted` modules and what they depend on, in loading order. One that is built in needs nothing and is accepted. A soft
 * dependency can name an algorithm instead of a module.
 */
export function resolveModules(modulesDir: string, wanted: readonly string[], busybox: string): KernelModule[] {
  if (wanted.length === 0) return [];
  const files = moduleFiles(modulesDir);
  const builtin = builtinModules(modulesDir);
  const ordered = new Map<string, Buffer>();
  const visit = (name: string, optional: boolean): void => {
    if (ordered.has(name) || builtin.has(name)) return;
    const file = files.get(name) ?? (optional ? files.get(plainAlgorithm(name)) : undefined);
    if (file === undefined) {
      if (optional) return;
      throw new Error(`module ${name} is neither in ${modulesDir} nor built in`);
    }
    const content = readModule(file, busybox);
    const { hard, soft } = dependenciesOf(content);
    for (const dependency of soft) visit(dependency, true);
    for (const dependency of hard) visit(dependency, false);
    ordered.set(name, content);
  };
  for (const name of wanted) visit(normalize(name), false);
  return [...ordered].map(([name, content]) => ({ name, content }));
}
