import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { defaultConfig } from '../../../src/config/load.js';
import { ProcessTable } from '../../../src/deletion/process-table.js';
import { formerPathOf, PathResolver } from '../../../src/deletion/resolved-path.js';
import { EventEncoder } from '../../../src/event/event-encoder.js';
import { fieldsOf, fieldsPage } from '../../../src/event/fields-page.js';
import { eventJsonSchemaText } from '../../../src/event/json-schema.js';
import { countersFor } from '../../../src/metrics/watch-counters.js';
import { OPERATIONS } from '../../../src/model/config.js';
import { LOSS_REASONS, type PipelineCounts } from '../../../src/model/pipeline-counts.js';
import { atOnce } from '../../../src/model/steps.js';
import { LossReporter } from '../../../src/pipeline/loss-reporter.js';
import {
  DELETION_ALLOCATION_KNOWN,
  DELETION_CASE_INSENSITIVE,
  DELETION_HAS_VICTIM,
  DELETION_OPEN_KNOWN,
  DELETION_PATH_COMPLETE,
  DELETION_RESULT_KNOWN,
  PROCESS_ARGS_CUT,
  PROCESS_HAS_ARGS,
  PROCESS_HAS_LOGIN_UID,
  PROCESS_TEXT_CGROUP,
  PROCESS_TEXT_COMPLETE,
  PROCESS_TEXT_DELETED,
  PROCESS_TEXT_DIRECTORY,
  PROCESS_TEXT_EXECUTABLE,
} from '../../../src/probe/record-layout.generated.js';
import { DaemonRecord } from '../../../src/service/daemon-record.js';
import { WatchFilter } from '../../../src/watch/watch-filter.js';
import { validateEventLine } from '../../lib/event-schema.js';
import { newBursts } from '../../lib/new-bursts.js';
import { deletionRecord, processRecord, processTextRecord, viewOf, WHOLE_ARGS } from '../../lib/records.js';
import { systemErrorName } from '../../lib/system-error-name.js';
import { watchOf } from '../../lib/watch-of.js';
import { writtenLine } from '../../lib/written-line.js';

const FOUND =
  DELETION_HAS_VICTIM |
  DELETION_ALLOCATION_KNOWN |
  DELETION_PATH_COMPLETE |
  DELETION_RESULT_KNOWN |
  DELETION_OPEN_KNOWN;
const FILE = { mode: 0o100644, link_count: 1, tgid: 7, tid: 7, mount_namespace: 1 };
const BOOT = { bootSeconds: 1_795_350_000, bootNanoseconds: 0 };
const BOOT_ID = 'cb061274-345c-488b-b002-a2cdda75d371';

interface Case {
  readonly name?: string;
  readonly cgroup?: string;
  readonly argsFlags?: number;
  readonly failed?: boolean;
  /** Of the record, beside those that all have. */
  readonly flags?: number;
  readonly moves?: boolean;
}

function linesOf(given: Case): object[] {
  const { name = 'a\xff', cgroup = '/a', argsFlags = 0, failed = false, flags: more = 0, moves = false } = given;
  const processes = new ProcessTable({ args: WHOLE_ARGS, bootId: BOOT_ID, forgetInKernel: () => {} });
  const texts = { flags: PROCESS_TEXT_COMPLETE | PROCESS_TEXT_DELETED, process_id: 1 };
  for (const [which, text] of [
    [PROCESS_TEXT_EXECUTABLE, '/usr/bin/rm'],
    [PROCESS_TEXT_DIRECTORY, '/srv'],
    [PROCESS_TEXT_CGROUP, cgroup],
  ] as const) {
    processes.addText(viewOf(processTextRecord({ ...texts, which }, text)));
  }
  const flags = PROCESS_HAS_ARGS | PROCESS_HAS_LOGIN_UID | argsFlags;
  processes.add(viewOf(processRecord({ process_id: 1, tgid: 7, login_uid: 1000, flags }, ['\xff'])), BOOT);
  const ids = { effective_uid: 1, fs_uid: 2, effective_gid: 1, fs_gid: 2, mount_uid: 3, mount_gid: 3 };
  const operation = OPERATIONS.indexOf(moves ? 'move' : 'unlink');
  const members = { ...FILE, ...ids, operation, flags: FOUND | more, process_id: 1, result: failed ? -13 : 0 };
  const named = moves ? { movedTo: `/b/${name}` } : { former: `old ${name}` };
  const record = viewOf(deletionRecord(members, { path: `/${name}`, typed: name, comm: 'rm', ...named }));
  const path = new PathResolver().resolve(record, undefined);
  const target = new PathResolver().resolveTarget(record, undefined);
  const hostPlace = { directory: '/srv', name, cut: false };
  const encoder = new EventEncoder({
    hostName: 'web-3',
    bootId: BOOT_ID,
    attach: 'kprobe',
    userName: () => 'root',
    errorName: systemErrorName,
  });
  const line = writtenLine(encoder, record, {
    path,
    hostPlace,
    former: formerPathOf(record, path),
    move: moves ? { target, hostPlace, isDirectory: false, losing: ['all'] } : undefined,
    outcome: failed ? 'failure' : 'success',
    process: processes.get(1),
    ruleJson: '["all"]',
    sequence: 1,
    boot: BOOT,
  });
  return [JSON.parse(line)];
}

function argumentsLine(): object {
  const args = { ...WHOLE_ARGS, limitBytes: 128 };
  const processes = new ProcessTable({ args, bootId: BOOT_ID, forgetInKernel: () => {} });
  const text = { flags: PROCESS_TEXT_COMPLETE, process_id: 1, which: PROCESS_TEXT_EXECUTABLE };
  processes.addText(viewOf(processTextRecord(text, '/usr/bin/rm')));
  const add = (flags: number) => {
    const members = { process_id: 1, tgid: 7, flags: PROCESS_HAS_ARGS | flags };
    processes.add(viewOf(processRecord(members, ['\xff', 'a'.repeat(200)])), BOOT);
    return processes.get(1)!.wholeArgs!;
  };
  const encoder = new EventEncoder({
    hostName: 'web-3',
    bootId: BOOT_ID,
    attach: 'kprobe',
    userName: () => 'root',
    errorName: systemErrorName,
  });
  const record = viewOf(deletionRecord({ ...FILE, flags: FOUND, process_id: 1 }, { path: '/a', comm: 'rm' }));
  const [whole, cut] = [0, PROCESS_ARGS_CUT].map(
    (flags) => JSON.parse(encoder.processLine(record, add(flags), BOOT)) as object,
  );
  return [whole, cut];
}

function lossLine(): object {
  const lines: object[] = [];
  const losses = { ring_full: 0, state_full: 0, probe_skipped: 0, decode: 0, output: 0 };
  const reporter = new LossReporter(
    () => losses,
    (line) => lines.push(JSON.parse(line)) > 0,
    () => `{"name":"web-3","boot":{"id":"${BOOT_ID}"}}`,
  );
  for (const reason of LOSS_REASONS) losses[reason] = 1;
  reporter.check();
  return lines;
}

function recordLines(): object[] {
  const lines: object[] = [];
  const previous = { run: 'a'.repeat(16), boot: BOOT_ID, sequence: 1, at: new Date(0), stopped: false };
  const record = new DaemonRecord({
    run: 'b'.repeat(16),
    version: '1',
    bootId: BOOT_ID,
    state: { previous, keep: () => {}, end: () => {} },
    hostName: () => 'web-3',
    notice: (line) => lines.push(JSON.parse(line)) > 0,
    onProblem: () => {},
  });
  const config = defaultConfig();
  const include = Array.from({ length: 10_000 }, (_, index) => `/srv/${index}`);
  const watches = [{ ...config.watches[0]!, include }];
  atOnce(record.prepare(config));
  record.started(config, 'kprobe');
  atOnce(record.reloaded({ ...config, watches }));
  const lost = Object.fromEntries(LOSS_REASONS.map((reason) => [reason, 0])) as PipelineCounts['lost'];
  record.stopped(0, { seen: 0, filteredInKernel: 0, filteredInDaemon: 0, lost, folded: 0 } as PipelineCounts);
  return lines;
}

/** Of many directories, by a process of which all is known. */
function burstLines({ cgroup, directory }: { cgroup: string; directory: string }): object[] {
  const lines: object[] = [];
  const processes = new ProcessTable({
    args: { ...WHOLE_ARGS, limitBytes: 128 },
    bootId: BOOT_ID,
    forgetInKernel: () => {},
  });
  const texts = { flags: PROCESS_TEXT_COMPLETE | PROCESS_TEXT_DELETED, process_id: 1 };
  for (const [which, text] of [
    [PROCESS_TEXT_EXECUTABLE, directory],
    [PROCESS_TEXT_DIRECTORY, directory],
    [PROCESS_TEXT_CGROUP, cgroup],
  ] as const) {
    processes.addText(viewOf(processTextRecord({ ...texts, which }, text)));
  }
  const flags = PROCESS_HAS_ARGS | PROCESS_HAS_LOGIN_UID;
  processes.add(
    viewOf(processRecord({ process_id: 1, tgid: 7, login_uid: 1000, flags }, ['\xff', 'a'.repeat(200)])),
    BOOT,
  );
  const encoder = new EventEncoder({
    hostName: 'web-3',
    bootId: BOOT_ID,
    attach: 'kprobe',
    userName: () => 'root',
    errorName: systemErrorName,
  });
  const bursts = newBursts(encoder, (line) => lines.push(JSON.parse(line)) > 0);
  bursts.use({ threshold: 10, windowSeconds: 10 }, 0, BOOT);
  const watches = [watchOf({ include: ['/**'] })];
  const filter = WatchFilter.of(watches, countersFor(watches), () => undefined);
  const paths = new PathResolver();
  for (let i = 0; i < 3_000; i++) {
    const members = {
      ...FILE,
      flags: FOUND,
      process_id: 1,
      tgid: 100 + i,
      operation: i % 4,
      effective_uid: 1,
      effective_gid: 1,
    };
    const record = viewOf(deletionRecord(members, { path: `/srv/${i}/a`, comm: 'rm' }));
    const path = paths.resolve(record, undefined);
    bursts.count(record, { filter, watches: [0], folding: undefined, path, process: processes.get(1) }, false, BOOT);
  }
  bursts.endAll(1, BOOT);
  bursts.write();
  return lines;
}

/** The dotted names of the members that are no objects. */
function namesIn(value: object, prefix = ''): string[] {
  return Object.entries(value).flatMap(([name, member]) => {
    const path = `${prefix}${name}`;
    return typeof member === 'object' && !Array.isArray(member) ? namesIn(member, `${path}.`) : [path];
  });
}

function sortedNames(lines: readonly object[]): string[] {
  for (const line of lines) expect(validateEventLine(line)).toEqual([]);
  return [...new Set(lines.flatMap((line) => namesIn(line)))].sort();
}

const defined = (kind: Parameters<typeof fieldsOf>[0]) =>
  fieldsOf(kind)
    .map(({ path }) => path)
    .sort();

describe('the definition of the event', () => {
  it('has each field of a deletion that the encoder writes, and no other', () => {
    const container = `/system.slice/docker-${'c0ffee12'.repeat(8)}.scope`;
    const application = '/user.slice/app.slice/app-flatpak-org.gimp.GIMP-42.scope';
    const lines = [
      {},
      { cgroup: container },
      { cgroup: application },
      { argsFlags: PROCESS_ARGS_CUT },
      { failed: true },
      { flags: DELETION_CASE_INSENSITIVE },
      { moves: true },
      { name: `${`${'\x01'.repeat(200)}/`.repeat(50)}a` },
    ].flatMap(linesOf);
    expect(sortedNames(lines)).toEqual(defined('deletion'));
  });

  it('has each field of the arguments of a process, and no other', () => {
    expect(sortedNames(argumentsLine() as object[])).toEqual(defined('processArgs'));
  });

  it('has each field of a loss, and no other', () => {
    expect(sortedNames(lossLine() as object[])).toEqual(defined('eventsLost'));
  });

  it('has each field of a burst, and no other', () => {
    const container = `/system.slice/docker-${'c0ffee12'.repeat(8)}.scope`;
    const application = '/user.slice/app.slice/app-flatpak-org.gimp.GIMP-42.scope';
    const lines = [
      { cgroup: container, directory: '/srv' },
      { cgroup: application, directory: `/${'\x01'.repeat(4_000)}` },
    ].flatMap(burstLines);
    expect(sortedNames(lines)).toEqual(defined('burst'));
  });

  it('has each field of the record itself, and no other', () => {
    expect(sortedNames(recordLines())).toEqual(defined('daemon'));
  });

  it.each(['deletion', 'processArgs', 'eventsLost', 'burst', 'daemon'] as const)(
    'describes each field of %s, and its absence',
    (kind) => {
      for (const { path, always, description } of fieldsOf(kind)) {
        expect(description, path).toMatch(/^[a-zA-Z"].*\.$/);
        expect(/\bAbsent\b/.test(description), path).toBe(!always);
      }
    },
  );
});

describe('generated files', () => {
  const committed = (file: string) => readFileSync(new URL(`../../../${file}`, import.meta.url), 'utf8');

  it.each([
    ['config/event.schema.json', eventJsonSchemaText],
    ['docs/fields.md', fieldsPage],
  ])('%s is current', (file, generate) => {
    expect(committed(file), 'run npm run schemas:generate').toBe(generate());
  });
});
