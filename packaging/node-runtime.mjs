/** The Node.js of the bundled package: fetched with npm once, verified each time, kept in the cache. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const pinned = JSON.parse(fs.readFileSync(new URL('./node-runtime.json', import.meta.url), 'utf8'));

function cacheDirectory() {
  const userCache = process.env.XDG_CACHE_HOME ?? path.join(os.homedir(), '.cache');
  return path.join(process.env.RMWATCH_CACHE ?? path.join(userCache, 'rmwatch'), 'node-runtime');
}

function isIntact(file) {
  if (!fs.existsSync(file)) return false;
  const [algorithm, digest] = pinned.integrity.split(/-(.*)/s);
  return createHash(algorithm).update(fs.readFileSync(file)).digest('base64') === digest;
}

/** The verified archive of the npm package. */
function ensureArchive() {
  const directory = cacheDirectory();
  const archive = path.join(directory, `${pinned.package}-${pinned.version}.tgz`);
  if (isIntact(archive)) return archive;
  process.stderr.write(`rmwatch: fetching Node.js ${pinned.version}\n`);
  fs.mkdirSync(directory, { recursive: true });
  const scratch = fs.mkdtempSync(path.join(directory, 'fetch-'));
  try {
    const args = ['pack', '--silent', '--pack-destination', scratch, `${pinned.package}@${pinned.version}`];
    execFileSync('npm', args, { stdio: ['ignore', 'ignore', 'inherit'] });
    const fetched = path.join(scratch, path.basename(archive));
    if (!isIntact(fetched)) throw new Error(`${path.basename(archive)} is not what packaging/node-runtime.json pins`);
    fs.renameSync(fetched, archive);
  } finally {
    fs.rmSync(scratch, { recursive: true, force: true });
  }
  return archive;
}

/** Puts the program at `file`. Returns its version and the text of its licences. */
export function installNodeRuntime(file) {
  const archive = ensureArchive();
  const read = (member) => execFileSync('tar', ['-xzOf', archive, `package/${member}`], { maxBuffer: 1 << 28 });
  fs.writeFileSync(file, read('bin/node'));
  fs.chmodSync(file, 0o755);
  return { version: pinned.version, licence: read('LICENSE').toString('utf8') };
}
