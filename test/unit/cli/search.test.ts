import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { dispatch } from '../../../src/cli/dispatch.js';
import { daemonLine } from '../../../src/event/daemon-line.js';
import type { DeletionEvent } from '../../../src/event/deletion-event.js';
import { type LineParts, logLine, logText } from '../../lib/log-lines.js';
import { EVENTS_LOST } from '../../lib/sample-events.js';

const root = mkdtempSync(join(tmpdir(), 'rmwatch-search-'));
afterAll(() => rmSync(root, { recursive: true }));

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function rmwatch(...argv: string[]): Promise<Outcome> {
  const result = { code: -1, out: '', err: '' };
  const writer = (key: 'out' | 'err') => ({
    write: (text: string) => {
      result[key] += text;
    },
  });
  const commands = { run: () => -1, doctor: () => -1 };
  result.code = await dispatch(argv, commands, { stdout: writer('out'), stderr: writer('err') });
  return result;
}

let files = 0;
function fileWith(text: string | Buffer): string {
  files += 1;
  const file = join(root, `log-${files}`);
  writeFileSync(file, text);
  return file;
}

/** Paths of the lines that were found. */
function paths({ out }: Outcome): string[] {
  return out
    .split('\n')
    .filter(Boolean)
    .map((line) => (JSON.parse(line) as DeletionEvent).file!.path);
}

const START = Date.UTC(2026, 10, 24);
const changed = (path: string, change: (event: DeletionEvent) => object): LineParts => ({
  path,
  change: (event) => ({ ...event, ...change(event) }),
});

describe('the conditions of search', () => {
  const log = fileWith(
    logText([
      { path: '/srv/app/plain', time: START },
      { path: '/srv/app/later', time: START + 3_600_000 },
      changed('/srv/operation', ({ event }) => ({ event: { ...event, action: 'rmdir' } })),
      changed('/srv/failed', ({ event }) => ({ event: { ...event, outcome: 'failure' }, error: { code: 'EPERM' } })),
      changed('/srv/unknown', ({ event: { outcome: _none, ...event } }) => ({ event })),
      changed('/srv/watch', () => ({ rule: { name: ['data', 'other'] } })),
      changed('/srv/process', ({ process }) => ({
        process: { ...process, name: 'python3', executable: '/opt/py/bin/python3.11', pid: 77 },
      })),
      changed('/srv/user', () => ({ user: { id: '33', name: 'www-data' } })),
      changed('/srv/effective', () => ({ user: { id: '1000', name: 'ann', effective: { id: '4242', name: 'svc' } } })),
      changed('/srv/login', ({ rmwatch: details }) => ({ rmwatch: { ...details, login_uid: '1234' } })),
      changed('/srv/container', () => ({ container: { id: 'feedface00' } })),
      changed('/srv/large', ({ file }) => ({ file: { ...file, size: 65_537 } })),
      changed('/srv/moved', ({ event, rmwatch: details }) => ({
        event: { ...event, action: 'move', type: ['change'] },
        rmwatch: { ...details, moved_to: '/trash/moved', moved_to_complete: true },
      })),
      changed('/data/in-container', ({ rmwatch: details }) => ({ rmwatch: { ...details, host_path: '/vol/1/x' } })),
    ]),
  );

  it.each([
    [['/srv/app'], ['/srv/app/plain', '/srv/app/later']],
    [['/srv/**/lat*'], ['/srv/app/later']],
    [
      ['/srv/login', '/srv/large'],
      ['/srv/login', '/srv/large'],
    ],
    [['/vol/1'], ['/data/in-container']],
    [['/srv/app', '--since', '2026-11-24T00:30:00Z'], ['/srv/app/later']],
    [['/srv/app', '--since', '2026-11-24T00:00:00Z', '--until', '2026-11-24T00:00:00Z'], ['/srv/app/plain']],
    [['--operation', 'rmdir'], ['/srv/operation']],
    [
      ['--operation', 'rmdir', '--operation', 'move'],
      ['/srv/operation', '/srv/moved'],
    ],
    [
      ['--outcome', 'failure', '--outcome', 'unknown'],
      ['/srv/failed', '/srv/unknown'],
    ],
    [['--watch', 'other'], ['/srv/watch']],
    [['--process', 'python3'], ['/srv/process']],
    [['--process', 'python3.11'], ['/srv/process']],
    [['--process', '/opt/py/bin/python3.11'], ['/srv/process']],
    [['--process', 'python'], []],
    [['--pid', '77'], ['/srv/process']],
    [['--user', 'www-data'], ['/srv/user']],
    [['--user', '33'], ['/srv/user']],
    [['--user', 'svc'], ['/srv/effective']],
    [['--user', '4242'], ['/srv/effective']],
    [['--login-user', '1234'], ['/srv/login']],
    [['--container', 'feed'], ['/srv/container']],
    [['--container', 'face'], []],
    [['--larger-than', '64KiB'], ['/srv/large']],
    [['/srv', '--user', 'www-data', '--operation', 'rmdir'], []],
    [['/srv', '--process', 'rm', '--container', 'feed', '--watch', 'app-data'], ['/srv/container']],
  ])('%j', async (conditions, expected) => {
    const result = await rmwatch('search', '--json', '--input', log, ...conditions);
    expect(paths(result)).toEqual(expected);
    expect(result.code).toBe(expected.length > 0 ? 0 : 3);
  });

  it('says where what was moved is now', async () => {
    const { out } = await rmwatch('search', '--input', log, '/srv/moved');
    expect(out).toContain('  /srv/moved -> /trash/moved  ');
  });

  it.each([
    [['--since', '1h'], '--since: expected a time such as'],
    [['--since', 'now', '--until', '-1h'], '--since is later than --until'],
    [['--operation', 'unlnk'], 'did you mean "unlink"?'],
    [['--pid', 'rm'], 'use --process rm'],
    [['--larger-than', '5MB'], 'did you mean "5MiB"?'],
    [['--watch', 'App Data'], 'did you mean "app-data"?'],
    [['--limit', '0'], '--limit must be a number from 1 to 100000'],
    [['--count', '--by', 'user'], 'exclude each other'],
    [['--args', '--count'], '--args and --count exclude each other'],
    [['--args', '--by', 'user'], '--args and --by exclude each other'],
    [['--by', 'usr'], 'did you mean "user"?'],
    [['/srv/**x'], '"**" must stand alone'],
    [['--login-user', 'rooot'], 'did you mean "root"?'],
    [['--proces', 'rm'], 'did you mean "--process"?'],
  ])('%j is wrong usage', async (argv, message) => {
    const result = await rmwatch('search', '--input', log, ...argv);
    expect(result).toMatchObject({ code: 2, out: '' });
    expect(result.err).toContain(message);
  });

  it('knows the users of this host when the record is its own', async () => {
    const result = await rmwatch('search', '--user', 'rooot');
    expect(result).toMatchObject({
      code: 2,
      err: expect.stringContaining('no user "rooot" on this host, did you mean "root"?'),
    });
  });
});

describe('the record that search goes through', () => {
  const hour = (index: number): number => START + index * 3_600_000;
  const part = (from: number, to: number): string =>
    logText(
      Array.from({ length: to - from }, (_, index) => ({
        path: `/srv/${from + index}`,
        time: hour(from + index),
        sequence: from + index,
      })),
    );

  function rotatedLog(): { config: string; directory: string } {
    const directory = mkdtempSync(join(root, 'rotated-'));
    const log = join(directory, 'events.json');
    writeFileSync(log, part(10, 12));
    writeFileSync(`${log}.1`, part(7, 10));
    writeFileSync(`${log}.2.gz`, gzipSync(part(4, 7)));
    writeFileSync(join(directory, 'plain'), part(1, 4));
    execFileSync('zstd', ['-q', '--rm', join(directory, 'plain'), '-o', `${log}.3.zst`]);
    const config = join(directory, 'rmwatch.yaml');
    writeFileSync(config, `log: {output: ${log}}`);
    return { config, directory };
  }

  it('is the log of the configuration with its rotated and compressed files, oldest first', async () => {
    const { config } = rotatedLog();
    const all = Array.from({ length: 11 }, (_, index) => `/srv/${index + 1}`);
    const result = await rmwatch('search', '--json', '--config', config);
    expect(paths(result)).toEqual(all);
    expect(result.err).not.toContain('gap');
    expect(result.err).not.toContain('missing');
    expect(paths(await rmwatch('search', '--json', '--reverse', '--config', config))).toEqual([...all].reverse());
    expect(paths(await rmwatch('search', '--json', '--limit', '4', '--config', config))).toEqual(all.slice(-4));
    expect(paths(await rmwatch('search', '--json', '--limit', '6', '--reverse', '--config', config))).toEqual(
      [...all].reverse().slice(0, 6),
    );
    const since = new Date(hour(3)).toISOString();
    const until = new Date(hour(8)).toISOString();
    expect(paths(await rmwatch('search', '--json', '--since', since, '--until', until, '--config', config))).toEqual(
      all.slice(2, 8),
    );
  });

  it('opens no file that the bounds leave out to its end, and no older one than it needs', async () => {
    const { config, directory } = rotatedLog();
    // Torn in the middle: whoever reads it to its end has to say so.
    const file = join(directory, 'events.json.2.gz');
    writeFileSync(file, readFileSync(file).subarray(0, 150));
    const torn = await rmwatch('search', '--config', config);
    expect(torn).toMatchObject({
      code: 1,
      err: expect.stringContaining('events.json.2.gz: gzip: unexpected end of file'),
    });
    expect((await rmwatch('search', '--limit', '5', '--config', config)).code).toBe(0);
    const since = new Date(hour(9)).toISOString();
    expect((await rmwatch('search', '--since', since, '--config', config)).code).toBe(0);
  });

  it('finds nothing twice, and misses nothing, when a rotation comes between', async () => {
    const { config, directory } = rotatedLog();
    const log = join(directory, 'events.json');
    renameSync(`${log}.1`, `${log}.9`);
    renameSync(log, `${log}.1`);
    expect(paths(await rmwatch('search', '--json', '--config', config))).toHaveLength(11);
  });

  it('says with the result what is missing from it', async () => {
    const lost = JSON.stringify({ ...EVENTS_LOST, '@timestamp': '2026-11-24T02:00:00.000000000Z' });
    const log = fileWith(`${part(1, 3)}${lost}\n${part(5, 6)}${part(1, 2)}`);
    const { err, code } = await rmwatch('search', '/nowhere', '--input', log);
    expect(code).toBe(3);
    expect(err).toContain('no deletion found');
    expect(err).toContain('coverage unknown');
    expect(err).toContain('127 events were lost');
    expect(err).toContain('2 lines are missing');
    expect(err).toContain('the daemon was restarted');
  });

  it('says since when the record tells what was watched, and where nothing was', async () => {
    const time = (minute: number) => new Date(Date.UTC(2026, 10, 24, 2, minute));
    const details = { run: 'a'.repeat(16), attach: 'kprobe' as const, config_hash: 'b'.repeat(64) };
    const own = { host: { name: 'web-3' }, message: 'x', details };
    const started = daemonLine('started', { ...own, at: time(0) });
    const span = { start: time(10), end: time(14) };
    const gap = { run: 'c'.repeat(16), sequence: 1, stopped: false };
    const lines = [
      started,
      logLine({ time: time(5).getTime(), sequence: 1 }),
      daemonLine('gap', { ...own, at: time(14), span, details: { ...details, gap } }),
      daemonLine('started', { ...own, at: time(14) }),
      logLine({ time: time(20).getTime(), sequence: 1 }),
    ];
    const log = fileWith(`${lines.join('\n')}\n`);
    const between = ['--since', '2026-11-24 02:08', '--until', '2026-11-24 02:16'];
    const { err, code } = await rmwatch('search', '/nowhere', '--input', log, ...between);
    expect(code).toBe(3);
    expect(err).not.toContain('coverage unknown');
    expect(err).toMatch(/gap: nothing was watched between .*10:00.* and .*14:00.*: the daemon ended without a stop/);
    expect(err.match(/gap:/g)).toHaveLength(1);
    const before = await rmwatch('search', '/nowhere', '--input', log, '--since', '2026-11-24 01:00');
    expect(before.err).toMatch(/coverage unknown before .*00:00/);
  });

  it('leaves out lines that are torn, foreign or too long, tells how many, and prints none of them', async () => {
    const foreign = ['\x1b]0;owned\x07', '{"a":1}', 'null', '[]', '{"event":{}}', 'x'.repeat(3 << 20)];
    const evil = JSON.stringify({
      ...JSON.parse(logLine({ path: '/srv/evil' })),
      process: { pid: 1, name: ['\x1b[2J'] },
    });
    const torn = logLine({ path: '/srv/torn' }).slice(0, 400);
    const log = fileWith([...foreign, evil, torn, `${logLine({ path: '/srv/right' })}`, ''].join('\n'));
    const result = await rmwatch('search', '--input', log);
    expect(result.code).toBe(0);
    expect(result.out).toContain('/srv/right');
    expect(result.out.split('\n')).toHaveLength(2);
    expect(result.err).toContain('8 lines were torn or no lines of rmwatch');
    expect(result.out + result.err).not.toContain('\x1b');
    expect(result.out + result.err).not.toContain('owned');
  });

  it('tells a last line that is being written, and goes on without it', async () => {
    const log = fileWith(part(1, 3));
    appendFileSync(log, logLine({ path: '/srv/half' }).slice(0, 500));
    const result = await rmwatch('search', '--json', '--input', log);
    expect(paths(result)).toEqual(['/srv/1', '/srv/2']);
    expect(result.err).toContain('1 line was torn');
  });

  it('does not follow links, and says which source cannot be read', async () => {
    const link = join(root, 'link');
    symlinkSync(fileWith(part(1, 2)), link);
    expect(await rmwatch('search', '--input', link)).toMatchObject({
      code: 1,
      err: expect.stringContaining('is a symbolic link; name the file itself'),
    });
    expect(await rmwatch('search', '--input', join(root, 'absent'))).toMatchObject({ code: 1 });
    expect(await rmwatch('search', '--config', join(root, 'absent.yaml'))).toMatchObject({ code: 6 });
  });
});

describe('the output of search', () => {
  it('escapes what a terminal obeys', async () => {
    const log = fileWith(logText([{ path: '/srv/\u202eevil\u0007' }]));
    const { out } = await rmwatch('search', '--input', log);
    expect(out).toContain('/srv/\\u202eevil\\x07');
  });

  it('counts', async () => {
    const log = fileWith(logText([{ path: '/a/x.db' }, { path: '/a/y.db' }, { path: '/b/z.log' }]));
    expect((await rmwatch('search', '--count', '--input', log)).out).toBe('3\n');
    expect((await rmwatch('search', '--count', '--json', '/a', '--input', log)).out).toBe('{"count":2}\n');
    expect((await rmwatch('search', '--by', 'directory', '--json', '--input', log)).out).toBe(
      '{"directory":"/a","count":2,"freed_bytes":8192}\n{"directory":"/b","count":1,"freed_bytes":4096}\n',
    );
    const table = (await rmwatch('search', '--by', 'extension', '--limit', '1', '--input', log)).out;
    expect(table).toBe(`2  8.0 KiB freed  ${'█'.repeat(24)}  .db\n`);
  });

  it('goes backwards through more than fits into memory at once', async () => {
    const long = 'n'.repeat(30_000);
    const lines = Array.from({ length: 1_500 }, (_, index) => ({ path: `/srv/${index}-${long}`, sequence: index + 1 }));
    const log = fileWith(gzipSync(logText(lines), { level: 1 }));
    const result = await rmwatch('search', '--json', '--reverse', '--input', log);
    expect(paths(result).map((path) => Number.parseInt(path.slice(5), 10))).toEqual(
      Array.from({ length: 1_500 }, (_, index) => 1_499 - index),
    );
  });
});
