/**
 * Runs the fenced blocks of the README and the manual that are tagged `sh runnable`, in a mount namespace with a
 * configuration and a log of its own: each command has to end well.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FULL_DELETION } from '../lib/sample-events.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const LOG = '/var/log/rmwatch/events.json';

interface Block {
  readonly page: string;
  readonly line: number;
  readonly text: string;
}

function blocksOf(page: string): Block[] {
  const text = fs.readFileSync(path.join(ROOT, page), 'utf8');
  return [...text.matchAll(/^```sh runnable\n(.*?)^```$/gms)].map((match) => ({
    page,
    line: text.slice(0, match.index).split('\n').length,
    text: match[1]!,
  }));
}

const blocks = ['README.md', ...fs.readdirSync(path.join(ROOT, 'docs')).map((name) => `docs/${name}`)]
  .filter((page) => page.endsWith('.md'))
  .flatMap(blocksOf);

let scratch: string;

/** The deletion that the pages ask for, an hour ago. */
function logLine(): string {
  const directory = '/srv/reports';
  const file = { ...FULL_DELETION.file, path: `${directory}/q3.pdf`, name: 'q3.pdf', directory };
  const time = new Date(Date.now() - 3_600_000).toISOString().replace('Z', '000000Z');
  return JSON.stringify({ ...FULL_DELETION, '@timestamp': time, file });
}

beforeAll(() => {
  scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'rmwatch-commands-'));
  fs.mkdirSync(`${scratch}/bin`);
  fs.mkdirSync(`${scratch}/etc`);
  fs.mkdirSync(`${scratch}/log`);
  fs.writeFileSync(`${scratch}/bin/rmwatch`, `#!/bin/sh\nexec '${process.execPath}' '${ROOT}/dist/main.js' "$@"\n`, {
    mode: 0o755,
  });
  fs.writeFileSync(`${scratch}/etc/rmwatch.yaml`, `log: { output: ${LOG} }\n`);
  fs.writeFileSync(`${scratch}/log/events.json`, `${logLine()}\n`);
});

afterAll(() => fs.rmSync(scratch, { recursive: true, force: true }));

/** Directories of the machine that the block finds as an installed package has them; nothing remains of it. */
const SET_UP = `
mkdir -p "$1/all"
mount -t tmpfs none "$1/all"
mkdir "$1/all/upper" "$1/all/work"
mount -t overlay -o "lowerdir=/etc,upperdir=$1/all/upper,workdir=$1/all/work" overlay /etc
mkdir -p /etc/rmwatch && cp "$1/etc/rmwatch.yaml" /etc/rmwatch/rmwatch.yaml
mount -t tmpfs none /var/log
mkdir -p /var/log/rmwatch && cp "$1/log/events.json" /var/log/rmwatch/events.json
exec sh -eu -c "$2"
`;

describe('the commands of the manual', () => {
  test('are there', () => expect(blocks.length).toBeGreaterThan(2));

  test.each(blocks)('$page:$line', { timeout: 60_000 }, ({ text }) => {
    const { status, stdout, stderr } = spawnSync('unshare', ['-m', 'sh', '-eu', '-c', SET_UP, 'sh', scratch, text], {
      encoding: 'utf8',
      env: { ...process.env, PATH: `${scratch}/bin:${process.env['PATH']}`, PAGER: 'cat', TZ: 'UTC' },
    });
    expect({ status, output: `${stdout}${stderr}` }).toMatchObject({ status: 0 });
    expect(stdout).not.toBe('');
  });
});
