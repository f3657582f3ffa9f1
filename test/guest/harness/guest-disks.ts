/**
 * Disks of a guest: raw files behind one emulated NVMe controller, whose driver, like ext4, is built into every kernel
 * of kernels.json. In the guest they are /dev/rmwatch/NAME.
 */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';

/** A disk that a run makes. */
export interface NewDisk {
  readonly sizeMiB: number;
  readonly fs?: string | undefined;
  /** What the file system gets beside mkfs' defaults. */
  readonly features?: string;
}

/** A disk as it is attached to a guest. */
export interface AttachedDisk {
  readonly name: string;
  readonly file: string;
  /** Changes are thrown away. */
  readonly snapshot?: boolean;
}

/** A sparse file, with a file system made on the host unless `fs` is left out. */
export function createDisk(file: string, { sizeMiB, fs: type, features }: NewDisk): void {
  fs.rmSync(file, { force: true });
  fs.writeFileSync(file, '');
  fs.truncateSync(file, sizeMiB * 1024 * 1024);
  if (type === undefined) return;
  const quiet = type === 'vfat' ? [] : type === 'ext4' ? ['-q', '-F'] : ['-q'];
  const more = features === undefined ? [] : ['-O', features];
  // mkfs programs live in sbin, which is not on every user's PATH.
  const env = { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin` };
  execFileSync(`mkfs.${type}`, [...quiet, ...more, file], { env, stdio: ['ignore', 'ignore', 'pipe'] });
}

/** Namespace ids count from 1 in the order of `disks`. */
export function qemuDiskArguments(disks: readonly AttachedDisk[]): string[] {
  if (disks.length === 0) return [];
  const args = ['-device', 'nvme,id=nvme0,serial=rmwatch'];
  for (const [index, { name, file, snapshot = false }] of disks.entries()) {
    const options = `format=raw,if=none,cache=unsafe,discard=unmap,snapshot=${snapshot ? 'on' : 'off'}`;
    args.push('-drive', `id=disk-${name},file=${file.replaceAll(',', ',,')},${options}`);
    args.push('-device', `nvme-ns,bus=nvme0,drive=disk-${name},nsid=${index + 1}`);
  }
  return args;
}
