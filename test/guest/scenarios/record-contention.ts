/** Records the sessions `contention`: crowds of threads and attacks by contention.c, under one daemon. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { NativeProbe } from '../../../src/probe/native-probe.js';
import { type BpfStatistics, followBpfStatistics } from '../../lib/bpf-statistics.js';
import { Daemon } from '../../lib/daemon.js';
import { waitUntil } from '../../lib/wait-until.js';
import {
  type AccountsRun,
  type ContentionPart,
  type ContentionRecording,
  type ContentionSession,
  type CrowdRun,
  type Did,
  type FailuresRun,
  type KernelRuns,
  MISSED,
  missesPrograms,
  type PreemptedRun,
  partsOf,
  type ReloadRun,
  SLEEPERS_FEW,
  SLEEPERS_MANY,
  type TimedRun,
  type VictimsRun,
} from './contention.js';
import { LOOP_DELAY, loopBlockDuring } from './event-loop.js';
import type { Mode } from './mode.js';
import { STAGE, WORK } from './plan.js';
import { growth } from './record-files.js';

const CONTENTION = '/opt/contention';
const BPF_STATISTICS = '/opt/bpf_statistics';
/** Not watched. */
const ELSEWHERE = '/tmp/elsewhere';
const CROWDS = [12, 48, 200];
/** Of each thread: 5,000 in the largest crowd. */
const FILES = 25;
const VICTIMS = 1_000;
/** The tasks that are preempted have some milliseconds a second beside two that compute: deletions for as long as that takes. */
const PREEMPTED = { files: 250, pauseUs: 4_000, roundsMin: 2, roundsMax: 20 } as const;
const FEW = 100;
const FAILURES = 50;
const DEVICES = 1_500;
const BINDS = 2_000;
/** A busy guest takes two minutes to read ten thousand watches. */
const LINES_TIMEOUT_MS = 300_000;
const RING_BYTES = 1 << 24;
/** USER_HZ of x86-64. */
const TICKS_PER_SECOND = 100;

function contention(...args: (string | number)[]): Did {
  return JSON.parse(execFileSync(CONTENTION, args.map(String), { encoding: 'utf8' }));
}

const crowd = (threads: number, files: number, where: string, pauseUs = 0) =>
  contention('crowd', WORK, threads, files, where, pauseUs);

/** The word in parentheses of "none voluntary (full) lazy"; undefined where the kernel was built for one. */
function preemptionOf(): string | undefined {
  const file = '/sys/kernel/debug/sched/preempt';
  return fs.existsSync(file) ? /\((\w+)\)/.exec(fs.readFileSync(file, 'utf8'))?.[1] : undefined;
}

/** Does `work` under an attack: begins when contention.c says that it is under way, and ends it whatever comes. */
async function underAttack<T>(args: readonly (string | number)[], work: () => T | Promise<T>): Promise<T> {
  const child = spawn(CONTENTION, args.map(String), { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  try {
    const early = ended.then(([code]) => Promise.reject(new Error(`${args.join(' ')} ended with ${code}`)));
    await Promise.race([once(child.stdout, 'data'), early]);
    ended.catch(() => undefined);
    early.catch(() => undefined);
    const result = await work();
    child.stdin.end();
    const [code] = await ended;
    if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}`);
    return result;
  } finally {
    child.stdin.end();
    await ended;
  }
}

/** `others`: how many watches there are beside that of WORK. */
const configOf = ({ failures = false, others = 0 }) => ({
  watches: [
    { name: 'work', include: [`${WORK}/**`], failures },
    ...Array.from({ length: others }, (_, at) => ({ name: `other-${at}`, include: [`/srv/other-${at}/**`] })),
  ],
  self_test: { interval: 'off' },
});

async function reload(daemon: Daemon, config: ReturnType<typeof configOf>): Promise<void> {
  const reloads = () => daemon.diagnostics().split('configuration reloaded').length;
  const before = reloads();
  daemon.configure(config);
  daemon.signal('SIGHUP');
  await waitUntil('the reload', () => reloads() > before, LINES_TIMEOUT_MS);
}

type CountedProbe = Pick<NativeProbe, 'attach' | 'detach' | 'readCounters' | 'setFilter'>;

const ALL_OPERATIONS = 7;
const FAILURE_SHIFT = 8;

function watchEverywhere(probe: CountedProbe, failures: boolean): void {
  const wanted = failures ? ALL_OPERATIONS | (ALL_OPERATIONS << FAILURE_SHIFT) : ALL_OPERATIONS;
  probe.setFilter({
    prefixes: [[Buffer.from('/'), wanted]],
    devices: [],
    mounts: [],
    processView: 0,
    successOperations: ALL_OPERATIONS,
    failureOperations: failures ? ALL_OPERATIONS : 0,
  });
}

function reattach(probe: CountedProbe): [number, number, number] {
  const seenAfterCrowd = () => {
    crowd(48, FILES, 'one');
    return probe.readCounters().seen;
  };
  probe.detach();
  const seenUntilThen = probe.readCounters().seen;
  const seenDetached = seenAfterCrowd();
  probe.attach();
  return [seenUntilThen, seenDetached, seenAfterCrowd()];
}

/** Threads that the kernel side knows keep their places; new ones find none. */
function callsWithoutRoom(probe: CountedProbe): Omit<AccountsRun['full'], 'count'> {
  contention('fill');
  const before = probe.readCounters();
  crowd(48, FILES, 'one');
  const after = probe.readCounters();
  const seenOf = (what: 'rmdir' | 'replace') => {
    const { seen } = probe.readCounters();
    contention(what, WORK, FAILURES);
    return probe.readCounters().seen - seen;
  };
  const others = [seenOf('rmdir'), seenOf('replace')] as const;
  watchEverywhere(probe, true);
  const lostBy = (what: 'fail' | 'fail-renames') => {
    const { lostStateFull } = probe.readCounters();
    contention(what, WORK, FAILURES);
    return probe.readCounters().lostStateFull - lostStateFull;
  };
  return {
    seen: after.seen - before.seen,
    mountUnknown: after.mountUnknown - before.mountUnknown,
    succeeded: FAILURES,
    others,
    failed: FAILURES,
    lost: [lostBy('fail'), lostBy('fail-renames')],
  };
}

async function kernelRunsOf(statistics: BpfStatistics): Promise<KernelRuns> {
  const programs = [...(await statistics.snapshot()).values()];
  const runsOf = (name: string) =>
    programs.filter((each) => each.name === name).reduce((sum, { runs }) => sum + runs, 0);
  return {
    removed: [runsOf('kprobe__delete'), runsOf('fentry__delete')],
    moved: runsOf('kprobe__move') + runsOf('fentry__move'),
  };
}

/** Seconds of CPU that a process has taken. */
function cpuSecondsOf(pid: number): number {
  const [user, system] = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ').slice(11, 13);
  return (Number(user) + Number(system)) / TICKS_PER_SECOND;
}

class Recorder {
  constructor(
    private readonly session: ContentionSession,
    private readonly directory: string,
  ) {}

  private get mode(): Mode {
    return this.session.mode;
  }

  private get loopDelayFile(): string {
    return path.join(this.directory, 'loop-delay.txt');
  }

  private running: Daemon | undefined;

  /** The daemon of all parts but `accounts`, which watches WORK. */
  private async daemon(): Promise<Daemon> {
    if (this.running === undefined) {
      this.running = new Daemon({
        // As usr/bin/rmwatch starts it.
        program: [
          ...['node', '--max-semi-space-size=4', '--inspect-port=[fe80::1]:9229', '--require', LOOP_DELAY],
          `${STAGE}/usr/lib/rmwatch/dist/bundle/main.js`,
        ],
        attach: this.mode,
        config: configOf({}),
        directory: this.directory,
      });
      await this.running.start({ environment: { ...process.env, RMWATCH_LOOP_DELAY_FILE: this.loopDelayFile } });
    }
    return this.running;
  }

  /** Resolves to the exit code, or the signal; undefined when no daemon runs. */
  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<number | string | undefined> {
    const { running } = this;
    this.running = undefined;
    return running?.stop(signal);
  }

  /** Records a part, with the longest block of its daemon's event loop. */
  async record(part: ContentionPart, recording: ContentionRecording): Promise<void> {
    if (part === 'accounts') {
      recording.accounts = await this.accounts();
      return;
    }
    // The start of the daemon is no part.
    await this.daemon();
    const { result, block } = await loopBlockDuring<unknown>(this.loopDelayFile, () => this[part]());
    Object.assign(recording, { [part]: result });
    recording.blocks[part] = block;
  }

  private async accounts(): Promise<AccountsRun> {
    const { Probe } = createRequire(import.meta.url)(`${STAGE}/usr/lib/rmwatch/build/Release/rmwatch.node`);
    const statistics = await followBpfStatistics(spawn(BPF_STATISTICS));
    let probe: NativeProbe | undefined;
    try {
      probe = new Probe({ mode: this.mode, ringBytes: RING_BYTES }) as NativeProbe;
      watchEverywhere(probe, false);
      probe.attach();
      const { count } = crowd(48, FILES, 'one');
      const kernelRuns = [await kernelRunsOf(statistics)];
      const counters = probe.readCounters();
      kernelRuns.push(await kernelRunsOf(statistics));
      const accounts = { count, skipped: probe.skippedSuccesses() ?? 0, counters, kernelRuns };
      const reattached = this.session.canReattach ? { reattached: { count, seen: reattach(probe) } } : {};
      return { ...accounts, ...reattached, full: { count, ...callsWithoutRoom(probe) } };
    } finally {
      probe?.close();
      statistics.close();
    }
  }

  async sleepers(): Promise<VictimsRun> {
    const daemon = await this.daemon();
    const { text: before } = await daemon.metrics();
    return underAttack(['sleep', SLEEPERS_MANY], async () => {
      const did = crowd(1, FEW, 'one');
      return { did, before, after: (await daemon.settleLog()).text };
    });
  }

  devices(): Promise<TimedRun> {
    return this.timed(['devices', ELSEWHERE, DEVICES]);
  }

  /** The deletions come when the daemon has taken the mounts in. */
  async binds(): Promise<TimedRun> {
    const run = await this.timed(['binds', WORK, ELSEWHERE, BINDS], (daemon) => daemon.mountsFollowed());
    // The next part does not begin while their end is taken in.
    await (await this.daemon()).mountsFollowed();
    return run;
  }

  /** Mounts and a reload come at once. */
  async large(): Promise<TimedRun> {
    const { watches, binds } = this.session.large;
    return this.timed(['binds', WORK, ELSEWHERE, binds], async (daemon) => {
      await reload(daemon, configOf({ others: watches }));
      await daemon.mountsFollowed();
    });
  }

  renames(): Promise<TimedRun> {
    return this.timed(['renames', ELSEWHERE]);
  }

  private async timed(
    attack: readonly (string | number)[],
    first: (daemon: Daemon) => Promise<unknown> = async () => undefined,
  ): Promise<TimedRun> {
    const daemon = await this.daemon();
    const { text: before } = await daemon.metrics();
    return underAttack(attack, async () => {
      const [began, cpuBefore] = [performance.now(), cpuSecondsOf(daemon.pid)];
      await first(daemon);
      const did = crowd(1, FEW, 'one');
      const lines = () => daemon.events().filter((line) => line?.process?.pid === did.pid).length;
      await waitUntil('the lines of the others', () => lines() === did.count, LINES_TIMEOUT_MS);
      const seconds = (performance.now() - began) / 1_000;
      const cpuSeconds = cpuSecondsOf(daemon.pid) - cpuBefore;
      return { did, seconds, cpuSeconds, before, after: (await daemon.settleLog()).text };
    });
  }

  async crowds(): Promise<CrowdRun[]> {
    const daemon = await this.daemon();
    const runs: CrowdRun[] = [];
    for (const threads of CROWDS) {
      for (const where of ['one', 'many']) {
        const { text: before } = await daemon.metrics();
        const did = crowd(threads, FILES, where);
        const { text: after } = await daemon.settleLog();
        runs.push({ threads, where, did, before, after });
      }
    }
    return runs;
  }

  /** Until a program was left out for it, where that can be. */
  async preempted(): Promise<PreemptedRun> {
    const daemon = await this.daemon();
    const before = await daemon.metrics();
    const preemption = preemptionOf();
    const waitsForMisses = missesPrograms(this.mode, preemption);
    return underAttack(['preempt', ELSEWHERE], async () => {
      const did: Did[] = [];
      let after = before;
      while (did.length < PREEMPTED.roundsMax) {
        did.push(crowd(1, PREEMPTED.files, 'one', PREEMPTED.pauseUs));
        after = await daemon.settleLog();
        if (did.length >= PREEMPTED.roundsMin && (!waitsForMisses || growth(before, after, MISSED) > 0)) break;
      }
      return { did, before: before.text, after: after.text, preemption };
    });
  }

  async updates(): Promise<VictimsRun> {
    const daemon = await this.daemon();
    const { text: before } = await daemon.metrics();
    const did = await underAttack(['update'], () => crowd(1, VICTIMS, 'one'));
    return { did, before, after: (await daemon.settleLog()).text };
  }

  async failures(): Promise<FailuresRun[]> {
    const daemon = await this.daemon();
    await reload(daemon, configOf({ failures: true }));
    const runs: FailuresRun[] = [];
    for (const asleep of [SLEEPERS_FEW, SLEEPERS_MANY]) {
      const { text: before } = await daemon.metrics();
      const run = await underAttack(['sleep', asleep], async () => {
        const failed = contention('fail', WORK, FAILURES);
        const deleted = crowd(1, FAILURES, 'one');
        const { text: after } = await daemon.settleLog();
        return { asleep, failed, deleted, before, after };
      });
      runs.push(run);
      await daemon.settleLog();
    }
    return runs;
  }

  /** The hooks of returns go and come with the configuration. */
  async reloads(): Promise<ReloadRun[]> {
    const daemon = await this.daemon();
    const runs: ReloadRun[] = [];
    for (const watched of [false, true, false]) {
      const { text: before } = await daemon.metrics();
      await reload(daemon, configOf({ failures: watched }));
      const failed = contention('fail', WORK, FAILURES);
      runs.push({ watched, failed, before, after: (await daemon.settleLog()).text });
    }
    return runs;
  }
}

export async function recordContention(
  session: ContentionSession,
  directory: string,
  part: (name: string) => void,
): Promise<ContentionRecording> {
  const recording: ContentionRecording = { errors: {}, blocks: {} };
  // Calls sleep for as long as a part takes.
  fs.writeFileSync('/proc/sys/kernel/hung_task_timeout_secs', '0');
  for (const each of [WORK, ELSEWHERE]) {
    fs.mkdirSync(each, { recursive: true });
    fs.chmodSync(each, 0o777);
  }
  const recorder = new Recorder(session, directory);
  for (const name of partsOf(session.mode)) {
    try {
      await recorder.record(name, recording);
    } catch (error) {
      recording.errors[name] = String((error as Error).stack);
      // The next part begins with another daemon.
      await recorder.stop('SIGKILL').catch(() => undefined);
    }
    part(name);
  }
  const exit = await recorder.stop();
  if (exit !== undefined) recording.exit = exit;
  part('stop');
  return recording;
}
