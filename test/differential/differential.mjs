/**
 * The differential test: real programs (rm, git, rsync, perl, python3, node, npm) delete under strace in a guest with a
 * Debian root, and the daemon's events must match what strace saw, one to one.
 * Alone: node --import ./test/lib/typescript.mjs test/differential/differential.mjs KERNEL MODE STAGE [PROGRAM,...]
 */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleEventLines } from '../event-lines/bundle.ts';
import { checkFile, lineProblems } from '../event-lines/event-lines.ts';
import { runGuest } from '../guest/harness/guest.ts';
import { hostNode } from '../guest/harness/host-node.ts';
import { findProgram } from '../guest/harness/programs.ts';
import { ensureDebianRoot } from '../guest/harness/systemd-root.ts';
import { match } from './match.mjs';
import { attemptsOf } from './strace.mjs';

const TESTS = fileURLToPath(new URL('..', import.meta.url));
const OUTPUT = '/var/tmp/differential';
const TIMEOUT_SECONDS = 900;

/** npm's directory when it holds everything npm needs (Debian's own npm is spread over many). */
function hostNpm() {
  try {
    const directory = path.dirname(path.dirname(fs.realpathSync(findProgram('npm'))));
    const complete = ['bin/npm-cli.js', 'node_modules/@npmcli/arborist'].every((name) =>
      fs.existsSync(path.join(directory, name)),
    );
    return complete ? { [directory]: '/opt/npm' } : {};
  } catch {
    return {};
  }
}

const readLines = (file) =>
  fs
    .readFileSync(file, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));

/** Compares what a guest recorded in `directory`. `results` is what guest/run.mjs reported. */
export function compareRecorded(directory, results, mode) {
  const lines = readLines(path.join(directory, 'events.json'));
  const events = lines.filter(({ event }) => event.dataset === 'rmwatch.deletion');
  const mismatches = lines
    .filter(({ event }) => event.dataset !== 'rmwatch.deletion')
    .map((line) => ({ program: '-', line }));
  const programs = [];
  const known = new Set();
  for (const { program, status, left, stderr, seconds } of results.filter((result) => result.status !== undefined)) {
    const before = JSON.parse(fs.readFileSync(path.join(directory, `${program}.names.json`), 'utf8'));
    const traced = attemptsOf(fs.readFileSync(path.join(directory, `${program}.strace`), 'latin1'), before);
    const compared = match(traced, events, mode);
    for (const tid of traced.threads) known.add(tid);
    const problems = traced.problems.map((problem) => ({ problem }));
    if (status !== 0) problems.push({ problem: `exit ${status}: ${stderr}` });
    for (const mismatch of [...problems, ...compared.mismatches]) mismatches.push({ program, ...mismatch });
    programs.push({ program, ...compared, mismatches: problems.length + compared.mismatches.length, seconds, left });
  }
  for (const event of events) {
    const invented = event.file?.path?.startsWith('/root/differential/') && !known.has(event.process?.thread?.id);
    if (invented) mismatches.push({ program: '-', unexplained: event.message });
  }
  const sum = (field) => programs.reduce((total, program) => total + program[field], 0);
  return { programs, calls: sum('calls'), events: sum('events'), mismatches };
}

/**
 * @param {{kernel: string, stage: string, mode: string, only?: string}} options kernel from kernels.json; stage: the
 *   staged product; mode: attach mode; only: names of programs, with commas
 * @returns {Promise<{ok: boolean, calls: number, events: number, mismatches: object[], programs: object[],
 *   checked: {lines: number, invalid: number} | undefined,
 *   skips: {program: string, reason: string}[], runDir: string}>}
 */
export async function differential({ kernel, stage, mode, only = '' }) {
  const node = hostNode();
  const guest = await runGuest({
    kernel,
    label: `differential-${mode}`,
    root: await ensureDebianRoot({ packages: ['perl', 'git', 'rsync', 'strace'], mode: 'command' }),
    initrdFiles: {
      ...node.files,
      ...hostNpm(),
      [stage]: '/stage',
      [await bundleEventLines()]: '/opt/event-lines/event-lines.mjs',
      [path.join(TESTS, 'differential/guest')]: '/opt/test/differential/guest',
      [path.join(TESTS, 'kernel/guest')]: '/opt/test/kernel/guest',
    },
    texts: node.texts,
    command: `chmod 755 /opt/node/wrapper && ln -s /opt/node/wrapper /usr/local/bin/node &&
      node /opt/test/differential/guest/run.mjs ${mode} ${OUTPUT} ${only}`,
    outputs: [OUTPUT],
    timeoutSeconds: TIMEOUT_SECONDS,
  });
  const { runDir, seconds, results } = guest;
  const skips = results.filter(({ skipped }) => skipped).map(({ program, skipped }) => ({ program, reason: skipped }));
  const problems = guest.splats.map((splat) => ({ program: '-', problem: `kernel: ${splat}` }));
  const recorded = guest.outputDir && path.join(guest.outputDir, OUTPUT);
  if (guest.exitCode !== 0 || recorded === undefined) {
    problems.push({ program: '-', problem: `the guest: exit ${guest.exitCode}, ${guest.console.slice(-1500)}` });
    return {
      ok: false,
      calls: 0,
      events: 0,
      mismatches: problems,
      programs: [],
      checked: undefined,
      skips,
      runDir,
      seconds,
    };
  }
  const { daemon } = results.find((result) => result.daemon) ?? {};
  if (daemon?.exit.code !== 0 || daemon.lost !== 0 || daemon.ledgerGap !== 0) {
    problems.push({ program: '-', problem: `the daemon: ${JSON.stringify(daemon)}` });
  }
  const compared = compareRecorded(recorded, results, mode);
  const checked = checkFile(path.join(recorded, 'events.json'));
  for (const problem of lineProblems(checked)) problems.push({ program: '-', problem });
  const mismatches = [...problems, ...compared.mismatches];
  const ok = mismatches.length === 0 && compared.calls > 0;
  return { ...compared, ok, mismatches, checked, skips, runDir, seconds };
}

/** What a person wants to know of a result, as lines. */
export function summaryLines({ kernel, mode }, { calls, events, mismatches, programs, checked, skips, seconds }) {
  const head = `Linux ${kernel} ${mode}`;
  return [
    ...programs.map(
      (one) =>
        `${head} ${one.program}: ${one.calls} calls (${one.renames} renames, ${one.replacing} replacing), ${one.events} events (${one.replaced} replace), ${one.mismatches} mismatches`,
    ),
    ...skips.map(({ program, reason }) => `${head} skipped ${program}: ${reason}`),
    `${head} event lines held against the schema: ${checked?.lines ?? 0}, invalid: ${checked?.invalid ?? 0}`,
    `${head} in all: ${calls} calls, ${events} events, ${mismatches.length} mismatches, ${seconds.toFixed(0)} s`,
  ];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [kernel = '6.12', mode = 'kprobe', stage = '/tmp/stage', only] = process.argv.slice(2);
  const result = await differential({ kernel, mode, stage, only });
  for (const line of summaryLines({ kernel, mode }, result)) console.log(line);
  for (const mismatch of result.mismatches.slice(0, 40)) console.log(JSON.stringify(mismatch));
  console.log(result.runDir);
  process.exitCode = result.ok ? 0 : 1;
}
