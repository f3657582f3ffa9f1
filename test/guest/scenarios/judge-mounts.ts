/** Judges the kernel's own list of mounts. */
import type { Check } from './checks.js';
import type { ComparedMounts } from './plan.js';

export const MOUNTS_CHECK = "the kernel's list of mounts is that of /proc/1/mountinfo";

/** More would drown the first. */
const SHOWN = 5;

export function judgeMounts(compared: ComparedMounts | undefined, error: string | undefined): Check {
  if (compared === undefined) return { name: MOUNTS_CHECK, problems: [error ?? 'the guest recorded nothing of it'] };
  const { mounts, listed, missing, unexpected } = compared;
  const problems = [
    ...missing.slice(0, SHOWN).map((mount) => `missing: ${mount}`),
    ...unexpected.slice(0, SHOWN).map((mount) => `unexpected: ${mount}`),
  ];
  if (listed !== mounts) problems.push(`${listed} are listed, ${mounts} mounted`);
  if (mounts === 0) problems.push('nothing is mounted');
  return { name: MOUNTS_CHECK, problems, facts: `${mounts} mounts` };
}
