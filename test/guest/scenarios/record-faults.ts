/** Records the session `faults`: faults that a machine in use must not be given, each under the real daemon. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Daemon } from '../../lib/daemon.js';
import { directoryMadeAgain, directoryReplaced, filesystemReplaced, watchesFor } from '../cases/filesystem-faults.js';
import {
  type Appearance,
  type ClockJump,
  FAULT_PARTS,
  FAULTS_AT,
  type FaultsRecording,
  type FaultsSession,
  type FilesystemFault,
  HOUR_MS,
  LINE_MS,
  type Marked,
  PACED_WHILE_CLOCK_JUMPS,
  SELF_TESTS_MS,
} from './faults.js';
import { STAGE } from './plan.js';

const DELETER = '/opt/deleter';
const HOOKS_ENABLED = '/proc/sys/kernel/ftrace_enabled';
const SELF_TESTS_AT = '/tmp';
/** A self-test waits 2 s for each of its three deletions; a guest is slow. */
const NOTICE_MS = 30_000;
const BEGIN_MS = 30_000;
const POLL_MS = 20;
/** The maps do not fit into it. */
const LITTLE_MEMORY = '160M';

export const faultsConfig = { watches: watchesFor(FAULTS_AT), self_test: { interval: '1000ms' } };

/** Whether `condition` came to hold in time. */
async function within(milliseconds: number, condition: () => boolean | Promise<boolean>): Promise<boolean> {
  const end = performance.now() + milliseconds;
  while (!(await condition())) {
    if (performance.now() > end) return false;
    await sleep(POLL_MS);
  }
  return true;
}

/** Counts self-tests that have begun: each makes a directory. */
class SelfTests {
  private changes = 0;
  private readonly watcher = fs.watch(SELF_TESTS_AT, (event, name) => {
    if (event === 'rename' && name?.startsWith('rmwatch-self-test-')) this.changes += 1;
  });

  /** One change when a directory is made, one when it is removed. */
  get count(): number {
    return this.changes / 2;
  }

  close(): void {
    this.watcher.close();
  }
}

class Recorder {
  private readonly selfTests = new SelfTests();

  constructor(private readonly daemon: Daemon) {}

  async start(): Promise<FaultsRecording['start']> {
    await this.daemon.start();
    return { isReady: true };
  }

  async filesystems(): Promise<FaultsRecording['filesystems']> {
    const acts: FilesystemFault[] = [];
    for (const act of [directoryMadeAgain, directoryReplaced, filesystemReplaced]) {
      const from = this.daemon.eventLines();
      const did = await act(FAULTS_AT, () => this.daemon.mountsFollowed());
      await this.daemon.settleLog();
      acts.push({ name: act.name, did, lines: { from, to: this.daemon.eventLines() } });
    }
    return { acts, after: (await this.daemon.settleLog()).text };
  }

  /** Kprobes and trampolines at the entry of functions stop running while files are deleted, and run again. */
  async disarmed(): Promise<FaultsRecording['disarmed']> {
    const load = await this.pacedLoad(100, 12);
    let without: Appearance;
    fs.writeFileSync(HOOKS_ENABLED, '0');
    try {
      // The self-test that runs at that moment has passed in part.
      await within(NOTICE_MS, async () => (await this.selfTestsOk()).every((one) => one === 0));
      without = await this.appearance();
    } finally {
      fs.writeFileSync(HOOKS_ENABLED, '1');
    }
    await within(NOTICE_MS, async () => (await this.daemon.get('/-/ready')).status === 200);
    const recovered = await this.appearance();
    await load.ended;
    await this.daemon.settleLog();
    const from = this.daemon.eventLines();
    const path = `${FAULTS_AT}/after`;
    fs.writeFileSync(path, '');
    fs.unlinkSync(path);
    const { text: after } = await this.daemon.settleLog();
    return { without, recovered, followed: { path, lines: { from, to: this.daemon.eventLines() } }, after };
  }

  /** The wall clock is set an hour forward, and back again, while files are deleted. */
  async clock(): Promise<FaultsRecording['clock']> {
    const { text: before } = await this.daemon.metrics();
    const { perSecond, seconds } = PACED_WHILE_CLOCK_JUMPS;
    const load = await this.pacedLoad(perSecond, seconds);
    const jumps: ClockJump[] = [];
    for (const direction of ['forward', 'back'] as const) {
      const jump = direction === 'forward' ? HOUR_MS : -HOUR_MS;
      execFileSync('date', ['-s', `@${Math.round((Date.now() + jump) / 1000)}`]);
      const atOnce = await this.marked(direction);
      const count = this.selfTests.count;
      await within(SELF_TESTS_MS, () => this.selfTests.count - count >= 2);
      const selfTests = this.selfTests.count - count;
      const later = await this.marked(`${direction}-later`);
      jumps.push({ direction, marks: [atOnce, later], selfTests, ready: await this.daemon.get('/-/ready') });
    }
    await load.ended;
    return { before, jumps, after: (await this.daemon.settleLog()).text };
  }

  async stop(): Promise<FaultsRecording['stop']> {
    const exit = await this.daemon.stop();
    this.selfTests.close();
    return { exit };
  }

  /** A daemon in a memory cgroup that its maps do not fit into. */
  memory(): FaultsRecording['memory'] {
    const group = '/sys/fs/cgroup/small';
    fs.writeFileSync('/sys/fs/cgroup/cgroup.subtree_control', '+memory');
    fs.mkdirSync(group);
    fs.writeFileSync(`${group}/memory.max`, LITTLE_MEMORY);
    const config = '/tmp/small.yaml';
    fs.writeFileSync(config, JSON.stringify({ probe: { ring_buffer: '256MiB' }, http: { listen: 'off' } }));
    const run = `exec ${STAGE}/usr/bin/rmwatch run --attach kprobe --config ${config} --format json`;
    const { status, stderr } = spawnSync('sh', ['-c', `echo $$ > ${group}/cgroup.procs && ${run}`], {
      encoding: 'utf8',
      timeout: 180_000,
    });
    return { status, stderr };
  }

  /** A daemon, and the doctor, that find the kernel without its hooks from the start. */
  async fallback(): Promise<FaultsRecording['fallback']> {
    const program = `${STAGE}/usr/bin/rmwatch`;
    const directory = '/tmp/fallback';
    const path = `${directory}/file`;
    const config = { watches: [{ name: 'all', include: [path] }] };
    const daemon = new Daemon({ program: [program], directory, config, attach: 'auto' });
    fs.writeFileSync(HOOKS_ENABLED, '0');
    try {
      const { stdout: doctor } = spawnSync(program, ['doctor', '--json'], { encoding: 'utf8', timeout: 180_000 });
      await daemon.start();
      fs.writeFileSync(path, '');
      fs.unlinkSync(path);
      await daemon.settleLog();
      const events = daemon.events().filter(({ file }) => file?.path === path);
      const told = events.map(({ rmwatch }) => String(rmwatch?.attach));
      return { doctor, ready: await daemon.get('/-/ready'), diagnostics: daemon.diagnostics(), told };
    } finally {
      fs.writeFileSync(HOOKS_ENABLED, '1');
      daemon.kill();
    }
  }

  close(): void {
    this.selfTests.close();
    this.daemon.kill();
  }

  private async selfTestsOk(): Promise<(number | undefined)[]> {
    const metrics = await this.daemon.metrics();
    return ['unlink', 'rmdir', 'replace'].map((name) => metrics.get(`rmwatch_self_test_ok{operation="${name}"}`));
  }

  private async appearance(): Promise<Appearance> {
    const { text: metrics } = await this.daemon.metrics();
    const ready = await this.daemon.get('/-/ready');
    const healthy = await this.daemon.get('/-/healthy');
    return { metrics, ready, healthy, diagnostics: this.daemon.diagnostics().split('\n').length - 1 };
  }

  /** Deletes files at a steady pace from now on; resolves when the first of them is told. */
  private async pacedLoad(perSecond: number, seconds: number): Promise<{ ended: Promise<unknown> }> {
    const before = this.daemon.eventBytes();
    const child: ChildProcess = spawn(DELETER, ['paced', FAULTS_AT, String(perSecond), String(seconds)], {
      stdio: 'ignore',
    });
    const ended = once(child, 'exit');
    if (!(await within(BEGIN_MS, () => this.daemon.eventBytes() > before))) {
      throw new Error(`no deletion of the load was told within ${BEGIN_MS} ms`);
    }
    return { ended };
  }

  /** A file is deleted now: its event must say so at once, by the clock of now. */
  private async marked(name: string): Promise<Marked> {
    const path = `${FAULTS_AT}/${name}`;
    fs.writeFileSync(path, '');
    // To parse what has come until now takes a while.
    this.daemon.events();
    const before = Date.now();
    fs.unlinkSync(path);
    const after = Date.now();
    const isTold = await within(LINE_MS, () => this.daemon.events().some(({ file }) => file?.path === path));
    return { path, before, after, isTold };
  }
}

export async function recordFaults(
  _: FaultsSession,
  daemon: Daemon,
  part: (name: string) => void,
): Promise<FaultsRecording> {
  fs.mkdirSync(FAULTS_AT, { recursive: true });
  const recording: FaultsRecording = { errors: {} };
  const recorder = new Recorder(daemon);
  for (const name of FAULT_PARTS) {
    try {
      Object.assign(recording, { [name]: await recorder[name]() });
    } catch (error) {
      recording.errors[name] = String((error as Error).stack);
    }
    part(name);
  }
  recorder.close();
  return recording;
}
