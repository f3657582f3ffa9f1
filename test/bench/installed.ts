import { execFileSync } from 'node:child_process';

function isInstalled(program: string): boolean {
  try {
    execFileSync('sh', ['-c', `PATH="$PATH:/usr/sbin:/sbin" command -v ${program}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** The reason when a program is not there. */
export function missing(program: string, debianPackage: string): string | undefined {
  if (isInstalled(program)) return undefined;
  return `${program} is not installed: scripts/setup.sh --bench (${debianPackage})`;
}
