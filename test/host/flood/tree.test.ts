import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, expect, test } from 'vitest';
import { expectCheckedLines } from '../../lib/checked-lines.js';
import { ledgerGap, lostEvents } from '../../lib/metrics.js';
import { CountedLog, FloodDaemon, memoryOf, unmount } from './flood-bench.js';

const run = promisify(execFile);

const DIRECTORIES = 1_000;
const FILES_EACH = 1_000;
const IMAGE_GIB = 4;
const MAKE_TREE = `
  chdir shift or die;
  for my $d (1 .. ${DIRECTORIES}) {
    mkdir "d$d" or die;
    for my $f (1 .. ${FILES_EACH}) { open my $file, ">", "d$d/f$f" or die; }
  }`;

afterAll(expectCheckedLines);

test('nothing is lost when rm -rf takes 1,000,000 files on ext4', async () => {
  const daemon = new FloodDaemon();
  const log = new CountedLog(daemon.eventsFile);
  const disk = daemon.subdirectory('disk');
  // The image lies on the tmpfs of the test, as sparse as it is.
  const image = join(daemon.work, 'image');
  execFileSync('truncate', ['-s', `${IMAGE_GIB}G`, image]);
  execFileSync('mkfs.ext4', ['-q', '-F', '-i', '2048', image]);
  execFileSync('mount', ['-o', 'loop', image, disk]);
  try {
    const tree = join(disk, 'tree');
    mkdirSync(tree);
    await run('perl', ['-e', MAKE_TREE, tree]);
    await daemon.start();
    const began = performance.now();
    await run('rm', ['-rf', tree]);
    const seconds = (performance.now() - began) / 1000;
    const metrics = await daemon.settle();
    const count = (operation: string) => metrics.get(`rmwatch_deletions_total{watch="work",operation="${operation}"}`);
    console.log(
      `rm -rf of ${DIRECTORIES * FILES_EACH} files on ext4 in ${seconds.toFixed(1)} s: ${lostEvents(metrics)} lost,` +
        ` peak memory ${Math.round(memoryOf(daemon.pid, 'VmHWM') / 1e6)} MB`,
    );
    expect([lostEvents(metrics), ledgerGap(metrics)]).toEqual([0, 0]);
    expect([count('unlink'), count('rmdir')]).toEqual([DIRECTORIES * FILES_EACH, DIRECTORIES + 1]);
    expect(await daemon.stop()).toBe(0);
    expect((await log.account()).read).toBe(DIRECTORIES * FILES_EACH + DIRECTORIES + 1);
  } finally {
    log.close();
    unmount(disk);
    await daemon.dispose();
  }
}, 600_000);
