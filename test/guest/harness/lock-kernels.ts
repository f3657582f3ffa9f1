/**
 * Raises kernels.lock.json to what Debian's suites have today: all kernels, or those named as arguments. The sums are those
 * of the signed index.
 */
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { say } from './cache.js';
import { kernelEntry, kernelNames } from './kernel-table.js';
import { kernelArchive, resolveKernel } from './kernels.js';
import type { Lock } from './locked-packages.js';

const FILE = fileURLToPath(new URL('./kernels.lock.json', import.meta.url));

/** The snapshot archive writes a moment as 20260131T120000Z. */
const snapshotTime = (date: Date) => date.toISOString().replace(/[-:]|\.\d+/g, '');

const lock: Record<string, Lock> = fs.existsSync(FILE) ? JSON.parse(fs.readFileSync(FILE, 'utf8')) : {};
for (const name of process.argv.length > 2 ? process.argv.slice(2) : kernelNames) {
  const kernel = kernelEntry(name);
  if (kernel.moves) {
    say(`${name}: always the newest of ${kernel.suite}, not locked`);
    continue;
  }
  const archive = kernelArchive(kernel);
  archive.refresh({ force: true });
  const packages = resolveKernel(archive, kernel)
    .map(({ name: packageName, version, file, path, sha256, bytes }) => ({
      name: packageName,
      version,
      file,
      path,
      sha256,
      bytes,
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const before = lock[name]?.packages?.map(({ sha256 }) => sha256).join();
  if (before === packages.map(({ sha256 }) => sha256).join()) {
    say(`${name}: ${packages[0]?.version} is the newest`);
    continue;
  }
  lock[name] = { archive: kernel.archive, at: snapshotTime(new Date()), packages };
  say(`${name}: ${packages[0]?.version}`);
}
const ordered = Object.fromEntries(kernelNames.filter((name) => name in lock).map((name) => [name, lock[name]]));
fs.writeFileSync(FILE, `${JSON.stringify(ordered, null, 2)}\n`);
