import fs from 'node:fs';
import os from 'node:os';

const ACCESS_MODE = 0o3;
const { O_RDONLY, O_RDWR } = fs.constants;

/**
 * What the process was started with as its standard output. `doubtful`: `/dev/null`, opened for reading and writing. So
 * does Node.js itself, before any of the program runs, when the descriptor is closed (`>&-`), but so do daemon(3) and
 * supervisors who mean it; a shell's `>/dev/null` is for writing only. The installed command therefore looks before it
 * starts Node.js, and opens a closed one for reading only, which is `closed` here like every other that cannot be written.
 */
export type InheritedStdout = 'open' | 'closed' | 'doubtful';

export function inheritedStdout(descriptor = 1): InheritedStdout {
  let info: string;
  try {
    info = fs.readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8');
  } catch {
    return 'closed';
  }
  const mode = Number.parseInt(/^flags:\s*([0-7]+)$/m.exec(info)?.[1] ?? '1', 8) & ACCESS_MODE;
  if (mode === O_RDONLY) return 'closed';
  return mode === O_RDWR && isNull(descriptor) ? 'doubtful' : 'open';
}

function isNull(descriptor: number): boolean {
  const stats = fs.fstatSync(descriptor);
  return stats.isCharacterDevice() && stats.rdev === fs.statSync(os.devNull).rdev;
}
