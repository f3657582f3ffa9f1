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

const PROGRAMS = {
  deletions: { source: 'deletions.c' },
  bpf_statistics: { source: 'bpf_statistics.c' },
  floor: { source: 'floor.c', libraries: ['-lbpf', '-lelf', '-lz'] },
};

function compile(command, args, source, output) {
  execFileSync(command, [...args, '-o', output, path.join(sourceDir, source)], { stdio: 'inherit' });
}

/** The newest clang there is; bpf/build.sh takes the same. */
function clang() {
  const candidates = [process.env.CLANG, ...[19, 18, 17, 16, 15, 14].map((version) => `clang-${version}`), 'clang'];
  for (const candidate of candidates.filter(Boolean)) {
    try {
      execFileSync(candidate, ['--version'], { stdio: 'ignore' });
      return candidate;
    } catch {
      // The next one.
    }
  }
  throw new Error('there is no clang: run "npm run setup"');
}

/**
 * Builds what is older than its sources.
 * @returns {string} the directory with deletions, bpf_statistics, floor and floor.bpf.o
 */
export function buildPrograms() {
  fs.mkdirSync(outputDir, { recursive: true });
  const newest = Math.max(
    ...fs.readdirSync(sourceDir).map((name) => fs.statSync(path.join(sourceDir, name)).mtimeMs),
    fs.statSync(fileURLToPath(import.meta.url)).mtimeMs,
  );
  const stamp = path.join(outputDir, 'built');
  if (fs.existsSync(stamp) && fs.statSync(stamp).mtimeMs > newest) return outputDir;
  for (const [name, { source, libraries = [] }] of Object.entries(PROGRAMS)) {
    const output = path.join(outputDir, name);
    execFileSync(process.env.CC ?? 'gcc', [...C_FLAGS, '-o', output, path.join(sourceDir, source), ...libraries], {
      stdio: 'inherit',
    });
  }
  compile(clang(), BPF_FLAGS, 'floor.bpf.c', path.join(outputDir, 'floor.bpf.o'));
  fs.writeFileSync(stamp, '');
  return outputDir;
}
