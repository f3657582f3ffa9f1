/**
 * A Debian root file system with systemd, as an ext4 image in the cache. A guest gets it as a disk whose changes are
 * thrown away: deletions then happen on a real ext4 root, units get the mount namespaces they ask for (which an
 * initramfs cannot give, it has no pivot_root), and no memory is spent on it.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheDir, readJson, say, sha256OfFile, writeFileAtomically } from './cache.js';
import { sourceLine } from './debian-archive.js';
import type { GuestRoot } from './guest.js';
import { type RootEntry, roots } from './kernel-table.js';
import { onceUnderLock } from './once.js';
import { ensureToolTree } from './tools.js';

const IMAGE_VERSION = 2; // Raised whenever what makeImage() does changes.
const IMAGES_KEPT = 5;

/** A login prompt on the console and periodic jobs would only disturb what a test counts. */
const MASKED_UNITS = [
  'serial-getty@ttyS0.service',
  'getty@tty1.service',
  'apt-daily.timer',
  'apt-daily-upgrade.timer',
  'dpkg-db-backup.timer',
  'e2scrub_all.timer',
  'fstrim.timer',
  'logrotate.timer',
  'systemd-tmpfiles-clean.timer',
];

const GUEST_TARGET = `[Unit]
Description=The guest's command, after a normal boot
Requires=multi-user.target rmwatch-guest.service
After=multi-user.target
AllowIsolate=yes
`;

const GUEST_SERVICE = `[Unit]
Description=The guest's command
After=multi-user.target
FailureAction=poweroff-force

[Service]
Type=oneshot
TimeoutStartSec=infinity
ExecStart=/rmwatch/busybox sh /rmwatch/run-command.sh
`;

const UNIT_DIR = '/etc/systemd/system';

function makeImage(image: string, root: RootEntry, packages: readonly string[]): void {
  if (process.getuid?.() !== 0) throw new Error('making a Debian root file system needs root');
  const program = path.join(ensureToolTree('mmdebstrap'), 'usr/bin/mmdebstrap');
  const work = fs.mkdtempSync(path.join(path.dirname(image), 'root-'));
  const rootDir = path.join(work, 'root');
  const sources = root.archives.map(sourceLine);
  try {
    const args = [
      '--mode=root',
      '--variant=minbase',
      `--include=${packages.join(',')}`,
      '--aptopt=Acquire::Languages "none"',
    ];
    execFileSync('perl', [program, ...args, '--quiet', root.suite, rootDir, ...sources], {
      stdio: ['ignore', 'ignore', 'pipe'],
      maxBuffer: 1 << 26,
    });
    // A fixed id: an empty one makes every boot a first boot.
    fs.writeFileSync(path.join(rootDir, 'etc/machine-id'), '00000000000040008000000000000001\n');
    const file = path.join(work, 'root.ext4');
    fs.writeFileSync(file, '');
    fs.truncateSync(file, root.imageMiB * 1024 * 1024);
    const env = { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin` };
    execFileSync('mke2fs', ['-q', '-F', '-t', 'ext4', '-d', rootDir, file], {
      env,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    fs.renameSync(file, image);
  } finally {
    fs.rmSync(work, { recursive: true, force: true });
  }
}

function removeOldImages(dir: string): void {
  const images = fs
    .readdirSync(dir)
    .filter((name) => name.endsWith('.ext4'))
    .map((name) => ({ file: path.join(dir, name), mtime: fs.statSync(path.join(dir, name)).mtimeMs }))
    .sort((a, b) => b.mtime - a.mtime);
  for (const { file } of images.slice(IMAGES_KEPT)) fs.rmSync(file, { force: true });
}

/** The path of the image of a release with these packages, separated by commas. */
const ensureImage = onceUnderLock((release: string, list: string): string => {
  const root = roots[release];
  if (root === undefined) throw new Error(`kernels.json has no root of Debian ${release}`);
  const packages = list.split(',');
  const key = createHash('sha256').update([IMAGE_VERSION, root.suite, ...packages].join('\n'));
  const dir = path.join(cacheDir(), 'roots');
  const image = path.join(dir, `${key.digest('hex').slice(0, 16)}.ext4`);
  const manifestFile = `${image}.json`;
  fs.mkdirSync(dir, { recursive: true });
  if (fs.existsSync(image) && process.env['RMWATCH_REFRESH'] !== '1') {
    if (readJson<{ sha256: string }>(manifestFile)?.sha256 === sha256OfFile(image)) return image;
    say(`${image} is damaged, making it again`);
  }
  say(`making a root of Debian ${root.suite} with ${packages.join(' ')}`);
  makeImage(image, root, packages);
  writeFileAtomically(manifestFile, `${JSON.stringify({ sha256: sha256OfFile(image), packages })}\n`);
  removeOldImages(dir);
  say(`Debian root made: ${image}`);
  return image;
});

export interface DebianRootOptions {
  /** Of those in kernels.json. */
  readonly release?: string | undefined;
  /** Debian packages beyond those of kernels.json. */
  readonly packages?: readonly string[];
  readonly mode?: GuestRoot['mode'];
}

/** What runGuest takes as `root`. */
export async function ensureDebianRoot({
  release = '12',
  packages = [],
  mode = 'systemd',
}: DebianRootOptions = {}): Promise<GuestRoot> {
  const all = [...new Set([...(roots[release]?.packages ?? []), ...packages])].sort();
  const image = await ensureImage(release, all.join());
  if (mode === 'command') return { image, mode, texts: {}, links: {} };
  return {
    image,
    mode,
    texts: { [`${UNIT_DIR}/rmwatch-guest.target`]: GUEST_TARGET, [`${UNIT_DIR}/rmwatch-guest.service`]: GUEST_SERVICE },
    links: {
      [`${UNIT_DIR}/default.target`]: 'rmwatch-guest.target',
      ...Object.fromEntries(MASKED_UNITS.map((unit) => [`${UNIT_DIR}/${unit}`, '/dev/null'])),
    },
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [release, ...packages] = process.argv.slice(2);
  say(`root image: ${(await ensureDebianRoot({ release, packages })).image}`);
}
