/** A program: gets what guests need into the cache ahead of time: kernels (all, or those named as arguments), QEMU, busybox. */
import { say } from './cache.js';
import { releasedKernelNames } from './kernel-table.js';
import { ensureKernel } from './kernels.js';
import { ensureQemu } from './qemu.js';
import { ensureBusybox } from './tools.js';

for (const name of process.argv.length > 2 ? process.argv.slice(2) : releasedKernelNames) {
  const kernel = await ensureKernel(name);
  say(`kernel ${name}: ${kernel.release}, ${kernel.vmlinuz}`);
}
const qemu = await ensureQemu();
say(`qemu ${qemu.version}: ${[qemu.command, ...qemu.args].join(' ')}`);
say(`busybox: ${await ensureBusybox()}`);
