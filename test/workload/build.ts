/** Builds the workload's program, statically linked so that it runs in any guest. `node --import ./test/lib/typescript.mjs test/workload/build.ts [OUTPUT]` prints its path. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const sourceDir = fileURLToPath(new URL('./program/', import.meta.url));
const defaultOutput = fileURLToPath(new URL('../../build/workload/cases', import.meta.url));

const FLAGS = [
  ...['-static', '-pthread', '-O1', '-g', '-std=gnu17', '-D_GNU_SOURCE'],
  ...['-Wall', '-Wextra', '-Werror', '-Wno-override-init', '-Wno-missing-field-initializers'],
];

/** Compiles unless the program is newer than its sources. Returns its path. */
export function buildWorkload(output: string = defaultOutput): string {
  const sources = fs.readdirSync(sourceDir).map((name) => path.join(sourceDir, name));
  const inputs = [...sources, fileURLToPath(import.meta.url)];
  const newest = Math.max(...inputs.map((file) => fs.statSync(file).mtimeMs));
  if (fs.existsSync(output) && fs.statSync(output).mtimeMs > newest) return output;
  fs.mkdirSync(path.dirname(output), { recursive: true });
  const unfinished = `${output}.${process.pid}`;
  const modules = sources.filter((file) => file.endsWith('.c'));
  execFileSync(process.env['CC'] ?? 'gcc', [...FLAGS, '-o', unfinished, ...modules], { stdio: 'inherit' });
  fs.renameSync(unfinished, output);
  return output;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(buildWorkload(process.argv[2]));
