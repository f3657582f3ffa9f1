/** Places for the files that are deleted, and for what listeners write. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Filesystem, Workload } from './plan.js';
import type { Roots } from './workloads.js';

const EXT4_IMAGE_MIB = 1_024;
/** Processes that were just killed may still be at work there. */
const REMOVE = { recursive: true, force: true, maxRetries: 10, retryDelay: 100 };
/** The default number of inodes would not do for many empty files. */
const EXT4_BYTES_PER_INODE = 4_096;

type Mounted = { directory: string; unmount?: () => void } | { reason: string };

/** ext4 in a file behind a loop device, or the reason when that cannot be had. */
function mountExt4(scratch: string): Mounted {
  const image = path.join(scratch, 'ext4.image');
  const directory = path.join(scratch, 'ext4');
  try {
    fs.mkdirSync(directory);
    fs.writeFileSync(image, '');
    fs.truncateSync(image, EXT4_IMAGE_MIB << 20);
    const options = { encoding: 'utf8', stdio: 'pipe' } as const;
    execFileSync('mkfs.ext4', ['-q', '-F', '-i', String(EXT4_BYTES_PER_INODE), image], options);
    execFileSync('mount', ['-o', 'loop', image, directory], options);
    return { directory, unmount: () => execFileSync('umount', ['--lazy', directory]) };
  } catch (error) {
    const { stderr, message } = error as { stderr?: string; message: string };
    return { reason: `no ext4 behind a loop device: ${(stderr ?? message).trim()}` };
  }
}

export interface Places {
  readonly roots: Roots;
  /** Why there is no root for a file system. */
  readonly reasons: Readonly<Partial<Record<Filesystem, string>>>;
  /** For what listeners write: on tmpfs for all of them. */
  readonly outputs: string;
  dispose(): void;
}

/** A directory on tmpfs and, when a workload wants it, one on ext4. `ext4`: a directory that lies there already. */
export function openPlaces(workloads: readonly Workload[], ext4?: string): Places {
  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'rmwatch-bench-'));
  const shared = fs.mkdtempSync('/dev/shm/rmwatch-bench-');
  let mounted: Mounted | undefined;
  if (ext4 !== undefined) mounted = { directory: ext4 };
  else if (workloads.some(({ filesystem }) => filesystem === 'ext4')) mounted = mountExt4(scratch);
  const tmpfs = path.join(shared, 'work');
  const roots =
    mounted !== undefined && 'directory' in mounted ? { tmpfs, ext4: path.join(mounted.directory, 'work') } : { tmpfs };
  for (const root of Object.values(roots)) fs.mkdirSync(root, { recursive: true });
  return {
    roots,
    reasons: mounted !== undefined && 'reason' in mounted ? { ext4: mounted.reason } : {},
    outputs: path.join(shared, 'outputs'),
    dispose() {
      if (mounted !== undefined && 'unmount' in mounted) mounted.unmount?.();
      for (const directory of [shared, scratch]) fs.rmSync(directory, REMOVE);
    },
  };
}
