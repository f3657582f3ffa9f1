/** Builds the programs of the bench into build/bench, statically linked, so that they run in any guest as well. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const sourceDir = fileURLToPath(new URL('./program/', import.meta.url));
const outputDir = fileURLToPath(new URL('../../build/bench', import.meta.url));

const C_FLAGS = ['-static', '-O2', '-Wall', '-Wextra', '-Werror'];
const BPF_FLAGS = [
  ...['-target', 'bpf', '-D__TARGET_ARCH_x86', '-I/usr/include/x86_64-linux-gnu', '-mcpu=v3', '-O2', '-g'],
  ...['-Wall', '-Wextra', '-Werror', '-Wno-unused-parameter', '-c'],
];

interface Program {
  readonly source: string;
  readonly libraries?: readonly string[];
}

const PROGRAMS: Readonly<Record<string, Program>> = {
  calls: { source: 'calls.c' },
  other_calls: { source: 'other_calls.c' },
  deletions: { source: 'deletions.c' },
  bpf_statistics: { source: 'bpf_statistics.c' },
  floor: { source: 'floor.c', libraries: ['-lbpf', '-lelf', '-lz'] },
};

function compileProgram({ source, libraries = [] }: Program, output: string): void {
  const compiler = process.env['CC'] ?? 'gcc';
  const args = [...C_FLAGS, '-o', output, path.join(sourceDir, source), ...libraries];
  try {
    execFileSync(compiler, args, { stdio: 'ignore' });
  } catch {
    // Some distributions build libelf so that it needs one library more.
    execFileSync(compiler, libraries.length > 0 ? [...args, '-lzstd'] : args, { stdio: 'inherit' });
  }
}

/** The newest clang there is; bpf/build.sh takes the same. */
function clang(): string {
  const candidates = [process.env['CLANG'], ...[19, 18, 17, 16, 15, 14].map((version) => `clang-${version}`), 'clang'];
  for (const candidate of candidates) {
    if (!candidate) continue;
    try {
      execFileSync(candidate, ['--version'], { stdio: 'ignore' });
      return candidate;
    } catch {
      // The next one.
    }
  }
  throw new Error('there is no clang: run "npm run setup"');
}

/** Builds what is older than its sources. Returns the directory with the programs and floor.bpf.o. */
export function buildPrograms(): string {
  fs.mkdirSync(outputDir, { recursive: true });
  const newest = Math.max(
    ...fs.readdirSync(sourceDir).map((name) => fs.statSync(path.join(sourceDir, name)).mtimeMs),
    fs.statSync(fileURLToPath(import.meta.url)).mtimeMs,
  );
  const stamp = path.join(outputDir, 'built');
  if (fs.existsSync(stamp) && fs.statSync(stamp).mtimeMs > newest) return outputDir;
  for (const [name, program] of Object.entries(PROGRAMS)) compileProgram(program, path.join(outputDir, name));
  const object = path.join(outputDir, 'floor.bpf.o');
  execFileSync(clang(), [...BPF_FLAGS, '-o', object, path.join(sourceDir, 'floor.bpf.c')], { stdio: 'inherit' });
  fs.writeFileSync(stamp, '');
  return outputDir;
}
