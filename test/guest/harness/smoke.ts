/**
 * Self check of the harness: boots every kernel, or those named as arguments, runs node in it, and checks that results,
 * outputs, disks and modules work and that a failing command and a hanging one are seen as failures.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { runGuest } from './guest.js';
import { kernelBtfPath, saveKernelBtf } from './kernel-btf.js';
import { releasedKernelNames } from './kernel-table.js';

const RESULT_LINES = 500;

const PROBE = `
const fs = require('node:fs');
const os = require('node:os');
const results = fs.openSync(process.env['RMWATCH_RESULTS'], 'a');
const report = (value) => fs.writeSync(results, JSON.stringify(value) + '\\n');
const mounts = fs.readFileSync('/proc/mounts', 'utf8').split('\\n').map((line) => line.split(' '));
report({
  release: os.release(),
  node: process.version,
  cpus: os.cpus().length,
  btfBytes: fs.statSync('${kernelBtfPath}').size,
  mounted: Object.fromEntries(mounts.map(([, where, type]) => [where, type])),
  filesystems: fs.readFileSync('/proc/filesystems', 'utf8').split(/\\s+/),
  mapped: fs.readFileSync('/opt/smoke/smoke.ts', 'utf8').length,
});
for (let line = 0; line < ${RESULT_LINES}; line += 1) report({ line, text: 'é'.repeat(100) });
fs.writeFileSync('/mnt/scratch/file', 'x');
fs.rmSync('/mnt/scratch/file');
console.log('smoke: node ran');
`;

/** What the probe reports first. */
interface Facts {
  readonly release: string;
  readonly node: string;
  readonly cpus: number;
  readonly btfBytes: number;
  readonly mounted: Readonly<Record<string, string>>;
  readonly filesystems: readonly string[];
  /** Characters of this file in the guest. */
  readonly mapped: number;
}

/** What it reports then. */
interface Line {
  readonly line: number;
  readonly text: string;
}

async function checkKernel(name: string): Promise<string> {
  const here = new URL('.', import.meta.url).pathname;
  const result = await runGuest<Facts | Line>({
    kernel: name,
    label: 'smoke',
    command: ['node', '-e', PROBE],
    initrdFiles: { [here]: '/opt/smoke' },
    modules: ['overlay'],
    disks: [{ sizeMiB: 64, fs: 'ext4', mountAt: '/mnt/scratch' }],
    outputs: [kernelBtfPath],
  });
  assert.equal(result.exitCode, 0, `exit code; console ${result.consoleFile}`);
  assert.deepEqual(result.splats, []);
  assert.deepEqual(result.badResultLines, []);
  const [facts, ...lines] = result.results as readonly [Facts, ...Line[]];
  assert.equal(facts.release, result.release);
  assert.equal(facts.node, process.version);
  assert.equal(facts.cpus, 2);
  assert.ok(facts.filesystems.includes('overlay'), 'overlay was loaded');
  assert.equal(facts.mapped, fs.readFileSync(new URL(import.meta.url), 'utf8').length);
  const wanted = {
    '/tmp': 'tmpfs',
    '/sys/fs/cgroup': 'cgroup2',
    '/sys/kernel/tracing': 'tracefs',
    '/mnt/scratch': 'ext4',
  };
  for (const [where, type] of Object.entries(wanted)) assert.equal(facts.mounted[where], type, where);
  assert.equal(lines.length, RESULT_LINES);
  assert.ok(lines.every(({ line, text }, index) => line === index && text === 'é'.repeat(100)));
  assert.match(result.console, /smoke: node ran/);
  assert.equal(fs.statSync(path.join(result.outputDir ?? '', kernelBtfPath)).size, facts.btfBytes);
  saveKernelBtf(result);
  return `${result.release}, boot ${result.bootSeconds} s, whole run ${result.seconds.toFixed(1)} s, retries ${result.retries}`;
}

async function checkFailures(name: string): Promise<string> {
  const failing = await runGuest({ kernel: name, label: 'smoke-fails', command: 'exit 7' });
  assert.equal(failing.exitCode, 7);
  const hanging = await runGuest({ kernel: name, label: 'smoke-hangs', command: 'sleep 1000', timeoutSeconds: 1 });
  assert.equal(hanging.exitCode, -1);
  assert.equal(hanging.timedOut, 'command');
  const panicking = await runGuest({ kernel: name, label: 'smoke-panics', command: 'echo c >/proc/sysrq-trigger' });
  assert.equal(panicking.exitCode, -1);
  assert.ok(panicking.splats.some((line) => line.includes('Kernel panic')));
  return `exit code, time limit and panic of a guest are seen as failures on ${name}`;
}

let passed = 0;
let failed = 0;

async function check(title: string, body: () => Promise<string>): Promise<void> {
  try {
    console.log(`ok ${title}: ${await body()}`);
    passed += 1;
  } catch (error) {
    console.log(`not ok ${title}: ${error instanceof Error ? error.stack : error}`);
    failed += 1;
  }
}

const names = process.argv.length > 2 ? process.argv.slice(2) : releasedKernelNames;
for (const name of names) await check(`kernel ${name}`, () => checkKernel(name));
await check('failures', () => checkFailures(names[0]!));
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
