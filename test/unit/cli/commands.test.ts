import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { dispatch } from '../../../src/cli/dispatch.js';
import { SourceLines } from '../../../src/cli/source-lines.js';
import { EventSocket } from '../../../src/socket/event-socket.js';
import { countersNow } from '../../lib/counters-now.js';

const directory = realpathSync(mkdtempSync(join(tmpdir(), 'rmwatch-cli-')));
afterAll(() => rmSync(directory, { recursive: true }));

function fileWith(text: string): string {
  const file = join(directory, `${Math.random()}.yaml`);
  writeFileSync(file, text);
  return file;
}

async function rmwatch(...argv: string[]): Promise<{ code: number; out: string; err: string; called: unknown[] }> {
  const result = { code: -1, out: '', err: '', called: [] as unknown[] };
  const commands = {
    run: (options: unknown) => {
      result.called.push('run', options);
      return 69;
    },
    doctor: async (options: unknown) => {
      result.called.push('doctor', options);
      return 4;
    },
  };
  const writer = (key: 'out' | 'err') => ({
    write: (text: string) => {
      result[key] += text;
    },
  });
  result.code = await dispatch(argv, commands, { stdout: writer('out'), stderr: writer('err') });
  return result;
}

describe('dispatch', () => {
  it('hands run and doctor their options and returns their exit codes', async () => {
    expect(await rmwatch('--attach', 'kprobe', '--log', '/l')).toMatchObject({
      code: 69,
      called: ['run', { config: undefined, attach: 'kprobe', format: undefined, log: '/l' }],
    });
    expect(await rmwatch('doctor', '--json')).toMatchObject({ code: 4, called: ['doctor', { json: true }] });
  });

  it('prints help to stdout, wrong usage to stderr with code 2', async () => {
    expect(await rmwatch('--help')).toMatchObject({ code: 0, out: expect.stringContaining('Usage: '), err: '' });
    expect(await rmwatch('rnu')).toMatchObject({
      code: 2,
      out: '',
      err: expect.stringContaining('did you mean "run"?'),
    });
  });

  it('prints the version', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'));
    expect(await rmwatch('version')).toMatchObject({ code: 0, out: `rmwatch ${version}\n` });
  });
});

describe('validate', () => {
  it('accepts a good file', async () => {
    const file = fileWith('http: {listen: off}');
    expect(await rmwatch('validate', file)).toMatchObject({ code: 0, out: `${file} is valid: 1 watch\n`, err: '' });
    expect(JSON.parse((await rmwatch('validate', file, '--json')).out)).toEqual({
      file,
      valid: true,
      problems: [],
      notes: [],
    });
  });

  it('expands braces, and refuses what only a shell expands, with its place', async () => {
    const braces = fileWith('watches:\n  - name: a\n    include: ["/var/log/*.{log,gz}"]\n');
    const { out } = await rmwatch('explain', '/var/log/a.gz', '/var/log/a.txt', '--config', braces);
    expect(out).toMatch(/match {5}included by \/var\/log\/\*\.gz[\s\S]*no match {2}no include pattern/);
    expect(await rmwatch('validate', '--strict', braces)).toMatchObject({
      code: 0,
      out: `${braces} is valid: 1 watch\n`,
      err: 'watch a: /var/log/*.{log,gz} stands for /var/log/*.log, /var/log/*.gz\n',
    });
    const many = fileWith('watches:\n  - name: b\n    include: ["/a/**"]\n    exclude: ["/a/{1,2,3,4,5,6}"]\n');
    expect((await rmwatch('validate', many)).err).toContain('stands for /a/1, /a/2, /a/3, /a/4, 2 more\n');
    const dollar = await rmwatch('validate', fileWith('watches:\n  - name: a\n    include: ["/home/$USER/**"]\n'));
    expect(dollar).toMatchObject({ code: 6 });
    expect(dollar.err).toContain(':3:15: watches[0].include[0]: "$" is not expanded; write the value itself');
  });

  it('names paths where nothing exists, which is no mistake', async () => {
    symlinkSync('nowhere', join(directory, 'dangling'));
    const include = [join(directory, 'absent'), join(directory, 'dangling'), join(directory, 'absent.pid')];
    const of = (more: object) =>
      fileWith(JSON.stringify({ watches: [{ name: 'a', include, exclude: null, ...more }] }));
    const hint =
      `watch a: ${include[0]} does not exist. The pattern matches a file or directory of this name alone; ` +
      `for everything below a directory write "${include[0]}/**"\n`;
    expect(await rmwatch('validate', '--strict', of({}))).toMatchObject({ code: 0, err: hint });
    // Those paths are not this host's, or the names may have other letters.
    expect(await rmwatch('validate', of({ view: 'process' }))).toMatchObject({ code: 0, err: '' });
    expect(await rmwatch('validate', of({ case_insensitive: true }))).toMatchObject({ code: 0, err: '' });
  });

  it('names no more than twenty of them', async () => {
    const include = Array.from({ length: 30 }, (_, at) => join(directory, `absent-${at}`));
    const { err } = await rmwatch('validate', fileWith(JSON.stringify({ watches: [{ name: 'a', include }] })));
    expect(err.split('\n')).toHaveLength(22);
    expect(err).toContain('\nand 10 more such lines\n');
  });

  it('names patterns that lead through a symbolic link', async () => {
    mkdirSync(join(directory, 'run'));
    symlinkSync('run', join(directory, 'var-run'));
    const file = fileWith(`watches:\n  - name: a\n    include: ["/srv/**", "${directory}/var-run/**"]\n`);
    const result = await rmwatch('validate', file);
    expect(result).toMatchObject({ code: 0, out: `${file} is valid: 1 watch\n` });
    expect(result.err).toBe(
      `${file}:3:26: watches[0].include[1]: note: ${directory}/var-run is reached through a symbolic link ` +
        `and is ${directory}/run: ${directory}/run/** counts, too\n` +
        `      include: ["/srv/**", "${directory}/var-run/**"]\n${' '.repeat(27)}^\n`,
    );
    const { notes } = JSON.parse((await rmwatch('validate', '--json', file)).out);
    expect(notes).toMatchObject([{ line: 3, column: 26, path: 'watches[0].include[1]' }]);
  });

  it('names patterns that match nothing, or a directory alone, and fails then when it is strict', async () => {
    mkdirSync(join(directory, 'full', 'of'), { recursive: true });
    writeFileSync(join(directory, 'file'), '');
    const at = (name: string) => join(directory, name);
    const include = ['full', 'full/of/**', 'file', 'file/**', 'none', 'full/{of,x}'].map((name) => `"${at(name)}"`);
    const file = fileWith(
      `watches:\n  - {name: a, include: [${include}]}\n` +
        `  - {name: b, include: ["/proc/**", "/srv/a/*.db", "/srv"], exclude: ["/srv/**"]}\n` +
        `  - {name: c, include: ["/srv/c/**"], exclude: ["**"]}\n`,
    );
    const alone = (path: string) =>
      `note: ${path} is a directory: the pattern matches it alone; for everything below it write "${path}/**"`;
    const { code, err } = await rmwatch('validate', file);
    expect(code).toBe(0);
    expect(err.split('\n').filter((line) => line.includes('note:'))).toEqual([
      expect.stringContaining(`watches[0].include[0]: ${alone(at('full'))}`),
      expect.stringContaining(`watches[0].include[3]: note: ${at('file')}/** never matches: ${at('file')} is not a`),
      expect.stringContaining(`watches[0].include[5]: ${alone(at('full/of'))}`),
      expect.stringContaining('watches[1].include[0]: note: /proc/** never matches: no name can be removed in /proc'),
      expect.stringContaining('watches[1].include[1]: note: /srv/a/*.db never matches: the watch excludes /srv/**'),
      expect.stringContaining(`watches[1].include[2]: ${alone('/srv')}`),
      expect.stringContaining('watches[2].include[0]: note: /srv/c/** never matches: the watch excludes **'),
    ]);
    expect(await rmwatch('validate', '--strict', file)).toMatchObject({ code: 6, err });
    expect(await rmwatch('validate', '--strict', fileWith('http: {listen: off}'))).toMatchObject({ code: 0 });
  });

  it('names executables that any user can have, or that events name otherwise', async () => {
    writeFileSync(join(directory, 'program'), '');
    symlinkSync('program', join(directory, 'alias'));
    const names = `logrotate, ${directory}/alias, ${directory}/program, /not/there`;
    const file = fileWith(`watches:\n  - name: a\n    include: ["/srv/**"]\n    ignore: {processes: [${names}]}\n`);
    const lines = new SourceLines(new Map([['x', readFileSync(file, 'utf8')]]));
    const excerpt = (line: number, column: number) =>
      lines.excerpt({ file: 'x', line, column, path: 'x', message: '' });
    const [first, second] = [await excerpt(4, 26), await excerpt(4, 37)];
    const { code, err } = await rmwatch('validate', file);
    expect(code).toBe(0);
    expect(err).toBe(
      `${file}:4:26: watches[0].ignore.processes[0]: note: any user can name a program "logrotate" and delete unseen: ` +
        `write the absolute path of the executable\n${first}` +
        `${file}:4:37: watches[0].ignore.processes[1]: note: events name this executable ${directory}/program: write that\n${second}`,
    );
  });

  it('checks the file that a running daemon was started with', async () => {
    const file = fileWith('htp: {}');
    const daemon = spawn('sh', ['-c', 'sleep 60; true', '/usr/lib/main.js', 'run', '--config', basename(file)], {
      cwd: directory,
    });
    const other = spawn('sh', ['-c', 'sleep 60; true', '/usr/lib/main.js', 'search', '/a']);
    try {
      const result = await rmwatch('validate', '--pid', `${daemon.pid}`);
      expect(result).toMatchObject({ code: 6, err: expect.stringContaining(`${file}:1:1: htp: unknown key`) });
      for (const pid of [`${other.pid}`, '0', 'x'])
        expect(await rmwatch('validate', '--pid', pid)).toMatchObject({ code: 2, out: '' });
      expect(await rmwatch('validate', file, '--pid', `${daemon.pid}`)).toMatchObject({ code: 2 });
    } finally {
      daemon.kill();
      other.kill();
    }
  });

  it('names excludes that leave out nothing', async () => {
    mkdirSync(join(directory, 'data'));
    symlinkSync('data', join(directory, 'to-data'));
    const file = fileWith(`watches:
  - name: a
    include: ["/srv/data/**", "/srv/*/cache/*.db"]
    exclude: ["**/*.tmp", "/srv/data/old/**", "/var/tmp/**", "/srv/x/cache/y.db", "/srv/x/cache/y.{txt,db}", "/srv/x"]
  - name: b
    include: ["${directory}/data/**"]
    exclude: ["${directory}/to-data/a", "${directory}/data/b", "${directory}/other/**"]
  - {name: c, include: ["/srv/c/**"], exclude: ["/SRV/c/x"], case_insensitive: true}
`);
    const { code, err } = await rmwatch('validate', file);
    expect(code).toBe(0);
    const nothing = 'excludes nothing: no include pattern of the watch reaches it';
    expect(err.split('\n').filter((line) => line.includes('excludes nothing'))).toEqual([
      `${file}:4:47: watches[0].exclude[2]: note: /var/tmp/** ${nothing}`,
      `${file}:4:83: watches[0].exclude[4]: note: /srv/x/cache/y.txt ${nothing}`,
      expect.stringContaining(`watches[1].exclude[2]: note: ${directory}/other/** ${nothing}`),
    ]);
  });

  it('reads the standard input', async () => {
    const main = new URL('../../../dist/main.js', import.meta.url).pathname;
    const validated = (input: string | Buffer) =>
      spawnSync(process.execPath, [main, 'validate', '-'], { input, encoding: 'utf8' });
    expect(validated('http: {listen: off}\n')).toMatchObject({ status: 0, stdout: 'stdin is valid: 1 watch\n' });
    expect(validated('\n\tx: 1\n')).toMatchObject({ status: 6, stderr: expect.stringMatching(/^stdin:2:1: YAML: /) });
    expect(validated(Buffer.from('a: \xff\n', 'latin1')).stderr).toBe('stdin:1:1: is not valid UTF-8\n');
    expect(validated(Buffer.alloc(16 * 2 ** 20 + 1, '#')).stderr).toMatch(/^stdin:1:1: is larger than 16 MiB/);
  });

  it('lists everything wrong with a bad one', async () => {
    const file = fileWith('htp: {}\nlog: {level: x}');
    const result = await rmwatch('validate', file);
    expect(result).toMatchObject({ code: 6, out: '' });
    const [head, ...rest] = result.err.split('\n');
    expect(head).toMatch(`${file}:1:1: htp: unknown key`);
    expect(rest).toEqual([
      '  htp: {}',
      '  ^',
      expect.stringMatching(`^${file}:2:14: log\\.level: `),
      '  log: {level: x}',
      `${' '.repeat(15)}^`,
      '',
    ]);
    const json = await rmwatch('validate', '--json', file);
    expect(json.code).toBe(6);
    expect(JSON.parse(json.out)).toMatchObject({ valid: false, problems: [{ line: 1 }, { line: 2, column: 14 }] });
  });
});

describe('explain', () => {
  const file = fileWith(`watches:
  - {name: app, include: ["/srv/app/**"], exclude: ["*.tmp"]}
  - {name: data, include: ["/srv/**"], failures: true, view: process}
  - {name: home, include: ["/home/*/x"]}
`);

  it('tells which watches match, why and where', async () => {
    const result = await rmwatch('explain', '/srv/app/a.tmp', '/etc/x', '--config', file);
    expect(result).toMatchObject({ code: 0, err: '' });
    expect(result.out).toBe(`/srv/app/a.tmp
  app   no match  included by /srv/app/**, but excluded by *.tmp (decided by the daemon)
  data  match     included by /srv/** (decided by the kernel, as the process sees the path)
  home  no match  no include pattern matches (decided by the kernel)
  the kernel passes on unlink, rmdir, replace, move, and failed attempts at unlink, rmdir, replace, move, below /srv/app/

/etc/x
  app   no match  no include pattern matches (decided by the kernel)
  data  no match  no include pattern matches (decided by the kernel, as the process sees the path)
  home  no match  no include pattern matches (decided by the kernel)
  the kernel drops deletions here, no watch can want them
`);
  });

  it('does so in JSON', async () => {
    const { out } = await rmwatch('explain', '--json', '/home/u/x', '--config', file);
    expect(JSON.parse(out)).toEqual([
      {
        path: '/home/u/x',
        kernel: { prefix: '/home/', operations: ['unlink', 'rmdir', 'replace', 'move'], failures: [] },
        watches: [
          { watch: 'app', view: 'host', matched: false, include: null, exclude: null, decided_by: 'kernel', log: true },
          {
            watch: 'data',
            view: 'process',
            matched: false,
            include: null,
            exclude: null,
            decided_by: 'kernel',
            log: true,
          },
          {
            watch: 'home',
            view: 'host',
            matched: true,
            include: '/home/*/x',
            exclude: null,
            decided_by: 'daemon',
            log: true,
          },
        ],
        folds: false,
        attach: null,
        unseen: [],
      },
    ]);
  });

  it('tells what moving a directory would tell', async () => {
    const place = mkdtempSync(join(directory, 'explain-'));
    mkdirSync(join(place, 'app/data/inner'), { recursive: true });
    mkdirSync(join(place, 'other'));
    const moves = fileWith(`watches:
  - {name: data, include: ["${place}/app/data/**"]}
  - {name: dbs, include: ["${place}/*/data/*.db"]}
  - {name: deaf, include: ["${place}/**"], operations: [unlink]}
`);
    const asked = ['app', 'app/data/inner', 'other'].map((name) => join(place, name));
    const { out } = await rmwatch('explain', ...asked, join(place, 'missing'), '--config', moves);
    const told = out.split('\n').filter((line) => line.includes('moving'));
    expect(told).toEqual([
      '  moving this directory away is reported for data, dbs, of which it takes along what may lie below',
      '  moving this directory away is reported for data, which match it',
      '  moving this directory away is reported for dbs, of which it takes along what may lie below',
    ]);
    const json = await rmwatch('explain', '--json', ...asked, '--config', moves);
    expect(JSON.parse(json.out).map(({ move }: { move: object }) => move)).toEqual([
      { matching: [], below: ['data', 'dbs'] },
      { matching: ['data'], below: [] },
      { matching: [], below: ['dbs'] },
    ]);
  });

  it('tells what is folded in a burst, and what is only counted', async () => {
    const folding = fileWith(`watches:
  - {name: all, include: ["/**"], fold: true}
  - {name: counts, include: ["/srv/**"], log: false}
  - {name: plain, include: ["/srv/plain/*"]}
`);
    const { out } = await rmwatch('explain', '--json', '/x', '/srv/x', '/srv/plain/x', '--config', folding);
    expect(JSON.parse(out).map(({ folds }: { folds: boolean }) => folds)).toEqual([true, true, false]);
    const text = (await rmwatch('explain', '/srv/x', '/srv/plain/x', '--config', folding)).out;
    expect(text.split('in a burst only summaries are written')).toHaveLength(2);
    expect(text).toContain('counts  match     included by /srv/** (decided by the kernel, counted only)\n');
  });

  it('tells what the attach mode does not see', async () => {
    const limited = fileWith('probe: { attach: tracepoint }\n');
    const { out } = await rmwatch('explain', '/x', '--config', limited);
    expect(out).toContain('  in tracepoint mode, which probe.attach asks for, replace is not seen');
    expect(JSON.parse((await rmwatch('explain', '--json', '/x', '--config', limited)).out)[0]).toMatchObject({
      attach: 'tracepoint',
      unseen: ['replace'],
    });
    const whole = fileWith('probe: { attach: kprobe }\n');
    expect((await rmwatch('explain', '/x', '--config', whole)).out).not.toContain('mode');
  });

  it('asks the running daemon for its attach mode', async () => {
    const path = join(directory, 'mode.sock');
    const socket = await EventSocket.open(path, { limits: { graceMs: 200 }, onProblem: () => {} });
    const counters = setInterval(() => socket.tell({ ...countersNow({}), attach: 'tracepoint' }), 20);
    try {
      const asking = fileWith(`probe: { attach: kprobe }\nsocket: { path: ${path} }\n`);
      const { out } = await rmwatch('explain', '/x', '--config', asking);
      expect(out).toContain('  in tracepoint mode, which the running daemon has, replace is not seen');
    } finally {
      clearInterval(counters);
      await socket.close();
    }
  });

  it('follows links in the parents, not in the last name', async () => {
    mkdirSync(join(directory, 'real'));
    symlinkSync('real', join(directory, 'link'));
    const { out } = await rmwatch(
      'explain',
      '--json',
      join(directory, 'link/x'),
      join(directory, 'link'),
      '--config',
      file,
    );
    expect(JSON.parse(out).map(({ path }: { path: string }) => path)).toEqual([
      join(directory, 'real/x'),
      join(directory, 'link'),
    ]);
  });

  it('resolves what exists of a path whose parents are missing', async () => {
    symlinkSync('/etc', join(directory, 'etc'));
    const { out } = await rmwatch('explain', '--json', join(directory, 'etc/none/such/x'), '--config', file);
    expect(JSON.parse(out)[0].path).toBe('/etc/none/such/x');
  });

  it('matches patterns that lead through a symbolic link, and names them as they were written', async () => {
    mkdirSync(join(directory, 'data/old'), { recursive: true });
    symlinkSync('data', join(directory, 'srv'));
    const through = fileWith(
      `watches: [{name: a, include: ["${directory}/srv/**"], exclude: ["${directory}/srv/old/*"]}]`,
    );
    const { out } = await rmwatch(
      'explain',
      join(directory, 'srv/old/x'),
      join(directory, 'data/y'),
      '--config',
      through,
    );
    expect(out.replaceAll(directory, '')).toBe(`/data/old/x
  a  no match  included by /srv/** (by a symbolic link: /data/**), but excluded by /srv/old/* (by a symbolic link: /data/old/*) (decided by the daemon)
  the kernel passes on unlink, rmdir, replace, move below /data/

/data/y
  a  match     included by /srv/** (by a symbolic link: /data/**) (decided by the daemon)
  the kernel passes on unlink, rmdir, replace, move below /data/
`);
    const [verdict] = JSON.parse(
      (await rmwatch('explain', '--json', join(directory, 'data/y'), '--config', through)).out,
    );
    expect(verdict.watches[0]).toMatchObject({
      include: `${directory}/srv/**`,
      include_resolved: `${directory}/data/**`,
      exclude: null,
    });
  });

  it('keeps control characters from the terminal', async () => {
    expect((await rmwatch('explain', '/a\x1b[1m', '--config', file)).out).toContain('/a\\x1b[1m\n');
    expect((await rmwatch('explain', '/a\u200b', '--config', file)).out).toContain('/a\\u200b\n');
  });

  it('needs paths that are some', async () => {
    const message = 'rmwatch: explain: a PATH must not be empty\nTry: rmwatch explain --help\n';
    expect(await rmwatch('explain', '/a', '')).toMatchObject({ code: 2, out: '', err: message });
  });

  it('refuses a bad configuration', async () => {
    expect(await rmwatch('explain', '/a', '--config', fileWith('x: 1'))).toMatchObject({ code: 6, out: '' });
  });
});

describe('completion', () => {
  function complete(script: string, words: string[]): string[] {
    const program = `${script}
COMP_WORDS=("$@"); COMP_CWORD=$(( $# - 1 )); _rmwatch; (( \${#COMPREPLY[@]} )) && printf '%s\\n' "\${COMPREPLY[@]}"; true`;
    return execFileSync('bash', ['-c', program, 'bash', ...words], { encoding: 'utf8' })
      .split('\n')
      .filter(Boolean);
  }

  it('explains itself for each shell', async () => {
    const { out } = await rmwatch('completion', '--help');
    for (const shell of ['bash', 'zsh']) expect(out).toContain(`source <(rmwatch completion ${shell})`);
  });

  it('works in bash', async () => {
    const { out, code } = await rmwatch('completion', 'bash');
    expect(code).toBe(0);
    expect(complete(out, ['rmwatch', 'va'])).toEqual(['validate']);
    expect(complete(out, ['rmwatch', '--a'])).toEqual(['--attach']);
    expect(complete(out, ['rmwatch', '--attach', ''])).toEqual(['auto', 'kprobe', 'fentry', 'tracepoint']);
    expect(complete(out, ['rmwatch', 'run', '--format', 'p'])).toEqual(['pretty']);
    expect(complete(out, ['rmwatch', 'explain', '--'])).toEqual(['--config', '--json', '--help']);
    expect(complete(out, ['rmwatch', 'completion', 'z'])).toEqual(['zsh']);
    expect(complete(out, ['rmwatch', 'run', '--config', ''])).toEqual([]);
  });

  it('lists every command and option for zsh', async () => {
    const { out } = await rmwatch('completion', 'zsh');
    expect(out).toMatch(/^#compdef rmwatch\n/);
    expect(out).toContain("'--attach=[how to hook the kernel]:MODE:(auto kprobe fentry tracepoint)'");
    expect(out).toContain("'1:SHELL:(bash zsh)'");
  });
});
