import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makePackage, sharedPackage } from '../lib/packages.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const { version: VERSION } = JSON.parse(fs.readFileSync(path.join(ROOT, 'package.json'), 'utf8'));
const FLAVOURS = [
  { flavour: 'plain', name: 'rmwatch' },
  { flavour: 'bundled', name: 'rmwatch-bundled' },
] as const;

const hasLintian = spawnSync('lintian', ['--version']).status === 0;
const skipped = !hasLintian && process.env['CI'] !== 'true';
if (skipped) console.warn('test/host/package.test.ts: there is no lintian here, its verdict is skipped');

let scratch: string;
beforeAll(() => {
  scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'rmwatch-package-test-'));
});
afterAll(() => fs.rmSync(scratch, { recursive: true, force: true }));

function field(file: string, name: string): string {
  return execFileSync('dpkg-deb', ['--field', file, name], { encoding: 'utf8' }).trim();
}

describe.each(FLAVOURS)('the package $name', ({ flavour, name }) => {
  let file: string;
  let tree: string;
  let control: string;

  beforeAll(() => {
    file = sharedPackage({ flavour });
    tree = path.join(scratch, name);
    control = path.join(tree, 'DEBIAN');
    execFileSync('dpkg-deb', ['--raw-extract', file, tree]);
  });

  test('says what it is and needs', () => {
    expect(path.basename(file)).toBe(`${name}_${VERSION}-1_amd64.deb`);
    expect(field(file, 'Package')).toBe(name);
    const depends = field(file, 'Depends').split(', ');
    expect(depends[0]).toMatch(/^libc6 \(>= 2\.\d+\)$/);
    expect(depends.includes('nodejs (>= 20)')).toBe(flavour === 'plain');
    expect(fs.existsSync(path.join(tree, 'usr/lib/rmwatch/node'))).toBe(flavour === 'bundled');
    const other = FLAVOURS.find((each) => each.name !== name)!.name;
    expect([field(file, 'Conflicts'), field(file, 'Replaces')]).toEqual([other, other]);
  });

  test('has the files of a package, and the sums of all but those that administrators edit', () => {
    const files = [
      'usr/bin/rmwatch',
      'usr/lib/rmwatch/systemd/journal.conf',
      'usr/lib/rmwatch/systemd/kprobe.conf',
      'usr/lib/rmwatch/systemd/root.conf',
      'usr/lib/systemd/system/rmwatch.service',
      'usr/lib/sysusers.d/rmwatch.conf',
      'usr/share/bash-completion/completions/rmwatch',
      `usr/share/doc/${name}/changelog.Debian.gz`,
      `usr/share/doc/${name}/copyright`,
      'usr/share/man/man5/rmwatch.yaml.5.gz',
      'usr/share/man/man8/rmwatch.8.gz',
      'usr/share/rmwatch/docs/operations.md',
      'usr/share/rmwatch/rmwatch.example.yaml',
      'usr/share/zsh/vendor-completions/_rmwatch',
    ];
    expect(files.filter((each) => !fs.existsSync(path.join(tree, each)))).toEqual([]);
    expect(fs.readFileSync(path.join(control, 'conffiles'), 'utf8')).toBe(
      '/etc/logrotate.d/rmwatch\n/etc/rmwatch/rmwatch.yaml\n',
    );
    const checked = spawnSync('md5sum', ['--check', '--strict', '--quiet', path.join(control, 'md5sums')], {
      cwd: tree,
      encoding: 'utf8',
    });
    expect(checked).toMatchObject({ status: 0, stdout: '', stderr: '' });
  });

  test('names the licence of everything that it ships', () => {
    const text = fs.readFileSync(path.join(tree, `usr/share/doc/${name}/copyright`), 'utf8');
    const bundle = path.join(tree, 'usr/lib/rmwatch/dist/bundle');
    const files = fs.readdirSync(bundle).filter((file) => file.endsWith('.js'));
    const programs = files.map((file) => fs.readFileSync(path.join(bundle, file), 'utf8'));
    // The bundler marks where each module begins.
    const modules = programs.join('\n').matchAll(/^\s*\/\/ node_modules\/((?:@[^/]+\/)?[^/]+)/gm);
    const packages = [...new Set([...modules].map(([, each]) => each!))];
    const libraries = fs.readdirSync(path.join(tree, 'usr/lib/rmwatch/build/Release/lib'));
    const places = [
      ...libraries.map((each) => `/usr/lib/rmwatch/build/Release/lib/${each}`),
      ...(flavour === 'bundled' ? ['/usr/lib/rmwatch/node'] : []),
    ];
    expect(packages.length).toBeGreaterThan(10);
    expect(libraries.length).toBeGreaterThanOrEqual(3);
    expect(packages.filter((each) => !new RegExp(`^${each} \\d+\\..*, from the npm registry`, 'm').test(text))).toEqual(
      [],
    );
    expect(places.filter((place) => !text.includes(`\n${place}\n`))).toEqual([]);
  });

  test('runs where it was unpacked', () => {
    const { status, stdout, stderr } = spawnSync(path.join(tree, 'usr/bin/rmwatch'), ['version'], {
      encoding: 'utf8',
      env: { PATH: `${path.dirname(process.execPath)}:/usr/bin:/bin` },
    });
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: `rmwatch ${VERSION}\n`, stderr: '' });
  });

  test('has the same bytes when it is made again, elsewhere and under other circumstances', () => {
    const temporary = path.join(scratch, 'elsewhere');
    fs.mkdirSync(temporary, { recursive: true });
    const environment = { TMPDIR: temporary, TZ: 'Pacific/Chatham', LC_ALL: 'C' };
    const again = makePackage(path.join(scratch, 'two'), { flavour, environment, umask: '077' });
    const bytes = fs.readFileSync(file);
    expect(fs.readFileSync(again).equals(bytes)).toBe(true);
    console.log(`${path.basename(file)}: ${(bytes.length / 1e6).toFixed(1)} MB`);
  });

  // It unpacks Node.js, and takes more than a minute on a busy machine.
  test.skipIf(skipped)('is clean under lintian', { timeout: 300_000 }, () => {
    const args = ['--fail-on', 'error,warning', '--tag-display-limit', '0', '--allow-root', file];
    const { status, stdout } = spawnSync('lintian', args, { encoding: 'utf8' });
    const tags = stdout.split('\n').filter((line) => /^[EW]: /.test(line));
    expect({ status, tags }).toEqual({ status: 0, tags: [] });
  });
});

test('every override of lintian has a reason above it', () => {
  const lines = fs.readFileSync(path.join(ROOT, 'packaging/debian/lintian-overrides'), 'utf8').trim().split('\n');
  const bare = lines.filter((line, index) => {
    if (line.startsWith('#')) return false;
    const above = lines
      .slice(0, index)
      .reverse()
      .find((each) => each.startsWith('#'));
    return above === undefined || above === '# bundled:';
  });
  expect(bare).toEqual([]);
});
