/**
 * The type information of each kernel, as the running kernel shows it, kept in the cache for tools that work on the
 * host: NAME.btf, and NAME.h when bpftool is there to translate it.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheDir, readJson, say, writeFileAtomically } from './cache.mjs';
import { ensureKernel, kernelNames } from './fetch-kernels.mjs';
import { runGuest } from './guest.mjs';

const IN_GUEST = '/sys/kernel/btf/vmlinux';

/** Keep what a guest run with `outputs: [kernelBtfPath]` brought back. */
export function saveKernelBtf(result) {
  const dir = path.join(cacheDir(), 'btf');
  const file = path.join(dir, `${result.kernel}.btf`);
  fs.mkdirSync(dir, { recursive: true });
  writeFileAtomically(file, fs.readFileSync(path.join(result.outputDir, IN_GUEST)));
  const { status, stdout } = spawnSync('bpftool', ['btf', 'dump', 'file', file, 'format', 'c'], { maxBuffer: 1 << 26 });
  if (status === 0) writeFileAtomically(path.join(dir, `${result.kernel}.h`), stdout);
  writeFileAtomically(path.join(dir, `${result.kernel}.json`), `${JSON.stringify({ release: result.release })}\n`);
  return file;
}

export const kernelBtfPath = IN_GUEST;

/** @returns {Promise<string>} path of the BTF file; boots the kernel only when there is none of this release yet */
export async function ensureKernelBtf(name) {
  const kernel = await ensureKernel(name);
  const file = path.join(cacheDir(), 'btf', `${name}.btf`);
  if (fs.existsSync(file) && readJson(file.replace(/btf$/, 'json'))?.release === kernel.release) return file;
  const result = await runGuest({ kernel: name, command: 'true', outputs: [IN_GUEST], label: 'btf' });
  if (result.exitCode !== 0) throw new Error(`kernel ${name} did not deliver its BTF, see ${result.consoleFile}`);
  return saveKernelBtf(result);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const name of process.argv.length > 2 ? process.argv.slice(2) : kernelNames) {
    say(`BTF of ${name}: ${await ensureKernelBtf(name)}`);
  }
}
