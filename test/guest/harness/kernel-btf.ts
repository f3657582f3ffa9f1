/**
 * The type information of each kernel, as the running kernel shows it, kept in the cache for tools that work on the
 * host: NAME.btf, and NAME.h when bpftool is there to translate it.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheDir, readJson, say, writeFileAtomically } from './cache.js';
import { type GuestResult, runGuest } from './guest.js';
import { releasedKernelNames } from './kernel-table.js';
import { ensureKernel } from './kernels.js';

/** Where a running kernel shows it. */
export const kernelBtfPath = '/sys/kernel/btf/vmlinux';

/** Keeps what a guest run with `outputs: [kernelBtfPath]` brought back. Returns the BTF file's path. */
export function saveKernelBtf(result: GuestResult): string {
  if (result.outputDir === undefined) throw new Error(`kernel ${result.kernel} brought nothing back`);
  const dir = path.join(cacheDir(), 'btf');
  const file = path.join(dir, `${result.kernel}.btf`);
  fs.mkdirSync(dir, { recursive: true });
  writeFileAtomically(file, fs.readFileSync(path.join(result.outputDir, kernelBtfPath)));
  const { status, stdout } = spawnSync('bpftool', ['btf', 'dump', 'file', file, 'format', 'c'], { maxBuffer: 1 << 26 });
  if (status === 0) writeFileAtomically(path.join(dir, `${result.kernel}.h`), stdout);
  writeFileAtomically(path.join(dir, `${result.kernel}.json`), `${JSON.stringify({ release: result.release })}\n`);
  return file;
}

/** The path of the BTF file. Boots the kernel only when there is none of this release yet. */
export async function ensureKernelBtf(name: string): Promise<string> {
  const kernel = await ensureKernel(name);
  const file = path.join(cacheDir(), 'btf', `${name}.btf`);
  if (fs.existsSync(file) && readJson<{ release: string }>(file.replace(/btf$/, 'json'))?.release === kernel.release)
    return file;
  const result = await runGuest({ kernel: name, command: 'true', outputs: [kernelBtfPath], label: 'btf' });
  if (result.exitCode !== 0) throw new Error(`kernel ${name} did not deliver its BTF, see ${result.consoleFile}`);
  return saveKernelBtf(result);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const name of process.argv.length > 2 ? process.argv.slice(2) : releasedKernelNames) {
    say(`BTF of ${name}: ${await ensureKernelBtf(name)}`);
  }
}
