import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseMountInfo } from '../../src/host/mount-table.js';
import { OPERATIONS } from '../../src/model/config.js';
import { loadBinding, type NativeProbe } from '../../src/probe/native-probe.js';
import { openProbe, ProbeUnavailableError } from '../../src/probe/open-probe.js';
import {
  DELETION_SELF,
  EMBEDDED_LAYOUT,
  RECORD_DELETION,
  RECORD_PROCESS,
} from '../../src/probe/record-layout.generated.js';
import { RecordView } from '../../src/probe/record-view.js';

const RING_BYTES = 256 * 1024;
const EVERYTHING = {
  prefixes: [[Buffer.from('/'), 0x707] as const],
  devices: [],
  mounts: [],
  processView: 0,
  successOperations: 7,
  failureOperations: 7,
};
const addon = fileURLToPath(new URL('../../build/Release/rmwatch.node', import.meta.url));

const binding = loadBinding();
const opened: NativeProbe[] = [];

function tracepointProbe(): NativeProbe {
  const probe = new binding.Probe({ mode: 'tracepoint', ringBytes: RING_BYTES });
  opened.push(probe);
  probe.setFilter(EVERYTHING);
  return probe;
}

/** Paths of this process's own deletions that are in the ring. */
function ownDeletions(probe: NativeProbe): string[] {
  return deletions(probe, ({ flags }) => (flags & DELETION_SELF) !== 0);
}

function deletionsBelow(directory: string, probe: NativeProbe): string[] {
  return deletions(probe, ({ flags }) => (flags & DELETION_SELF) === 0).filter((path) => path.startsWith(directory));
}

function deletions(probe: NativeProbe, isMeant: (record: RecordView) => boolean): string[] {
  const record = new RecordView(probe.ring());
  const offsets = new Uint32Array(1024);
  const typed: string[] = [];
  const count = probe.collect(offsets);
  for (const offset of offsets.subarray(0, count)) {
    record.moveTo(offset);
    if (record.kind !== RECORD_DELETION || !isMeant(record)) continue;
    typed.push(record.latin1(record.typedStart, record.typedLength));
  }
  probe.release();
  return typed;
}

afterEach(() => {
  for (const probe of opened.splice(0)) probe.close();
});

test('the addon was built from the same records as the program', () => {
  expect(binding.recordLayout).toEqual(EMBEDDED_LAYOUT);
});

test('the BTF of the programs holds every constant of a record', () => {
  const header = readFileSync(new URL('../../bpf/record.h', import.meta.url), 'utf8');
  const inHeader = [...header.matchAll(/^enum (\w+) \{$([^}]*)^\};$/gm)]
    .filter(([, name]) => header.includes(`enum ${name} ${name};`))
    .flatMap(([, , body]) => [...(body ?? '').matchAll(/^\t([A-Z0-9_]+) =/gm)].map((match) => match[1]));
  expect(inHeader.length).toBeGreaterThan(30);
  expect(Object.keys(EMBEDDED_LAYOUT.constants)).toEqual(inHeader);
  const constants: Record<string, number> = EMBEDDED_LAYOUT.constants;
  expect(OPERATIONS.map((name) => constants[`OPERATION_${name.toUpperCase()}`])).toEqual([...OPERATIONS.keys()]);
  expect(constants['OPERATION_COUNT']).toBe(OPERATIONS.length);
});

describe('wrong arguments are named', () => {
  const Probe = binding.Probe as unknown as new (...args: unknown[]) => NativeProbe;

  test.each([
    [[], 'options: expected an object'],
    [[{ mode: 'uprobe', ringBytes: RING_BYTES }], 'mode: expected kprobe, fentry or tracepoint, got uprobe'],
    [[{ mode: 'tracepoint', ringBytes: 'big' }], 'ringBytes: expected a whole number from 4096 to 1073741824'],
    [[{ mode: 'tracepoint', ringBytes: 1.5e4 + 0.5 }], 'ringBytes: expected a whole number'],
  ])('new Probe(%j)', (args, message) => {
    expect(() => new Probe(...args)).toThrow(message);
  });

  test('methods', () => {
    const probe = tracepointProbe() as unknown as Record<string, (...args: unknown[]) => unknown>;
    expect(() => probe['collect']!([])).toThrow('offsets: expected a Uint32Array');
    expect(() => probe['onReadable']!()).toThrow('callback: expected a function');
    expect(() => probe['setFilter']!({ ...EVERYTHING, prefixes: [['/', 1]] })).toThrow('prefixes: expected Buffers');
    expect(() => probe['addPrefixes']!('first', [])).toThrow('table: expected a number');
    expect(() => probe['newPrefixes']!('many')).toThrow('count: expected a number');
    expect(() => probe['setFilter']!({ ...EVERYTHING, successOperations: -1 })).toThrow('successOperations');
  });
});

test('a ring size that the kernel refuses is an error with operation and errno', () => {
  const open = () => new binding.Probe({ mode: 'tracepoint', ringBytes: 12_288 });
  expect(open).toThrow(expect.objectContaining({ code: 'EINVAL', operation: expect.any(String) }));
});

test('sees the deletions of this process and nothing after detach', () => {
  const directory = mkdtempSync(join(tmpdir(), 'rmwatch-addon-'));
  const probe = tracepointProbe();
  probe.attach();
  const file = join(directory, 'seen');
  writeFileSync(file, '');
  unlinkSync(file);
  probe.detach();
  writeFileSync(file, '');
  unlinkSync(file);
  expect(ownDeletions(probe)).toEqual([file]);
  rmSync(directory, { recursive: true });
});

/** How often a program is described that perl runs in `directory`, and how many of its deletions are told. */
function described(directory: string, perl: string, program: string): [number, number] {
  const probe = tracepointProbe();
  probe.setFilter({ ...EVERYTHING, prefixes: [[Buffer.from(`${directory}/`), 0x707]] });
  probe.attach();
  const remove = 'sub remove { open my $file, ">", $_[0]; close $file; unlink $_[0]; }';
  const move = 'sub move { rename $_[0], $_[1] or die "rename: $!"; }';
  // Nothing that looks at this process looks at perl.
  const options = { cwd: directory, env: { PATH: '/usr/bin:/bin' } };
  const { pid, status } = spawnSync(perl, ['-e', `${remove} ${move} ${program}`], options);
  probe.detach();
  expect(status).toBe(0);
  const record = new RecordView(probe.ring());
  const offsets = new Uint32Array(1024);
  let descriptions = 0;
  let deletions = 0;
  for (let count = probe.collect(offsets); count > 0; count = probe.collect(offsets)) {
    for (const offset of offsets.subarray(0, count)) {
      record.moveTo(offset);
      if (record.kind === RECORD_PROCESS && record.processTgid === pid) descriptions += 1;
      if (record.kind === RECORD_DELETION && record.tgid === pid) deletions += 1;
    }
    probe.release();
  }
  return [descriptions, deletions];
}

describe('a process is described again', () => {
  const RENAME_OTHERS = 'for (1..20) { move "$d/other" . ($_ - 1), "$d/other$_"; remove "file"; }';
  const PERL = '/usr/bin/perl';
  let directory: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'rmwatch-addon-'));
    for (const name of ['other0', 'top/work']) mkdirSync(join(directory, name), { recursive: true });
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  test('not when other directories are renamed', () => {
    const program = `$d = "${directory}"; chdir "top/work"; ${RENAME_OTHERS}`;
    expect(described(directory, PERL, program)).toEqual([1, 20]);
  });

  test('when a directory above its working directory is renamed', () => {
    const program = `$d = "${directory}"; chdir "top/work"; ${RENAME_OTHERS} move "$d/top", "$d/moved"; remove "file";`;
    expect(described(directory, PERL, program)).toEqual([2, 21]);
  });

  test('when a directory above its executable is renamed', () => {
    const perl = join(directory, 'top/perl');
    copyFileSync(PERL, perl);
    const program = `$d = "${directory}"; ${RENAME_OTHERS} move "$d/top", "$d/moved"; remove "file";`;
    expect(described(directory, perl, program)).toEqual([2, 21]);
  });

  test('after each rename of a directory when it works too far down', () => {
    const deep = 'd/'.repeat(40);
    mkdirSync(join(directory, deep), { recursive: true });
    const program = `$d = "${directory}"; chdir "${deep}"; ${RENAME_OTHERS}`;
    expect(described(directory, PERL, program)).toEqual([20, 20]);
  });
});

const readShown = () => readFileSync('/proc/1/mountinfo', 'latin1');

test('lists the mounts of the host as /proc has them', () => {
  const mounts = new binding.KernelMounts();
  let before = '';
  let listed = '';
  // Something else may mount while both are read.
  for (let shown = readShown(); shown !== before; shown = readShown()) {
    before = shown;
    listed = mounts.read().toString('latin1');
  }
  mounts.close();
  mounts.close();
  expect(new Set(parseMountInfo(listed))).toEqual(new Set(parseMountInfo(before)));
  expect(() => mounts.read()).toThrow('closed');
});

test('a filter goes by the table of prefixes that it names, also after the table is dropped', () => {
  const directory = mkdtempSync(join(tmpdir(), 'rmwatch-addon-'));
  const probe = tracepointProbe();
  const table = probe.newPrefixes(2);
  probe.addPrefixes(table, [[Buffer.from(`${directory}/told`), 0x707]]);
  probe.addPrefixes(table, [[Buffer.from(`${directory}/added`), 0x707]]);
  probe.setFilter({ ...EVERYTHING, prefixes: table });
  probe.dropPrefixes(table);
  const gone = expect.objectContaining({ operation: `find table ${table} of prefixes`, code: 'ENOENT' });
  expect(() => probe.setFilter({ ...EVERYTHING, prefixes: table })).toThrow(gone);
  probe.attach();
  const files = ['told', 'filtered', 'added'].map((name) => join(directory, name));
  for (const file of files) writeFileSync(file, '');
  // Own deletions pass every filter.
  execFileSync('rm', files);
  probe.detach();
  expect(deletionsBelow(directory, probe)).toEqual([files[0], files[2]]);
  rmSync(directory, { recursive: true });
});

test('a table that is full is an error, and the filter in force stays', () => {
  const probe = tracepointProbe();
  const table = probe.newPrefixes(1);
  const add = () =>
    probe.addPrefixes(
      table,
      ['/a', '/b'].map((path) => [Buffer.from(path), 1] as const),
    );
  expect(add).toThrow(expect.objectContaining({ operation: 'fill the filter', code: 'ENOSPC' }));
});

test('wakes a sleeping reader for the first record, once', async () => {
  const probe = tracepointProbe();
  let calls = 0;
  const woken = new Promise<void>((resolve) => {
    probe.onReadable(() => {
      calls += 1;
      resolve();
    });
  });
  probe.attach();
  while (!probe.arm()) ownDeletions(probe);
  const directory = mkdtempSync(join(tmpdir(), 'rmwatch-addon-'));
  rmSync(directory, { recursive: true });
  await woken;
  rmSync(mkdtempSync(join(tmpdir(), 'rmwatch-addon-')), { recursive: true });
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(calls).toBe(1);
  expect(probe.arm()).toBe(false);
});

test('counts what a full ring could not take', () => {
  const directory = mkdtempSync(join(tmpdir(), 'rmwatch-addon-'));
  const probe = new binding.Probe({ mode: 'tracepoint', ringBytes: 4096 });
  opened.push(probe);
  probe.setFilter(EVERYTHING);
  probe.attach();
  execFileSync('sh', ['-c', 'cd "$0"; for i in $(seq 100); do : >f$i; done; rm f*', directory]);
  probe.detach();
  const { seen, submitted, filtered, lostRingFull } = probe.readCounters();
  expect(lostRingFull).toBeGreaterThan(0);
  expect(seen).toBe(submitted + filtered + lostRingFull);
  rmSync(directory, { recursive: true });
});

describe('a backlog', () => {
  const RING = 1 << 20;
  let directory: string;

  beforeEach(() => {
    directory = mkdtempSync('/dev/shm/rmwatch-backlog-');
  });
  afterEach(() => {
    rmSync(directory, { recursive: true });
  });

  function attached(ringBytes = RING): NativeProbe {
    const probe = new binding.Probe({ mode: 'tracepoint', ringBytes });
    opened.push(probe);
    probe.setFilter(EVERYTHING);
    probe.attach();
    return probe;
  }

  /** Names of lengths that differ, so that records do. */
  const nameOf = (number: number) => join(directory, `${number}-${'n'.repeat(number % 150)}`);

  function remove(from: number, to: number): void {
    for (let number = from; number < to; number++) {
      writeFileSync(nameOf(number), '');
      unlinkSync(nameOf(number));
    }
  }

  /** The numbers of the own deletions that wait. */
  function numbersIn(probe: NativeProbe): number[] {
    const ring = new RecordView(probe.ring());
    const backlog = new RecordView(probe.backlog());
    const offsets = new Uint32Array(100);
    const numbers: number[] = [];
    for (let count = probe.collect(offsets); count > 0; count = probe.collect(offsets)) {
      const record = probe.collectedInBacklog() ? backlog : ring;
      for (const offset of offsets.subarray(0, count)) {
        record.moveTo(offset);
        if (record.kind !== RECORD_DELETION || (record.flags & DELETION_SELF) === 0) continue;
        const typed = record.latin1(record.typedStart, record.typedLength);
        const number = Number(/(\d+)-n*$/.exec(typed)?.[1]);
        expect(typed).toBe(nameOf(number));
        numbers.push(number);
      }
      probe.release();
    }
    return numbers;
  }

  const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

  test('takes what is far too much for the ring, in order, while the event loop is blocked from the start on', () => {
    const probe = attached();
    probe.startBacklog(32 << 20);
    remove(0, 20_000);
    expect(probe.usedBytes()).toBeGreaterThan(4 * RING);
    expect(numbersIn(probe)).toEqual(range(0, 20_000));
    expect(probe.readCounters().lostRingFull).toBe(0);
  });

  test('takes it also when the thread slept, because nothing had come', async () => {
    const probe = attached();
    probe.startBacklog(32 << 20);
    let woken = () => {};
    probe.onReadable(() => woken());
    let removed = 0;
    for (const count of [1, 1, 20_000, 20_000, 1]) {
      while (!probe.arm()) numbersIn(probe);
      const called = new Promise<void>((resolve) => {
        woken = resolve;
      });
      // More than the thread's longest pause but one.
      await sleep(30);
      remove(removed, removed + count);
      // The event loop is blocked until nothing is left in the ring that could wake it.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
      await called;
      expect(numbersIn(probe)).toEqual(range(removed, removed + count));
      removed += count;
    }
    expect(probe.readCounters().lostRingFull).toBe(0);
  });

  test('leaves the ring to the reader while that keeps up, and again when it has caught up', () => {
    const probe = attached();
    probe.startBacklog(32 << 20);
    const offsets = new Uint32Array(100);
    const places = new Set<boolean>();
    for (let round = 0; round < 100; round++) {
      remove(round * 10, round * 10 + 10);
      expect(probe.collect(offsets)).toBeGreaterThan(0);
      places.add(probe.collectedInBacklog());
      probe.release();
    }
    expect([...places]).toEqual([false]);
    remove(0, 20_000);
    probe.collect(offsets);
    expect(probe.collectedInBacklog()).toBe(true);
    probe.release();
    numbersIn(probe);
    remove(0, 10);
    expect(numbersIn(probe)).toEqual(range(0, 10));
    expect(probe.collectedInBacklog()).toBe(false);
  });

  test('leaves records alone that the reader works on', async () => {
    const probe = attached();
    probe.startBacklog(32 << 20);
    remove(0, 100);
    const offsets = new Uint32Array(1_000);
    const count = probe.collect(offsets);
    expect([count >= 100, probe.collectedInBacklog()]).toEqual([true, false]);
    remove(100, 1_500);
    // Time for the thread to look, which it must not use.
    await sleep(50);
    const record = new RecordView(probe.ring());
    record.moveTo(offsets[count - 1]!);
    expect(record.latin1(record.typedStart, record.typedLength)).toBe(nameOf(99));
    probe.release();
    expect(numbersIn(probe)).toEqual(range(100, 1_500));
  });

  test('uses its memory again and again', () => {
    const probe = attached(65_536);
    probe.startBacklog(65_536);
    for (let round = 0; round < 60; round++) {
      const from = round * 200;
      remove(from, from + 200);
      expect(numbersIn(probe)).toEqual(range(from, from + 200));
    }
  });

  test('that is full leaves the rest in the ring, and what that cannot take is counted', () => {
    const probe = attached(65_536);
    probe.startBacklog(65_536);
    remove(0, 3_000);
    const found = numbersIn(probe);
    probe.detach();
    const { seen, submitted, filtered, lostRingFull } = probe.readCounters();
    expect(seen).toBe(submitted - found.length + filtered + lostRingFull);
    expect(found.length).toBeGreaterThan(200);
    expect(found.length).toBeLessThan(3_000);
    expect(found).toEqual([...found].sort((a, b) => a - b));
    // Those at the beginning are never lost to make room for others.
    expect(found.slice(0, 200)).toEqual(range(0, 200));
  });

  test('does not begin between records, and not twice', () => {
    const probe = attached();
    remove(0, 1);
    probe.collect(new Uint32Array(10));
    expect(() => probe.startBacklog(65_536)).toThrow(expect.objectContaining({ code: 'EBUSY' }));
    expect(() => probe.backlog()).toThrow('has no backlog');
    probe.release();
    probe.startBacklog(65_536);
    expect(() => probe.startBacklog(65_536)).toThrow(expect.objectContaining({ code: 'EALREADY' }));
  });

  test.each([0, 65_535, 65_540, 2 ** 32, '1'])('of %j bytes is refused', (bytes) => {
    expect(() => attached().startBacklog(bytes as number)).toThrow('bytes: expected a');
  });

  test('is gone with its probe', () => {
    const probe = attached();
    probe.startBacklog(65_536);
    const memory = probe.backlog();
    remove(0, 10);
    probe.close();
    expect(memory.byteLength).toBe(0);
  });
});

describe('closing', () => {
  test('twice, and every other method then says so', () => {
    const probe = tracepointProbe();
    const ring = probe.ring();
    probe.close();
    probe.close();
    expect(ring.byteLength).toBe(0);
    expect(() => probe.readCounters()).toThrow('the probe is closed');
    expect(() => probe.attach()).toThrow('the probe is closed');
  });

  test('a worker thread that ends with an attached probe takes it down', async () => {
    const code = `
      const { Probe } = require(${JSON.stringify(addon)});
      const probe = new Probe({ mode: 'tracepoint', ringBytes: ${RING_BYTES} });
      probe.onReadable(() => {});
      probe.ring();
      probe.startBacklog(1 << 20);
      probe.backlog();
      probe.attach();
      probe.arm();
      process.exit(0);`;
    for (let i = 0; i < 3; i++) {
      const worker = new Worker(code, { eval: true });
      expect(await new Promise((resolve) => worker.once('exit', resolve))).toBe(0);
    }
  });

  test.each(['', 'probe.close();', 'setImmediate(() => process.exit());'])('a process may end after %j', (last) => {
    const code = `
      const { Probe } = require(${JSON.stringify(addon)});
      const probe = new Probe({ mode: 'tracepoint', ringBytes: ${RING_BYTES} });
      probe.onReadable(() => {});
      probe.startBacklog(1 << 20);
      probe.attach();
      probe.arm();
      ${last === '' ? 'process.exit(0);' : last}`;
    const { status, signal, stderr } = spawnSync(process.execPath, ['-e', code], { encoding: 'utf8', timeout: 20_000 });
    expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: '' });
  });
});

describe('a mode that does not work here', () => {
  test('is told with its reason, and auto takes the next', () => {
    const { probe, mode, refusals } = openProbe(binding, 'auto', RING_BYTES);
    probe.close();
    expect(['kprobe', 'fentry', 'tracepoint'].slice(0, refusals.length + 1)).toEqual([
      ...refusals.map((refusal) => refusal.mode),
      mode,
    ]);
    for (const { reason } of refusals) expect(reason).toMatch(/^(attach|load|find) .*: E[A-Z]+/);
  });

  test('without rights all modes fail with what to do about it', () => {
    const code = `
      import('${new URL('../../dist/probe/open-probe.js', import.meta.url)}').then(async ({ openProbe }) => {
        const { loadBinding } = await import('${new URL('../../dist/probe/native-probe.js', import.meta.url)}');
        try {
          openProbe(loadBinding(), 'auto', ${RING_BYTES});
        } catch (error) {
          console.log(JSON.stringify({ name: error.name, lacksPrivilege: error.lacksPrivilege, hint: error.refusals.at(-1).hint }));
        }
      });`;
    const args = ['--reuid=65534', '--regid=65534', '--clear-groups', '--', process.execPath, '-e', code];
    const { stdout, stderr } = spawnSync('setpriv', args, { encoding: 'utf8', cwd: '/' });
    expect(JSON.parse(stdout || stderr)).toEqual({
      name: ProbeUnavailableError.name,
      lacksPrivilege: true,
      hint: expect.stringContaining('CAP_BPF'),
    });
  });
});
