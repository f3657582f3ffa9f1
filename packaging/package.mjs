// npm run package [-- DIR]: makes the Debian packages, in build/packages unless DIR says otherwise.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { makeDeb } from './deb.mjs';
import { FLAVOURS } from './flavours.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const USAGE = `usage: npm run package [-- DIR] [--flavour ${Object.keys(FLAVOURS).join('|')}] [--revision N]`;

/** The time that everything in the packages bears: that of the commit, unless SOURCE_DATE_EPOCH says otherwise. */
function sourceDateEpoch() {
  const given = process.env.SOURCE_DATE_EPOCH;
  if (given) return Number(given);
  const log = ['-c', `safe.directory=${root.replace(/\/$/, '')}`, 'log', '-1', '--format=%ct'];
  try {
    return Number(execFileSync('git', log, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
  } catch {
    throw new Error('this is no git checkout: set SOURCE_DATE_EPOCH to the time of the sources');
  }
}

function makeOne(flavour, { version, epoch, directory }) {
  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'rmwatch-package-'));
  const tree = path.join(scratch, 'tree');
  try {
    execFileSync(process.execPath, [path.join(root, 'scripts/stage.mjs'), tree], {
      env: { ...process.env, SOURCE_DATE_EPOCH: String(epoch) },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    return makeDeb(tree, flavour, { version, epoch, directory });
  } finally {
    fs.rmSync(scratch, { recursive: true, force: true });
  }
}

function main() {
  const options = { flavour: { type: 'string' }, revision: { type: 'string', default: '1' } };
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  const wanted = values.flavour === undefined ? Object.keys(FLAVOURS) : [values.flavour];
  if (positionals.length > 1 || wanted.some((name) => !(name in FLAVOURS))) throw new Error(USAGE);
  if (!/^\d+$/.test(values.revision)) throw new Error(USAGE);
  // npm runs scripts at the top of the checkout; a relative DIR is meant from where npm was called.
  const directory = path.resolve(process.env.INIT_CWD ?? '.', positionals[0] ?? path.join(root, 'build/packages'));
  fs.mkdirSync(directory, { recursive: true });
  const upstream = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8')).version;
  const version = `${upstream}-${values.revision}`;
  const epoch = sourceDateEpoch();
  for (const name of wanted) process.stdout.write(`${makeOne(FLAVOURS[name], { version, epoch, directory })}\n`);
}

try {
  main();
} catch (error) {
  process.stderr.write(`rmwatch: cannot make the packages: ${error.stderr ?? ''}${error.message}\n`);
  process.exitCode = 1;
}
