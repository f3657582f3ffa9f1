import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { validate } from '../../../src/cli/validate.js';
import { loadConfig } from '../../../src/config/load.js';
import { formatProblem } from '../../../src/config/problem.js';

let directory: string;
let file: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'rmwatch-conf-d-'));
  file = join(directory, 'rmwatch.yaml');
  mkdirSync(join(directory, 'conf.d'));
  writeFileSync(file, 'watches: [{ name: main, include: ["/a/**"] }]\nhttp: { listen: off }\n');
});

afterEach(() => rmSync(directory, { recursive: true }));

function add(name: string, text: string): string {
  const path = join(directory, 'conf.d', name);
  writeFileSync(path, text);
  return path;
}

const watchOf = (name: string) => `watches: [{ name: ${name}, include: ["/${name}/**"] }]\n`;

async function names(): Promise<string[]> {
  const loaded = await loadConfig(file);
  if ('problems' in loaded) throw new Error(loaded.problems.map(formatProblem).join('\n'));
  return loaded.config.watches.map(({ name }) => name);
}

async function problems(): Promise<string[]> {
  const loaded = await loadConfig(file);
  if ('config' in loaded) throw new Error('there is no problem');
  return loaded.problems.map((problem) => formatProblem(problem).slice(directory.length + 1));
}

describe('the files of conf.d', () => {
  it('add their watches, in the order of their names', async () => {
    add('20-b.yaml', watchOf('second'));
    add('10-a.yaml', watchOf('first'));
    add('30-empty.yaml', '# watches:\n');
    add('40-none.yaml', 'watches:\n');
    expect(await names()).toEqual(['main', 'first', 'second']);
  });

  it('are those that end in .yaml and do not begin with a dot', async () => {
    for (const name of ['.hidden.yaml', 'a.yaml~', 'a.yml', 'README', 'a.yaml.dpkg-old']) add(name, 'nonsense');
    expect(await names()).toEqual(['main']);
  });

  it('stand alone where the file has no watches, or is not there', async () => {
    add('a.yaml', watchOf('only'));
    writeFileSync(file, 'http: { listen: off }\n');
    expect(await names()).toEqual(['only']);
    rmSync(file);
    const loaded = await loadConfig(undefined, file);
    expect(loaded).toMatchObject({ file, config: { watches: [{ name: 'only' }] } });
  });

  it('leave the default watch where there is none at all', async () => {
    writeFileSync(file, 'http: { listen: off }\n');
    expect(await names()).toEqual(['all']);
  });

  it('hold watches only, and mistakes of all files come at once with their places', async () => {
    add('a.yaml', 'log: { level: debug }\nwatches: []\n');
    add('b.yaml', '\nwatches: [{ name: b }]\n');
    writeFileSync(file, 'watchs: []\n');
    expect(await problems()).toEqual([
      'rmwatch.yaml:1:1: watchs: unknown key, did you mean "watches"?',
      'conf.d/a.yaml:1:1: log: a file of conf.d holds watches only',
      expect.stringMatching(/^conf\.d\/b\.yaml:2:11: watches\[0\]\.include: /),
    ]);
  });

  it('may not use a name that another file has', async () => {
    add('a.yaml', `# comment\n${watchOf('main')}`);
    add('b.yaml', watchOf('main'));
    expect(await problems()).toEqual([
      `conf.d/a.yaml:2:19: watches[0].name: "main" is already the name of the watch in ${file}:1`,
      `conf.d/b.yaml:1:19: watches[0].name: "main" is already the name of the watch in ${file}:1`,
    ]);
  });

  it('are told of when they cannot be read', async () => {
    mkdirSync(join(directory, 'conf.d/dir.yaml'));
    symlinkSync('/nonexistent', join(directory, 'conf.d/gone.yaml'));
    expect(await problems()).toEqual([expect.stringMatching(/^conf\.d\/dir\.yaml:1:1: cannot be read: .*EISDIR/)]);
    rmSync(join(directory, 'conf.d'), { recursive: true });
    writeFileSync(join(directory, 'conf.d'), '');
    expect(await problems()).toEqual([expect.stringMatching(/^conf\.d:1:1: cannot be read: ENOTDIR/)]);
  });

  it('are counted by validate, and its notes name the file that they are about', async () => {
    const other = add('a.yaml', 'watches:\n  - name: noted\n    include: ["/n/**"]\n    ignore: { processes: [rm] }\n');
    let out = '';
    let err = '';
    const stream = (take: (text: string) => void) => ({ write: (text: string) => take(text) }) as never;
    const io = { stdout: stream((text) => (out += text)), stderr: stream((text) => (err += text)) };
    expect(await validate({ file, pid: undefined, json: false, strict: false }, io, () => process.stdin)).toBe(0);
    expect(out).toBe(`${file} with 1 file of conf.d is valid: 2 watches\n`);
    expect(err).toContain(`${other}:4:27: watches[0].ignore.processes[0]: note: any user can name a program "rm"`);
  });
});
