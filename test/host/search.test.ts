import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import { expectCheckedLines } from '../lib/checked-lines.js';
import { HostDaemon } from '../lib/host-daemon.js';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const NOBODY = 65534;
/** What a line may have, without the details of a file that tracepoint mode does not have: 1.2 and 1.6 KiB. */
const TREE_LINE_BYTES = 1_228;
const LIST_LINE_BYTES = 1_638;

let daemon: HostDaemon;
beforeEach(() => {
  daemon = new HostDaemon();
});
afterEach(() => daemon.dispose());
afterAll(expectCheckedLines);

function rmwatch(args: readonly string[], uid?: number) {
  const command = [MAIN, ...args, '--input', daemon.eventsFile];
  return spawnSync(process.execPath, command, { encoding: 'utf8', ...(uid !== undefined && { uid, gid: uid }) });
}

/** Makes 600 files in a directory of their own. Returns their names. */
function files(directory: string): string[] {
  const names = Array.from({ length: 600 }, (_, index) => `file-${index}`);
  mkdirSync(join(daemon.work, directory));
  for (const name of names) writeFileSync(join(daemon.work, directory, name), '');
  return names;
}

/** The 600 lines about the deletions of a directory. */
function linesAbout(directory: string): string[] {
  const lines = readFileSync(daemon.eventsFile, 'utf8').split('\n');
  const about = lines.filter((line) => line.includes('rmwatch.deletion') && line.includes(`/${directory}/file-`));
  expect(about).toHaveLength(600);
  return about;
}

function longestLine(directory: string): number {
  return Math.max(...linesAbout(directory).map((line) => Buffer.byteLength(line)));
}

/** The numbers of arguments that the lines tell. */
function countsIn(lines: readonly string[]): unknown[] {
  return [...new Set(lines.map((line) => JSON.parse(line).process.args_count))];
}

test('lines stay small, and all arguments of a process are told once', async () => {
  await daemon.start();
  const names = files('list');
  files('tree');
  execFileSync('rm', names, { cwd: join(daemon.work, 'list') });
  execFileSync('rm', ['-rf', 'tree'], { cwd: daemon.work });
  await daemon.settleLog();
  expect(longestLine('list')).toBeLessThanOrEqual(LIST_LINE_BYTES);
  expect(longestLine('tree')).toBeLessThanOrEqual(TREE_LINE_BYTES);
  const lines = readFileSync(daemon.eventsFile, 'utf8').split('\n');
  const whole = lines.filter((line) => line.includes('"dataset":"rmwatch.process"'));
  expect(whole).toHaveLength(1);
  expect(countsIn([...linesAbout('list'), ...whole])).toEqual([601]);
  expect(countsIn(linesAbout('tree'))).toEqual([3]);
  // The kernel side takes 4 KiB of them; the last may be cut.
  const [command, ...told] = JSON.parse(whole[0]!).process.args.slice(0, -1);
  expect(command).toBe('rm');
  expect(told).toEqual(names.slice(0, told.length));
  expect(told.length).toBeGreaterThan(400);

  const who = rmwatch(['who', join(daemon.work, 'list/file-599')]);
  expect(who.stdout).toMatch(/: rm file-0 file-1 .* file-99 /);
  expect(who.status).toBe(0);
});

test('a log that may not be read is exit code 4, one that is not there 1', async () => {
  await daemon.start();
  await daemon.stop();
  // All but the log itself.
  chmodSync(daemon.directory, 0o755);
  for (const args of [['search'], ['who', '/srv/a']]) {
    const { status, stderr } = rmwatch(args, NOBODY);
    expect(stderr).toContain('may not be read by this user; run as root, or as a member of the group of the file');
    expect(status).toBe(4);
    expect(rmwatch([...args, '--input', join(daemon.directory, 'none')]).status).toBe(1);
  }
});
