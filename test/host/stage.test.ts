import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { anchorsOf, brokenLinks } from '../lib/markdown-links.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const EPOCH = 1_700_000_000;

let scratch: string;
let tree: string;

function stage(directory: string) {
  return spawnSync(process.execPath, [path.join(ROOT, 'scripts/stage.mjs'), directory], {
    encoding: 'utf8',
    env: { ...process.env, SOURCE_DATE_EPOCH: String(EPOCH) },
  });
}

function run(command: string, args: string[], options: { readonly cwd?: string } = {}) {
  // Neither the caller's libraries nor its modules: what is not in the tree must be missed.
  const env = { PATH: `${path.dirname(process.execPath)}:/usr/bin:/bin` };
  return spawnSync(command, args, { encoding: 'utf8', env, timeout: 15_000, ...options });
}

/** Every file with what a package records of it. */
function manifest(directory: string): string[] {
  return fs
    .readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((name) => {
      const { mode, mtimeMs, size } = fs.lstatSync(path.join(directory, name));
      return `${name} ${mode.toString(8)} ${mtimeMs} ${size}`;
    });
}

beforeAll(() => {
  scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'rmwatch-stage-'));
  tree = path.join(scratch, 'tree');
  const { status, stderr } = stage(tree);
  expect(stderr).toBe(`rmwatch: staged in ${tree}\n`);
  expect(status).toBe(0);
});

afterAll(() => fs.rmSync(scratch, { recursive: true, force: true }));

describe('the staged tree', () => {
  it('has the files of a package', () => {
    const files = [
      'etc/logrotate.d/rmwatch',
      'etc/rmwatch/rmwatch.yaml',
      'usr/bin/rmwatch',
      'usr/lib/rmwatch/build/Release/rmwatch.node',
      'usr/lib/rmwatch/build/Release/lib/libbpf.so.1',
      'usr/lib/rmwatch/dist/bundle/assets/page.html',
      'usr/lib/rmwatch/dist/bundle/main.js',
      'usr/lib/rmwatch/package.json',
      'usr/lib/rmwatch/systemd/kprobe.conf',
      'usr/lib/systemd/system/rmwatch.service',
      'usr/lib/sysusers.d/rmwatch.conf',
      'usr/share/bash-completion/completions/rmwatch',
      'usr/share/doc/rmwatch/copyright',
      'usr/share/rmwatch/docs/operations.md',
      'usr/share/rmwatch/docs/picture.svg',
      'usr/share/rmwatch/kubernetes/rmwatch.yaml',
      'usr/share/rmwatch/README.md',
      'usr/share/rmwatch/rmwatch.schema.json',
      'usr/share/zsh/vendor-completions/_rmwatch',
    ];
    expect(files.filter((file) => !fs.existsSync(path.join(tree, file)))).toEqual([]);
  });

  it('has the manual, in which every link leads somewhere', () => {
    const share = path.join(tree, 'usr/share/rmwatch');
    const pages = fs
      .readdirSync(share, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.md'))
      .map((name) => path.join(share, name));
    expect(pages.length).toBeGreaterThan(20);
    expect(
      pages.map((page) => ({ page, broken: brokenLinks(page) })).filter(({ broken }) => broken.length > 0),
    ).toEqual([]);
  });

  it('has the section that each alert leads to', () => {
    const rules = fs.readFileSync(path.join(tree, 'usr/share/rmwatch/prometheus/rules.yml'), 'utf8');
    const urls = [...rules.matchAll(/^ +runbook_url: file:\/\/(.*)#(.*)$/gm)];
    expect(urls.length).toBe(rules.match(/^ +- alert: /gm)!.length);
    for (const [, file, anchor] of urls) expect(anchorsOf(path.join(tree, file!))).toContain(anchor);
  });

  it('tells the licence of every package that it contains', () => {
    const text = fs.readFileSync(path.join(tree, 'usr/share/doc/rmwatch/copyright'), 'utf8');
    const { dependencies } = JSON.parse(fs.readFileSync(path.join(ROOT, 'package.json'), 'utf8'));
    for (const name of Object.keys(dependencies))
      expect(text).toMatch(new RegExp(`^${name} \\d+\\..*, from the npm registry`, 'm'));
  });

  it('has nothing of the checkout', () => {
    const links = fs
      .readdirSync(tree, { recursive: true, encoding: 'utf8' })
      .filter((name) => fs.lstatSync(path.join(tree, name)).isSymbolicLink());
    expect(links).toEqual([]);
  });

  it('lets only the command be executed, and all be read', () => {
    const odd = manifest(tree).filter((line) => !/ (40755|100644) /.test(line));
    expect(odd.map((line) => line.split(' ')[0])).toEqual(['usr/bin/rmwatch']);
  });

  it('runs where it was laid out, also through a link', () => {
    const link = path.join(scratch, 'link');
    fs.symlinkSync(path.join(tree, 'usr/bin/rmwatch'), link);
    const { version } = JSON.parse(fs.readFileSync(path.join(ROOT, 'package.json'), 'utf8'));
    for (const command of [path.join(tree, 'usr/bin/rmwatch'), link]) {
      const { status, stdout, stderr } = run(command, ['version'], { cwd: '/' });
      expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: `rmwatch ${version}\n`, stderr: '' });
    }
  });

  it('has what the page for browsers is made of, and its thread', () => {
    const bundle = path.join(tree, 'usr/lib/rmwatch/dist/bundle');
    const sent = fs.readdirSync(path.join(ROOT, 'src/page/assets')).filter((name) => name.startsWith('page.'));
    expect(fs.readdirSync(path.join(bundle, 'assets')).sort()).toEqual(sent.sort());
    const script = `
      const { Worker } = require('node:worker_threads');
      const thread = new Worker(process.argv[1], { workerData: { run: 'x' } });
      thread.postMessage({ kind: 'lines', bytes: new Uint8Array(0), events: 0 });
      thread.once('message', ({ kind }) => { console.log(kind); process.exit(); });`;
    const { stdout, stderr } = run(process.execPath, ['-e', script, path.join(bundle, 'page-thread.js')]);
    expect({ stdout, stderr }).toEqual({ stdout: 'done\n', stderr: '' });
  });

  it('does not start without a standard output for its events', () => {
    const config = path.join(scratch, 'rmwatch.yaml');
    fs.writeFileSync(config, 'http: { listen: "off" }\n');
    const shell = (command: string) => run('/bin/sh', ['-c', command, path.join(tree, 'usr/bin/rmwatch'), config]);
    const message = 'rmwatch: standard output is closed, but the events go there; name a file by --log or log.output\n';
    expect(shell('exec "$0" run --config "$1" >&-')).toMatchObject({ status: 6, stderr: message });
    expect(shell('exec "$0" run --config "$1" <&- >&-')).toMatchObject({ status: 6, stderr: message });
    expect(shell('exec "$0" run --config "$1" >&- 2>&-')).toMatchObject({ status: 6 });
    const { status, stderr } = shell('exec "$0" version >&-');
    expect({ status, stderr }).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('cannot write to standard output: EBADF'),
    });
  });

  it('starts where its events have somewhere to go, be it /dev/null', () => {
    const config = path.join(scratch, 'listen.yaml');
    fs.writeFileSync(config, 'http: { listen: "unix:/proc/none/http.sock" }\n');
    for (const elsewhere of [`--log ${scratch}/events >&-`, '>/dev/null', `>${scratch}/out`, '| cat']) {
      const command = `"$0" run --config "$1" ${elsewhere}`;
      const { stderr } = run('/bin/sh', ['-c', command, path.join(tree, 'usr/bin/rmwatch'), config]);
      // The next thing that stands in the way.
      expect(stderr).toMatch(/cannot serve HTTP|not privileged/);
      expect(stderr).not.toContain('standard output');
    }
  });

  it('takes its own libraries, those of the C library apart', () => {
    const script = `
      process.dlopen({ exports: {} }, '${tree}/usr/lib/rmwatch/build/Release/rmwatch.node');
      console.log(require('node:fs').readFileSync('/proc/self/maps', 'utf8'));`;
    const { status, stdout, stderr } = run(process.execPath, ['-e', script]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const loaded = new Set(stdout.match(/\/\S*lib(bpf|elf|z|zstd)\.so\S*/g));
    expect(loaded.size).toBeGreaterThanOrEqual(3);
    expect([...loaded].filter((file) => !file.startsWith(`${tree}/usr/lib/rmwatch/build/Release/lib/`))).toEqual([]);
  });

  it('is the same every time', () => {
    const again = path.join(scratch, 'again');
    expect(stage(again).status).toBe(0);
    expect(manifest(again)).toEqual(manifest(tree));
    expect(manifest(again).every((line) => line.includes(` ${EPOCH}000 `))).toBe(true);
    expect(run('diff', ['--recursive', tree, again])).toMatchObject({ status: 0, stdout: '' });
  });

  it('prefers a Node.js of its own', () => {
    const own = path.join(tree, 'usr/lib/rmwatch/node');
    fs.writeFileSync(own, '#!/bin/sh\necho "own node: $*"\n', { mode: 0o755 });
    try {
      const { stdout } = run(path.join(tree, 'usr/bin/rmwatch'), ['version']);
      expect(stdout).toBe(
        `own node: --max-semi-space-size=4 --inspect-port=[fe80::1]:9229 ${tree}/usr/lib/rmwatch/dist/bundle/main.js version\n`,
      );
    } finally {
      fs.rmSync(own);
    }
  });
});

it('does not write into a directory that holds something', () => {
  const taken = path.join(scratch, 'taken');
  fs.mkdirSync(taken);
  fs.writeFileSync(path.join(taken, 'file'), '');
  expect(stage(taken)).toMatchObject({ status: 1, stderr: `rmwatch: cannot stage: ${taken} is not empty\n` });
  expect(fs.readdirSync(taken)).toEqual(['file']);
});
