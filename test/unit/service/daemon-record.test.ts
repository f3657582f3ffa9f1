import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { defaultConfig } from '../../../src/config/load.js';
import type { Config, WatchConfig } from '../../../src/model/config.js';
import { atOnce } from '../../../src/model/steps.js';
import { DaemonRecord } from '../../../src/service/daemon-record.js';
import { RunState } from '../../../src/service/run-state.js';
import { validateEventLine } from '../../lib/event-schema.js';
import { waitUntil } from '../../lib/wait-until.js';

const BOOT = 'cb061274-345c-488b-b002-a2cdda75d371';
const NO_COUNTS = {
  seen: 7,
  filteredInKernel: 2,
  filteredInDaemon: 1,
  lost: { ring_full: 1, state_full: 0, probe_skipped: 0, decode: 0, output: 0 },
  delivered: 3,
  folded: 0,
  untracked: 0,
  probeMissed: 0,
  unattributed: 0,
  ring: { capacityBytes: 0, usedBytes: 0 },
  backlog: { capacityBytes: 64, usedBytes: 0 },
};

let directory: string;
let problems: string[];
let lines: string[];
let hasRoom: boolean;
let nowMs: number;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'rmwatch-record-'));
  problems = [];
  lines = [];
  hasRoom = true;
  nowMs = Date.UTC(2026, 10, 26, 2, 10);
});

afterEach(() => rmSync(directory, { recursive: true }));

function open(run: string, boot: string | undefined = BOOT): DaemonRecord {
  return new DaemonRecord({
    run,
    version: '1.2.3',
    bootId: boot,
    state: RunState.open(directory, (message) => problems.push(message)),
    hostName: () => 'web-3',
    notice: (line) => hasRoom && lines.push(line) > 0,
    onProblem: (message) => problems.push(message),
    now: () => new Date(nowMs),
  });
}

function start(run: string, config: Config = defaultConfig(), boot?: string): DaemonRecord {
  const record = open(run, boot);
  atOnce(record.prepare(config));
  record.started(config, 'kprobe');
  atOnce(record.tellWatches(config.watches));
  return record;
}

// biome-ignore lint/suspicious/noExplicitAny: what was written is what is tested
function written(): any[] {
  return lines.map((line) => {
    const value = JSON.parse(line);
    expect(validateEventLine(value)).toEqual([]);
    return value;
  });
}

const actions = () => written().map(({ event }) => event.action);
const withWatches = (...watches: WatchConfig[]): Config => ({ ...defaultConfig(), watches });
const watch = (name: string, change: Partial<WatchConfig> = {}): WatchConfig => ({
  ...defaultConfig().watches[0]!,
  name,
  ...change,
});
const RUN_A = 'a'.repeat(16);
const RUN_B = 'b'.repeat(16);

describe('the record of the daemon', () => {
  it('tells a start with mode, configuration and each watch, and a stop with what was counted', () => {
    const record = start(RUN_A);
    record.stopped(3, NO_COUNTS);
    expect(actions()).toEqual(['started', 'watch', 'stopped']);
    const [started, all, stopped] = written();
    expect(started).toMatchObject({
      message: 'started: 1 watch, kprobe',
      agent: { version: '1.2.3' },
      host: { name: 'web-3', boot: { id: BOOT } },
      rmwatch: { run: RUN_A, attach: 'kprobe', attach_wanted: 'auto', watches: 1 },
    });
    expect(all).toMatchObject({ rule: { name: ['all'] }, rmwatch: { run: RUN_A, watch: { include: ['/**'] } } });
    expect(stopped.rmwatch).toMatchObject({ last_sequence: 3, totals: { seen: 7, filtered: 3, lost: 1 } });
    expect(new Set(written().map(({ rmwatch }) => rmwatch.config_hash)).size).toBe(1);
  });

  it('begins with no gap where there was no run before, and keeps none for a second stop', () => {
    const record = start(RUN_A);
    record.stopped(0, NO_COUNTS);
    record.stopped(0, NO_COUNTS);
    record.alive(9);
    expect(actions()).toEqual(['started', 'watch', 'stopped']);
    expect(problems).toEqual([]);
  });

  it('tells the gap since a run that was killed', async () => {
    start(RUN_A).alive(41);
    await waitUntil('it is kept', () => statSync(join(directory, 'run')).size > 0);
    lines = [];
    nowMs += 240_000;
    start(RUN_B);
    const [gap, started] = written();
    expect(gap).toMatchObject({
      log: { level: 'warn' },
      message: 'nothing was watched for 240 s: the daemon ended without a stop',
      event: { action: 'gap', start: '2026-11-26T02:10:00.000000000Z', end: '2026-11-26T02:14:00.000000000Z' },
      rmwatch: { run: RUN_B, gap: { run: RUN_A, boot: BOOT, sequence: 41, stopped: false } },
    });
    expect(started['@timestamp']).toBe(gap.event.end);
  });

  it('tells whether the run before was stopped, or the host went down', async () => {
    start(RUN_A).stopped(5, NO_COUNTS);
    lines = [];
    start(RUN_B).alive(0);
    expect(written()[0]).toMatchObject({
      message: 'nothing was watched for 0 s: the daemon was stopped',
      rmwatch: { gap: { run: RUN_A, sequence: 5, stopped: true } },
    });
    await waitUntil('it is kept', () => readFileSync(join(directory, 'run'), 'utf8').includes(RUN_B));
    lines = [];
    start(RUN_A, defaultConfig(), '00000000-345c-488b-b002-a2cdda75d371');
    expect(written()[0].message).toBe('nothing was watched for 0 s: the host went down');
  });

  it('tells a gap of no length when the clock was set back', () => {
    start(RUN_A).stopped(5, NO_COUNTS);
    nowMs -= 3_600_000;
    lines = [];
    start(RUN_B);
    const [{ event }] = written();
    expect(event.start).toBe(event.end);
  });

  it('leaves a start that fails out of what is kept', () => {
    start(RUN_A).stopped(5, NO_COUNTS);
    const record = open(RUN_B);
    record.alive(1);
    record.stopped(1, NO_COUNTS);
    lines = [];
    start(RUN_B);
    expect(written()[0].rmwatch.gap).toMatchObject({ run: RUN_A, sequence: 5 });
  });

  it('tells what a reload changed, and the watches that are new or changed', () => {
    const record = start(RUN_A, withWatches(watch('kept'), watch('other'), watch('gone')));
    lines = [];
    const changed = watch('other', { include: ['/srv/**'] });
    const config = { ...withWatches(watch('kept'), changed, watch('new')), selfTest: { intervalMs: null } };
    atOnce(record.reloaded(config));
    expect(written().map(({ event, rule }) => [event.action, rule?.name[0]])).toEqual([
      ['reloaded', undefined],
      ['watch', 'new'],
      ['watch', 'other'],
    ]);
    expect(written()[0]).toMatchObject({
      message: 'reloaded: 1 watch new, 1 watch changed, 1 watch removed, self_test changed',
      rmwatch: { changes: { added: 1, changed: 1, removed: ['gone'], removed_count: 1, settings: ['self_test'] } },
    });
  });

  it('is silent about a reload that changes nothing', () => {
    const record = start(RUN_A);
    lines = [];
    atOnce(record.reloaded(defaultConfig()));
    expect(lines).toEqual([]);
  });

  it('begins a new log file with run, mode and configuration, once there is a start', () => {
    const record = open(RUN_A);
    expect(record.continued(0)).toBeUndefined();
    lines = [start(RUN_A).continued(17)!];
    expect(written()[0].rmwatch).toMatchObject({ run: RUN_A, attach: 'kprobe', last_sequence: 17 });
  });

  it('keeps lines for which there is no room, in their order', () => {
    hasRoom = false;
    const record = start(RUN_A);
    expect(lines).toEqual([]);
    hasRoom = true;
    record.retry();
    record.stopped(0, NO_COUNTS);
    expect(actions()).toEqual(['started', 'watch', 'stopped']);
  });

  it('cuts a watch whose patterns make a line too long, and says which', () => {
    const include = Array.from({ length: 5_000 }, (_, index) => `/srv/${index}/**`);
    start(RUN_A, withWatches(watch('many', { include })));
    const line = lines.at(-1)!;
    expect(Buffer.byteLength(line)).toBeLessThan(48_000);
    const { rmwatch } = written().at(-1)!;
    expect(rmwatch.cut).toEqual(['watch.include']);
    expect(rmwatch.watch.include).toEqual(include.slice(0, rmwatch.watch.include.length));
    expect(rmwatch.watch.include.length).toBeGreaterThan(0);
  });
});

describe('what is kept of a run', () => {
  const file = () => join(directory, 'run');
  const open = () => RunState.open(directory, (message) => problems.push(message)).previous;

  it.each([
    ['is not one', 'abc'],
    ['is torn', undefined],
    ['is larger', 'x'.repeat(100_000)],
  ])('is left out, with a warning, when the file %s', (_what, text) => {
    start(RUN_A).stopped(5, NO_COUNTS);
    const bytes = readFileSync(file());
    writeFileSync(file(), text ?? bytes.subarray(0, 100));
    expect(open()).toBeUndefined();
    expect(problems.join()).toContain('is damaged');
  });

  it('is left out when a digit is another', () => {
    start(RUN_A).stopped(5, NO_COUNTS);
    const text = readFileSync(file(), 'utf8').replace('"sequence":5', '"sequence":6');
    writeFileSync(file(), text);
    expect(open()).toBeUndefined();
    expect(problems).toHaveLength(1);
  });

  it('is written over in place, and never grows', () => {
    start(RUN_A).stopped(5, NO_COUNTS);
    const { ino, size } = statSync(file());
    start(RUN_B).stopped(1_000_000, NO_COUNTS);
    expect([statSync(file()).ino, statSync(file()).size]).toEqual([ino, size]);
    expect(open()).toMatchObject({ run: RUN_B, sequence: 1_000_000, stopped: true });
    expect(problems).toEqual([]);
  });

  it('follows no link, and costs no start where the directory is missing', () => {
    symlinkSync('/etc/hostname', file());
    expect(open()).toBeUndefined();
    expect(problems.join()).toContain('cannot keep');
    expect(RunState.open('/nonexistent', (message) => problems.push(message)).previous).toBeUndefined();
    expect(problems).toHaveLength(2);
  });

  it('is nothing without a directory', () => {
    const state = RunState.open(undefined, (message) => problems.push(message));
    state.keep({ run: RUN_A, boot: undefined, sequence: 1, at: new Date(0), stopped: false });
    expect([state.previous, problems]).toEqual([undefined, []]);
  });
});
