/**
 * Disks of a guest: raw files behind one emulated NVMe controller, whose driver, like ext4, is built into every kernel
 * of kernels.json. In the guest they are /dev/rmwatch/NAME.
 */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';

/** A sparse file, with a file system made on the host unless `fs` is left out. */
export function createDisk(file, { sizeMiB, fs: type }) {
  fs.rmSync(file, { force: true });
  fs.writeFileSync(file, '');
  fs.truncateSync(file, sizeMiB * 1024 * 1024);
  if (type === undefined) return;
  const quiet = type === 'ext4' ? ['-q', '-F'] : ['-q'];
  // mkfs programs live in sbin, which is not on every user's PATH.
  const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
  execFileSync(`mkfs.${type}`, [...quiet, file], { env, stdio: ['ignore', 'ignore', 'pipe'] });
}

/** @param {{name: string, file: string, snapshot?: boolean}[]} disks; namespace ids count from 1 in this order */
export function qemuDiskArguments(disks) {
  if (disks.length === 0) return [];
  const args = ['-device', 'nvme,id=nvme0,serial=rmwatch'];
  for (const [index, { name, file, snapshot = false }] of disks.entries()) {
    const options = `format=raw,if=none,cache=unsafe,discard=unmap,snapshot=${snapshot ? 'on' : 'off'}`;
    args.push('-drive', `id=disk-${name},file=${file.replaceAll(',', ',,')},${options}`);
    args.push('-device', `nvme-ns,bus=nvme0,drive=disk-${name},nsid=${index + 1}`);
  }
  return args;
}
