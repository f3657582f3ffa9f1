/** Compares the kernel's own list of mounts with /proc/1/mountinfo, which shows those of the same process. */
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { parseMountInfo } from '../../../src/host/mount-table.js';
import { type ComparedMounts, STAGE } from './plan.js';

export function compareMounts(): ComparedMounts {
  const { KernelMounts } = createRequire(import.meta.url)(`${STAGE}/usr/lib/rmwatch/build/Release/rmwatch.node`);
  const mounts = new KernelMounts();
  try {
    const shown = told(fs.readFileSync('/proc/1/mountinfo', 'latin1'));
    const listed = told(mounts.read().toString('latin1'));
    return {
      mounts: shown.length,
      listed: listed.length,
      missing: shown.filter((mount) => !listed.includes(mount)),
      unexpected: listed.filter((mount) => !shown.includes(mount)),
    };
  } finally {
    mounts.close();
  }
}

/** Longer paths are not listed. */
const LONGEST = 15_000;

/** Each as one text that does not depend on how bytes are escaped. */
function told(text: string): string[] {
  return parseMountInfo(text)
    .filter(({ mountPoint }) => mountPoint.length <= LONGEST)
    .map((mount) => JSON.stringify(mount));
}
