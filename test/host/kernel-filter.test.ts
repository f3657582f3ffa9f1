import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { joinTyped } from '../../src/deletion/typed-path.js';
import { OPERATIONS, type WatchConfig } from '../../src/model/config.js';
import { loadBinding } from '../../src/probe/native-probe.js';
import { openProbe } from '../../src/probe/open-probe.js';
import { RECORD_DELETION } from '../../src/probe/record-layout.generated.js';
import { RecordView } from '../../src/probe/record-view.js';
import { kernelWants, nativeFilterOf } from '../../src/watch/native-filter.js';
import { plainMatch, randomFrom } from '../unit/watch/plain-glob.js';

const ROUNDS = 40;
const FILES = 40;
const NAMES = ['a', 'ab', 'b', 'app', 'app-data', '.dot', 'x.tmp', 'long'.repeat(40)];

const UNLINK_BELOW = 'chroot(shift @ARGV) and chdir("/") or die; unlink @ARGV';

/**
 * The filter in the kernel may pass too much, but must never drop what a watch wants: random trees, patterns and ways to
 * write a path against a plain model of the patterns.
 */
test('the kernel never drops what a watch wants', () => {
  const seed = Number(process.env['RMWATCH_SEED'] ?? Date.now() % 1e9);
  const below = randomFrom(seed);
  const pick = <T>(list: readonly T[]): T => list[below(list.length)]!;
  const base = mkdtempSync(join(tmpdir(), 'rmwatch-filter-'));
  const binding = loadBinding();
  const { probe } = openProbe(binding, 'auto', 1 << 20);
  const record = new RecordView(probe.ring());
  let wantedInAll = 0;

  for (let round = 0; round < ROUNDS; round++) {
    const directories = Array.from({ length: 6 }, () =>
      [base, ...Array.from({ length: 1 + below(3) }, () => pick(NAMES))].join('/'),
    );
    const files = Array.from({ length: FILES }, (_, i) => `${pick(directories)}/f${i}`);
    for (const directory of directories) mkdirSync(directory, { recursive: true });
    for (const file of files) writeFileSync(file, '');
    const watches: WatchConfig[] = Array.from({ length: 1 + below(4) }, (_, i) => ({
      name: `w${i}`,
      include: [
        pick([`${pick(directories)}/**`, `${pick(files)}`, `${base}/*/**`, `${pick(directories)}/f1*`, '/nowhere/**']),
      ],
      exclude: [],
      view: 'host',
      operations: pick([OPERATIONS, ['unlink'], ['rmdir']] as const),
      caseInsensitive: false,
      fold: false,
      failures: below(3) === 0,
      ignore: { processes: [], ownedByRoot: false, users: [], effectiveUsers: [] },
      log: true,
    }));

    probe.setFilter(nativeFilterOf(kernelWants(watches), undefined));
    // Written in other words: some with parents that lead back, doubled slashes, relative to a working directory.
    const typed = files.map((file) =>
      pick([
        file,
        file.replace(/\/([^/]+)$/, '//$1'),
        file.replace(/\/([^/]+)$/, '/./$1'),
        file.replace(/^(.*)\/([^/]+)$/, '$1/../$2'),
        file.replace(/([^/]+)\/([^/]+)$/, '$1/../$1/$2'),
      ]),
    );
    // In every other round from within a changed root.
    if (round % 2 === 0) execFileSync('rm', ['-f', '--', ...typed], { stdio: 'ignore' });
    else execFileSync('perl', ['-e', UNLINK_BELOW, base, ...typed.map((path) => path.slice(base.length))]);

    const offsets = new Uint32Array(4096);
    const seen = new Set<string>();
    for (const offset of offsets.subarray(0, probe.collect(offsets))) {
      record.moveTo(offset);
      if (record.kind !== RECORD_DELETION || record.result !== 0) continue;
      const path = record.latin1(record.pathStart, record.pathLength);
      const isBase = (record.flags & (1 << 3)) !== 0;
      seen.add(isBase ? joinTyped(path, record.latin1(record.typedStart, record.typedLength)).path : path);
    }
    probe.release();
    for (const [i, file] of files.entries()) {
      // What was written with ".." may not have been there.
      const meant = joinTyped('', typed[i]!).path;
      const wanted = watches.some(
        (watch) => watch.operations.includes('unlink') && watch.include.some((pattern) => plainMatch(pattern, file)),
      );
      if (!wanted || meant !== file) continue;
      wantedInAll += 1;
      expect(
        seen,
        `seed ${seed}, round ${round}: ${typed[i]} for ${JSON.stringify(watches.map((w) => w.include))}`,
      ).toContain(meant);
    }
  }
  const { filtered } = probe.readCounters();
  probe.close();
  rmSync(base, { recursive: true, force: true });
  expect(wantedInAll).toBeGreaterThan(0);
  expect(filtered).toBeGreaterThan(0);
}, 120_000);
