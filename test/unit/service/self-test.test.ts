import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { OwnDeletion } from '../../../src/deletion/own-deletion.js';
import { type AttachMode, OPERATIONS, type Operation } from '../../../src/model/config.js';
import { SelfTest, type SelfTestOptions, type SelfTestResult } from '../../../src/service/self-test.js';
import { waitUntil } from '../../lib/wait-until.js';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'rmwatch-test-'));
});
afterEach(() => {
  vi.useRealTimers();
  rmSync(directory, { recursive: true });
});

/** The directory that a running test has made. */
function workplace(): string {
  const [name] = readdirSync(directory).filter((entry) => entry.startsWith('rmwatch-self-test-'));
  return join(directory, name!);
}

function seen(path: string, operation: Operation, changes: Partial<OwnDeletion> = {}): OwnDeletion {
  const latin1 = Buffer.from(path).toString('latin1');
  const own = { operation: OPERATIONS.indexOf(operation), result: 0, path: latin1, hasVictim: true };
  return { ...own, movedTo: undefined, ...changes };
}

/** What the operation is seen to do in the test's own directory. */
function seenIn(place: string, operation: Operation, changes: Partial<OwnDeletion> = {}): OwnDeletion {
  if (operation !== 'move') return seen(join(place, operation), operation, changes);
  const movedTo = Buffer.from(join(place, 'moved')).toString('latin1');
  return seen(join(place, 'move/file'), 'move', { movedTo, ...changes });
}

/** As where every record is handled at once. */
function newTest(options: Partial<SelfTestOptions> = {}): SelfTest {
  return new SelfTest({ mode: 'kprobe', mark: () => () => true, directory, ...options });
}

/** Lets the test run to its end, as a probe that sees each deletion a moment later; `change` is what it gets wrong. */
async function runWith(
  change: (operation: Operation, test: SelfTest) => Partial<OwnDeletion> | undefined = () => ({}),
  mode: AttachMode = 'kprobe',
) {
  const test = newTest({ mode });
  const running = test.run();
  const place = workplace();
  const operations = mode === 'tracepoint' ? (['unlink', 'rmdir', 'move'] as const) : OPERATIONS;
  for (const operation of operations) {
    await new Promise((resolve) => setImmediate(resolve));
    const changes = change(operation, test);
    if (changes === undefined) await vi.advanceTimersByTimeAsync(2_000);
    else test.observe(seenIn(place, operation, changes));
  }
  return running;
}

describe('SelfTest', () => {
  it('passes when each deletion comes back right, and leaves nothing behind', async () => {
    const result = await runWith();
    expect(result).toEqual({
      ok: true,
      passed: { unlink: true, rmdir: true, replace: true, move: true },
      problems: [],
    });
    expect(readdirSync(directory)).toEqual([]);
  });

  it.each<[string, Partial<OwnDeletion>, string]>([
    ['another operation', { operation: 1 }, 'replace: reported as rmdir'],
    ['a failure', { result: -2 }, 'replace: reported with result -2'],
    ['a missed outcome', { result: undefined }, 'replace: reported with result unknown'],
    ['no file', { hasVictim: false }, 'replace: reported without its file'],
  ])('fails for one operation when it comes back with %s', async (_what, change, problem) => {
    const result = await runWith((operation) => (operation === 'replace' ? change : {}));
    const passed = { unlink: true, rmdir: true, replace: false, move: true };
    expect(result).toEqual({ ok: false, passed, problems: [problem] });
  });

  it('fails when a move comes back with another target', async () => {
    const result = await runWith((operation) => (operation === 'move' ? { movedTo: '/elsewhere' } : {}));
    expect(result.problems).toEqual(['move: reported with another target']);
  });

  it.each(OPERATIONS)('fails when %s does not come back in time, and goes on', async (missing) => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const result = await runWith((operation) => (operation === missing ? undefined : {}));
    expect(result.problems).toEqual([`${missing}: no event within 2000 ms`]);
    expect(Object.entries(result.passed).filter(([, passed]) => !passed)).toEqual([[missing, false]]);
    expect(readdirSync(directory)).toEqual([]);
  });

  it('waits for an event behind others, and no longer than until those are handled', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    let behind = true;
    const test = newTest({ mark: () => () => !behind });
    let result: SelfTestResult | undefined;
    void test.run().then((over) => {
      result = over;
    });
    const place = workplace();
    await vi.advanceTimersByTimeAsync(60_000);
    test.observe(seen(join(place, 'unlink'), 'unlink'));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(result).toBeUndefined();
    behind = false;
    await vi.advanceTimersByTimeAsync(100);
    await vi.advanceTimersByTimeAsync(2_000);
    await vi.advanceTimersByTimeAsync(2_000);
    const late = ['rmdir', 'replace', 'move'].map((operation) => `${operation}: no event within 2000 ms`);
    expect(result?.problems).toEqual(late);
  });

  it('expects of system calls neither replaced files nor details', async () => {
    const result = await runWith(() => ({ hasVictim: false }), 'tracepoint');
    expect(result).toEqual({
      ok: true,
      passed: { unlink: true, rmdir: true, replace: false, move: true },
      problems: [],
    });
  });

  it('does not take other deletions of the daemon for its own', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const result = await runWith((operation, test) => {
      test.observe(seen(`${directory}/unlink`, 'unlink'));
      test.observe({ ...seen('', 'unlink'), path: undefined });
      return operation === 'unlink' ? undefined : {};
    });
    expect(result.passed.unlink).toBe(false);
  });

  it('is one test when it is asked for twice', async () => {
    const test = newTest();
    const [first, second] = [test.run(), test.run()];
    expect(second).toBe(first);
    const place = workplace();
    for (const operation of OPERATIONS) {
      await new Promise((resolve) => setImmediate(resolve));
      test.observe(seenIn(place, operation));
    }
    await first;
    const third = test.run();
    expect(third).not.toBe(first);
    await waitUntil('a new directory', () => readdirSync(directory).length === 1);
    const again = workplace();
    for (const operation of OPERATIONS) {
      await new Promise((resolve) => setImmediate(resolve));
      test.observe(seenIn(again, operation));
    }
    expect((await third).ok).toBe(true);
  });

  it('expects the path that links lead to, as bytes', async () => {
    const real = join(directory, 'é');
    mkdirSync(real);
    symlinkSync(real, join(directory, 'link'));
    const test = newTest({ directory: join(directory, 'link') });
    const running = test.run();
    const place = join(real, readdirSync(real)[0]!);
    for (const operation of OPERATIONS) {
      await new Promise((resolve) => setImmediate(resolve));
      test.observe(seenIn(place, operation));
    }
    expect((await running).ok).toBe(true);
  });

  it('fails, and does not throw, where it cannot make files', async () => {
    const { ok, passed, problems } = await newTest({ directory: join(directory, 'missing') }).run();
    expect([ok, passed]).toEqual([false, { unlink: false, rmdir: false, replace: false, move: false }]);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(/^could not delete files of its own: ENOENT/);
  });

  it('fails, and does not throw, where it cannot remove them', async () => {
    const place = join(directory, 'place');
    mkdirSync(place);
    const test = newTest({ directory: place });
    const running = test.run();
    const path = join(place, readdirSync(place)[0]!, 'unlink');
    // A file where its directory was: nothing below can be reached any more.
    renameSync(place, `${place}-gone`);
    writeFileSync(place, '');
    test.observe(seen(path, 'unlink'));
    const { ok, passed, problems } = await running;
    expect([ok, passed.unlink, passed.rmdir]).toEqual([false, true, false]);
    expect(problems.join()).toMatch(/ENOTDIR/);
  });
});
