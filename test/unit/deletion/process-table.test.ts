import { describe, expect, it } from 'vitest';
import { ProcessTable, type ProcessTableOptions } from '../../../src/deletion/process-table.js';
import {
  PROCESS_ARGS_CUT,
  PROCESS_HAS_ARGS,
  PROCESS_HAS_EXECUTABLE,
  PROCESS_HAS_LOGIN_UID,
  PROCESS_TEXT_CGROUP,
  PROCESS_TEXT_COMPLETE,
  PROCESS_TEXT_DELETED,
  PROCESS_TEXT_DIRECTORY,
  PROCESS_TEXT_EXECUTABLE,
  PROCESS_TEXT_VERSION_1_CGROUP,
} from '../../../src/probe/record-layout.generated.js';
import { redactor } from '../../../src/text/redact.js';
import { processRecord, processTextRecord, viewOf, WHOLE_ARGS } from '../../lib/records.js';

const BOOT = { bootSeconds: 1_795_350_000, bootNanoseconds: 0 };
const ID = '0123456789abcdef'.repeat(4);

function newTable(options: Partial<ProcessTableOptions> = {}): ProcessTable {
  return new ProcessTable({ args: WHOLE_ARGS, bootId: undefined, forgetInKernel: () => {}, ...options });
}

function addText(table: ProcessTable, id: number, which: number, text: string, flags = PROCESS_TEXT_COMPLETE): void {
  table.addText(viewOf(processTextRecord({ process_id: id, which, flags }, text)));
}

function add(table: ProcessTable, id: number, members: object = {}, args?: string[] | string, parent = 'bash'): void {
  table.add(viewOf(processRecord({ process_id: id, ...members }, args, parent)), BOOT);
}

// biome-ignore lint/suspicious/noExplicitAny: tests look at all of it
function told(table: ProcessTable, id: number): any {
  const info = table.get(id)!;
  return JSON.parse(
    `{"executableName":"${info.executableName}"${info.processJson}${info.containerJson}${info.rmwatchJson}}`,
  );
}

/** What a process with these arguments tells. */
function toldOfArgs(args: string[] | string, flags = PROCESS_HAS_ARGS, options: Partial<ProcessTableOptions> = {}) {
  const table = newTable(options);
  add(table, 1, { flags }, args);
  const { args: list, args_count, command_line, args_bytes } = told(table, 1);
  return { args: list, args_count, command_line, args_bytes };
}

describe('ProcessTable', () => {
  it('tells all that the kernel sent of a process', () => {
    const table = newTable();
    addText(table, 1, PROCESS_TEXT_EXECUTABLE, '/usr/bin/rm');
    addText(table, 1, PROCESS_TEXT_DIRECTORY, '/var/lib/app');
    addText(table, 1, PROCESS_TEXT_CGROUP, `/system.slice/docker-${ID}.scope`);
    const flags = PROCESS_HAS_ARGS | PROCESS_HAS_LOGIN_UID;
    add(table, 1, { flags, start_time_ns: 896_700_000_001n, parent_tgid: 4200, login_uid: 1000 }, ['rm', '-f', 'a b']);
    expect(told(table, 1)).toEqual({
      executableName: 'rm',
      executable: '/usr/bin/rm',
      args: ['rm', '-f', 'a b'],
      args_count: 3,
      command_line: 'rm -f a b',
      working_directory: '/var/lib/app',
      start: '2026-11-22T12:34:56.700000001Z',
      parent: { pid: 4200, name: 'bash' },
      container: { id: ID },
      login_uid: '1000',
      cgroup: `/system.slice/docker-${ID}.scope`,
    });
  });

  it('tells nothing that the kernel did not send', () => {
    const table = newTable();
    add(table, 1, { parent_tgid: 2, login_uid: 1000 }, ['a'], 'kthreadd');
    expect(told(table, 1)).toEqual({
      executableName: '',
      start: '2026-11-22T12:20:00.000000000Z',
      parent: { pid: 2, name: 'kthreadd' },
    });
    expect(table.get(2)).toBeUndefined();
  });

  it('names a Flatpak or Snap application, but none inside a container', () => {
    const table = newTable();
    addText(table, 1, PROCESS_TEXT_CGROUP, '/user.slice/snap.firefox.firefox-2b8f.scope');
    add(table, 1);
    expect(told(table, 1)).toMatchObject({ application: { type: 'snap', id: 'firefox' } });
    addText(table, 2, PROCESS_TEXT_CGROUP, '/lxc.payload.web/system.slice/snap.lxd.daemon.service');
    add(table, 2);
    expect(told(table, 2)).toMatchObject({ container: { id: 'web' } });
    expect(told(table, 2)).not.toHaveProperty('application');
  });

  it('takes the container from either version of the cgroups, and shows version 2', () => {
    const table = newTable();
    const other = 'f'.repeat(64);
    addText(table, 1, PROCESS_TEXT_CGROUP, '/system.slice/docker.service');
    addText(table, 1, PROCESS_TEXT_VERSION_1_CGROUP, `/docker/${ID}`);
    add(table, 1);
    expect(told(table, 1)).toMatchObject({ container: { id: ID }, cgroup: '/system.slice/docker.service' });
    expect(table.get(1)!.origin).toEqual({ kind: 'container', id: ID });
    addText(table, 2, PROCESS_TEXT_CGROUP, `/machine.slice/libpod-${ID}.scope`);
    addText(table, 2, PROCESS_TEXT_VERSION_1_CGROUP, '/machine.slice');
    add(table, 2);
    expect(told(table, 2)).toMatchObject({ container: { id: ID } });
    // A runtime inside of a container makes its own below.
    addText(table, 3, PROCESS_TEXT_CGROUP, `/machine.slice/libpod-${ID}.scope`);
    addText(table, 3, PROCESS_TEXT_VERSION_1_CGROUP, `/machine.slice/libpod-${ID}.scope/docker/${other}`);
    add(table, 3);
    expect(told(table, 3)).toMatchObject({ container: { id: other } });
    addText(table, 4, PROCESS_TEXT_VERSION_1_CGROUP, `/docker/${ID}`, 0);
    add(table, 4);
    expect(told(table, 4)).not.toHaveProperty('container');
  });

  it('shows the root as a slash', () => {
    const table = newTable();
    addText(table, 1, PROCESS_TEXT_DIRECTORY, '');
    addText(table, 1, PROCESS_TEXT_CGROUP, '');
    add(table, 1);
    expect(told(table, 1)).toMatchObject({ working_directory: '/', cgroup: '/' });
  });

  it('does not tell paths that were cut, but the name of the executable', () => {
    const table = newTable();
    addText(table, 1, PROCESS_TEXT_EXECUTABLE, '/deep/bin/logrotate', 0);
    addText(table, 1, PROCESS_TEXT_DIRECTORY, '/deep/down', 0);
    addText(table, 1, PROCESS_TEXT_CGROUP, `/docker/${ID}`, 0);
    add(table, 1);
    expect(Object.keys(told(table, 1))).toEqual(['executableName', 'start', 'parent']);
    expect(table.get(1)!.executableName).toBe('logrotate');
  });

  it('tells an executable that is gone as /proc does, and keeps its path for ignore', () => {
    const table = newTable();
    const deleted = PROCESS_TEXT_COMPLETE | PROCESS_TEXT_DELETED;
    addText(table, 1, PROCESS_TEXT_EXECUTABLE, '/usr/bin/app', deleted);
    add(table, 1);
    expect(told(table, 1)).toMatchObject({ executable: '/usr/bin/app (deleted)', executable_deleted: true });
    expect(table.get(1)).toMatchObject({ executableName: 'app', executablePath: '/usr/bin/app' });
    addText(table, 2, PROCESS_TEXT_EXECUTABLE, '/memfd:payload', deleted);
    add(table, 2);
    expect(told(table, 2)).toMatchObject({ executable: '/memfd:payload (deleted)', executable_deleted: true });
    addText(table, 3, PROCESS_TEXT_EXECUTABLE, '/cut', PROCESS_TEXT_DELETED);
    add(table, 3);
    expect(told(table, 3)).not.toHaveProperty('executable_deleted');
  });

  it('knows whether the executable belongs to root', () => {
    const table = newTable();
    add(table, 1, { flags: PROCESS_HAS_EXECUTABLE, executable_uid: 0 });
    add(table, 2, { flags: PROCESS_HAS_EXECUTABLE, executable_uid: 1000 });
    add(table, 3, { executable_uid: 0 });
    expect([1, 2, 3].map((id) => table.get(id)!.executableOfRoot)).toEqual([true, false, false]);
  });

  it('has the name of the executable as bytes, for the patterns of ignore', () => {
    const table = newTable();
    addText(table, 1, PROCESS_TEXT_EXECUTABLE, '/opt/\xc3\xa9"\n');
    add(table, 1);
    expect(table.get(1)!.executableName).toBe('\xc3\xa9"\n');
    expect(JSON.parse(`{${table.get(1)!.processJson.slice(1)}}`).executable).toBe('/opt/é"\n');
  });

  it('knows who was not logged in', () => {
    const table = newTable();
    add(table, 1, { flags: PROCESS_HAS_LOGIN_UID, login_uid: 2 ** 32 - 1 });
    add(table, 2, { flags: PROCESS_HAS_LOGIN_UID, login_uid: 0 });
    expect(told(table, 1)).not.toHaveProperty('login_uid');
    expect(told(table, 2).login_uid).toBe('0');
  });

  it('knows containers by names of any letters', () => {
    const table = newTable();
    addText(table, 1, PROCESS_TEXT_CGROUP, '/machine.slice/machine-b\xc3\xbcro.scope');
    add(table, 1);
    expect(told(table, 1).container).toEqual({ id: 'büro' });
  });
});

describe('arguments', () => {
  it.each<[string, string, number, string[]]>([
    ['NULs behind a title', 'worker: idle\0\0\0\0\0', 3, ['worker: idle']],
    ['a title without an end', 'worker: busy', 3, ['worker: busy']],
    ['nothing but NULs', '\0\0\0\0', 2, ['']],
    ['empty arguments that were given', 'rm\0\0\0', 3, ['rm', '', '']],
    ['empty arguments of a number that is not known', 'rm\0\0\0', 0, ['rm', '', '']],
    ['empty ones between others', 'a\0\0b\0\0\0', 9, ['a', '', 'b']],
  ])('of a process that wrote over them: %s', (_what, text, count, args) => {
    const table = newTable();
    add(table, 1, { flags: PROCESS_HAS_ARGS, args_count: count }, text);
    expect(told(table, 1)).toMatchObject({ args, args_count: args.length });
  });

  it.each<[string, string[]]>([
    ['one', ['rm']],
    ['an empty one', ['rm', '', 'a']],
    ['an empty one at the end', ['rm', '']],
    ['only an empty one', ['']],
    ['quotes, backslashes, newlines', ['sh', '-c', 'rm "a\\b"\n\x1b[0m']],
    ['a thousand', Array.from({ length: 1000 }, (_, i) => String(i % 10))],
  ])('can be %s', (_what, args) => {
    expect(toldOfArgs(args)).toEqual({ args, args_count: args.length, command_line: args.join(' ') });
  });

  it('have no end when the kernel sent only the first', () => {
    const cut = toldOfArgs('rm\0a\0long na', PROCESS_HAS_ARGS | PROCESS_ARGS_CUT);
    expect(cut).toEqual({ args: ['rm', 'a', 'long na'], command_line: 'rm a long na…' });
    const betweenTwo = toldOfArgs('rm\0a\0', PROCESS_HAS_ARGS | PROCESS_ARGS_CUT);
    expect(betweenTwo).toEqual({ args: ['rm', 'a'], command_line: 'rm a…' });
  });

  it.each<[string, string, number, number | undefined]>([
    ['more than were sent', 'rm\0a\0long na', 600, 600],
    ['the last of which was cut', 'rm\0a\0long na', 3, 3],
    ['fewer than were sent, which the process wrote', 'rm\0a\0long na', 2, undefined],
    ['one more than were sent', 'rm\0a\0', 3, 3],
    ['no more than were sent, though more follow', 'rm\0a\0', 2, undefined],
    ['a number that is not known', 'rm\0a\0', 0, undefined],
  ])('of which the kernel sent the first, counted as at the start of the program: %s', (_what, text, count, want) => {
    const table = newTable();
    add(table, 1, { flags: PROCESS_HAS_ARGS | PROCESS_ARGS_CUT, args_count: count }, text);
    expect(told(table, 1).args_count).toBe(want);
  });

  it('that could not be read are counted', () => {
    const table = newTable();
    add(table, 1, { args_count: 3 });
    add(table, 2, { args_count: 0 });
    expect(told(table, 1).args_count).toBe(3);
    expect(told(table, 1)).not.toHaveProperty('args');
    expect(told(table, 2)).not.toHaveProperty('args_count');
  });

  it('of a process that wrote its own title have no end', () => {
    expect(toldOfArgs('nginx: worker process').args).toEqual(['nginx: worker process']);
  });

  it('come all in base64 when one is not UTF-8', () => {
    const { args, args_bytes } = toldOfArgs(['rm', 'a\xff']);
    expect(args).toEqual(['rm', 'a\ufffd']);
    expect(args_bytes).toEqual([
      Buffer.from('rm').toString('base64'),
      Buffer.from('a\xff', 'latin1').toString('base64'),
    ]);
  });

  it('are left out, bytes too, where the configuration says so; not their number', () => {
    const nothing = toldOfArgs(['mysql', '-psecret\xff'], PROCESS_HAS_ARGS, { args: { ...WHOLE_ARGS, limitBytes: 0 } });
    expect(nothing).toEqual({ args_count: 2 });
  });
});

describe('a process with more arguments than its lines may have', () => {
  const BOOT = '0f0e0d0c-0b0a-0908-0706-050403020100';
  const args = { limitBytes: 111, commandLine: false, redact: redactor(['token']) };
  const table = newTable({ args, bootId: BOOT });
  const names = Array.from({ length: 600 }, (_, i) => `file-${i}`);
  add(table, 1, { flags: PROCESS_HAS_ARGS, tgid: 42, start_time_ns: 7n }, ['rm', '--token', 'x', ...names]);
  const info = table.get(1)!;

  it('has the first of them in each line, and says how many there are', () => {
    const line = JSON.parse(`{${info.processJson.slice(1)}}`);
    expect(line.args).toEqual(['rm', '--token', '[redacted]', 'file-0', 'file-1', 'file-2', 'file-']);
    expect(line).toMatchObject({ args_count: 603, entity_id: `${BOOT}/42/7` });
    expect(line).not.toHaveProperty('command_line');
    expect(JSON.parse(`{${info.rmwatchJson.slice(1)}}`)).toEqual({ args_truncated: true });
  });

  it('has all of them for a line of its own, without the secrets', () => {
    const whole = JSON.parse(info.wholeArgs!.processJson);
    expect(whole.args).toEqual(['rm', '--token', '[redacted]', ...names]);
    expect(whole).toMatchObject({ pid: 42, args_count: 603, entity_id: `${BOOT}/42/7` });
    expect(info.wholeArgs).toMatchObject({ rmwatchJson: '{}', written: false });
  });
});

describe('the processes that are kept', () => {
  it('are told apart by the id of their description, not by pid', () => {
    const table = newTable();
    // The same pid: before and after exec, and another process that got it later.
    for (const [id, name] of [
      [11, 'sh'],
      [12, 'rm'],
      [2 ** 52 + 1, 'cp'],
    ] as const) {
      addText(table, id, PROCESS_TEXT_EXECUTABLE, `/bin/${name}`);
      add(table, id, { tgid: 4242 });
    }
    expect([11, 12, 2 ** 52 + 1].map((id) => table.get(id)!.executableName)).toEqual(['sh', 'rm', 'cp']);
  });

  it('get their own texts, however those arrive', () => {
    const table = newTable();
    addText(table, 1, PROCESS_TEXT_EXECUTABLE, '/bin/one');
    addText(table, 2, PROCESS_TEXT_EXECUTABLE, '/bin/two');
    addText(table, 1, PROCESS_TEXT_DIRECTORY, '/1');
    add(table, 2);
    add(table, 1);
    expect(told(table, 1)).toMatchObject({ executable: '/bin/one', working_directory: '/1' });
    expect(told(table, 2)).toMatchObject({ executable: '/bin/two' });
    expect(told(table, 2)).not.toHaveProperty('working_directory');
  });

  it('do not inherit texts of an earlier description', () => {
    const table = newTable();
    addText(table, 1, PROCESS_TEXT_DIRECTORY, '/old');
    add(table, 1);
    add(table, 1);
    expect(told(table, 1)).not.toHaveProperty('working_directory');
  });

  it('are described again by the kernel when they become too many, and stay for records on their way', () => {
    let forgotten = 0;
    const table = newTable({ capacity: 3, forgetInKernel: () => forgotten++ });
    for (const id of [1, 2, 3]) add(table, id, { parent_tgid: id });
    expect(forgotten).toBe(0);
    add(table, 4, { parent_tgid: 4 });
    expect(forgotten).toBe(1);
    expect([1, 2, 3, 4].map((id) => told(table, id).parent.pid)).toEqual([1, 2, 3, 4]);
    for (const id of [5, 6, 7]) add(table, id);
    expect(forgotten).toBe(2);
    for (const id of [8, 9, 10]) add(table, id);
    expect(forgotten).toBe(3);
    expect([1, 2, 3].map((id) => table.get(id))).toEqual([undefined, undefined, undefined]);
    expect([8, 9, 10].every((id) => table.get(id) !== undefined)).toBe(true);
  });

  it('stay as long as they go on deleting, however many come and go before the kernel has forgotten them', () => {
    const table = newTable({ capacity: 3 });
    for (let id = 1; id <= 30; id++) {
      add(table, id, { parent_tgid: id });
      expect(told(table, 1).parent.pid).toBe(1);
    }
    expect(table.get(20)).toBeUndefined();
  });

  it('are fewer when their descriptions are long', () => {
    const args = ['\x01'.repeat(4000)];
    const kept = (textCapacity: number) => {
      const table = newTable({ textCapacity });
      for (let id = 1; id <= 100; id++) add(table, id, { flags: PROCESS_HAS_ARGS }, args);
      return Array.from({ length: 100 }, (_, at) => table.get(at + 1)).filter((info) => info !== undefined).length;
    };
    // Each takes six characters a byte, twice: 21 of them are enough, and as many are kept for records on their way.
    expect(kept(1e6)).toBeLessThanOrEqual(42);
    expect(kept(1e7)).toBe(100);
  });

  it('are the newest of their id', () => {
    const table = newTable({ capacity: 2 });
    add(table, 1, { parent_tgid: 10 });
    add(table, 2);
    add(table, 1, { parent_tgid: 20 });
    expect(told(table, 1).parent.pid).toBe(20);
  });

  it('do not pile up texts of descriptions that were never finished', () => {
    const table = newTable({ capacity: 3 });
    for (const id of [1, 2, 3, 4]) addText(table, id, PROCESS_TEXT_DIRECTORY, `/${id}`);
    for (const id of [1, 4]) add(table, id);
    expect(told(table, 1)).not.toHaveProperty('working_directory');
    expect(told(table, 4).working_directory).toBe('/4');
  });

  it('do not pile up long ones either', () => {
    const table = newTable({ textCapacity: 10 });
    addText(table, 1, PROCESS_TEXT_DIRECTORY, '/123456789');
    addText(table, 2, PROCESS_TEXT_DIRECTORY, '/2');
    for (const id of [1, 2]) add(table, id);
    expect(told(table, 1)).not.toHaveProperty('working_directory');
    expect(told(table, 2).working_directory).toBe('/2');
  });
});
