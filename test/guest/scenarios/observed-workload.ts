/** The workload beside a daemon: it waits where a case is about what the daemon knows at a moment. */
import { type SpawnOptions, spawn } from 'node:child_process';
import { Socket } from 'node:net';
import type { Daemon } from '../../lib/daemon.js';

const CASES = '/opt/cases';
/** The descriptor of its socket, which is the first after those of every program. */
const OBSERVER_FD = 3;
const STDIO: SpawnOptions['stdio'] = ['ignore', 'ignore', 'pipe', 'pipe'];

/** What the workload asks for by a byte, as fixtures.c has them. */
const ANSWERS: ReadonlyMap<number, (daemon: Daemon) => Promise<void>> = new Map([
  [0x64, (daemon: Daemon) => daemon.handled()],
  [0x6d, (daemon: Daemon) => daemon.mountsFollowed()],
]);

export interface WorkloadEnd {
  readonly status: number | null;
  readonly stderr: string;
  /** How often it waited for the daemon, and how many seconds together. */
  readonly waits: number;
  readonly waitedSeconds: number;
}

/** Runs the workload to its end. Rejects when it cannot be run, or when the daemon does not come to what is asked for. */
export function runWorkload(args: readonly string[], daemon: Daemon): Promise<WorkloadEnd> {
  return new Promise((resolve, reject) => {
    const child = spawn(CASES, ['--observer', String(OBSERVER_FD), ...args], { stdio: STDIO });
    const observer = child.stdio[OBSERVER_FD];
    if (!(observer instanceof Socket) || child.stderr === null) throw new Error('the workload has no socket');
    let stderr = '';
    let waits = 0;
    let waitedMs = 0;
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    const answer = async (byte: number): Promise<void> => {
      const began = performance.now();
      await ANSWERS.get(byte)?.(daemon);
      waits += 1;
      waitedMs += performance.now() - began;
      observer.write(Buffer.of(byte));
    };
    // One question at a time: whoever asks waits for the answer.
    observer.on('data', ([byte]: Buffer) => {
      answer(byte!).catch((error) => {
        reject(error);
        child.kill('SIGKILL');
      });
    });
    observer.on('error', reject);
    child.once('error', reject);
    child.once('close', (status) => resolve({ status, stderr, waits, waitedSeconds: waitedMs / 1_000 }));
  });
}
