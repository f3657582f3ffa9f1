import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { LineAccount } from '../../event-lines/event-lines.js';
import { checkedLines } from '../../lib/checked-lines.js';
import { makeFifo } from '../../lib/fifo.js';
import { HostDaemon } from '../../lib/host-daemon.js';
import { root, staticProgram } from '../../lib/static-program.js';

let program: string | undefined;

/** test/guest/programs/deleter.c, compiled. */
export function deleterProgram(): string {
  program ??= staticProgram(join(root, 'test/guest/programs/deleter.c'));
  return program;
}

/** Runs the deleter; resolves to the lines that it prints. */
export function deleterLines<Line>(...args: (string | number)[]): Promise<Line[]> {
  return new Promise((resolve, reject) => {
    execFile(deleterProgram(), args.map(String), { maxBuffer: 1 << 28 }, (error, stdout) => {
      if (error) reject(error);
      else
        resolve(
          stdout
            .trimEnd()
            .split('\n')
            .map((line) => JSON.parse(line)),
        );
    });
  });
}

/** Runs the deleter; resolves to the last line that it prints. */
export async function deleter(...args: (string | number)[]): Promise<{ pid: number; count: number }> {
  return (await deleterLines<{ pid: number; count: number }>(...args)).at(-1)!;
}

/** A tmpfs with room for any number of files. */
export function mountTmpfs(directory: string): void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16g,nr_inodes=0', 'tmpfs', directory]);
}

export function unmount(directory: string): void {
  execFileSync('umount', ['--lazy', directory]);
}

const READER = join(root, 'test/event-lines/read-log.ts');
const TYPESCRIPT = join(root, 'test/lib/typescript.mjs');
/** More than 300,000 lines. To check one takes longer than to write it. */
const KEPT_MIB = 320;
/** The kernel counts in ticks of USER_HZ, which is 100 on x86-64 and arm64. */
const MS_PER_TICK = 10;
/** Every few seconds: less than a second's work. */
const ROTATED_KEPT_MIB = 16;

/** What test/event-lines/read-log.ts found. */
export interface LogAccount extends LineAccount {
  /** Lines in the log, of which `lines` were held against the schema. */
  readonly read: number;
  readonly torn: number;
}

/** A log that another process reads: a FIFO. Every line is counted, and a part of a long log held against the schema. */
export class CountedLog {
  private readonly reader: ChildProcess;
  private readonly counted: Promise<LogAccount>;

  constructor(readonly path: string) {
    makeFifo(path);
    // As soon at work as the daemon: not the reader is tested.
    this.reader = spawnReader(path, KEPT_MIB, -10);
    this.counted = outputOf(this.reader);
    // Of one that is killed nobody asks.
    this.counted.catch(() => undefined);
  }

  pause(): void {
    this.reader.kill('SIGSTOP');
  }

  resume(): void {
    this.reader.kill('SIGCONT');
  }

  /** When the writer is gone; throws when a line was not of the schema. */
  async account(): Promise<LogAccount> {
    const account = await this.counted;
    const { read, lines, invalid } = account;
    console.log(`${read} event lines, ${lines} held against the schema, invalid: ${invalid}`);
    checkedLines.add(account);
    return account;
  }

  close(): void {
    this.reader.kill('SIGKILL');
  }
}

/** Reads a FIFO or a file, at another priority than that of the daemon or at the same. */
function spawnReader(path: string, keptMiB: number, niceness: number): ChildProcess {
  const script = 'exec "$1" --import "$2" "$3" "$4" < "$5"';
  const reader = [process.execPath, TYPESCRIPT, READER, String(keptMiB), path];
  const args = ['-n', String(niceness), 'sh', '-c', script, 'sh', ...reader];
  return spawn('nice', args, { stdio: ['ignore', 'pipe', 'inherit'] });
}

async function outputOf(reader: ChildProcess): Promise<LogAccount> {
  let text = '';
  for await (const part of reader.stdout!.setEncoding('utf8')) text += part;
  return JSON.parse(text);
}

/** A member of /proc/PID/status in bytes. */
export function memoryOf(pid: number, member: 'VmRSS' | 'VmHWM'): number {
  const [, kilobytes] = new RegExp(`^${member}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))!;
  return Number(kilobytes) * 1024;
}

/** Time of all processors that other virtual machines had, since the start of this one: `steal` of proc_stat(5). */
export function stolenMilliseconds(): number {
  const [, ...ticks] = readFileSync('/proc/stat', 'utf8').split('\n', 1)[0]!.split(/ +/).map(Number);
  return ticks[7]! * MS_PER_TICK;
}

export function descriptorsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** Least squares: by how much `values` grow from one to the next. */
export function slope(values: readonly number[]): number {
  const middle = (values.length - 1) / 2;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  let above = 0;
  let below = 0;
  for (const [at, value] of values.entries()) {
    above += (at - middle) * (value - mean);
    below += (at - middle) ** 2;
  }
  return above / below;
}

/** Upper bounds of the buckets that hold these fractions of rmwatch_event_delay_seconds. */
export function delayQuantiles(metrics: ReadonlyMap<string, number>, fractions: readonly number[]): number[] {
  const buckets = [...metrics].flatMap(([name, count]) => {
    const [, bound] = /^rmwatch_event_delay_seconds_bucket\{le="(.+)"\}$/.exec(name) ?? [];
    return bound === undefined ? [] : [{ bound: bound === '+Inf' ? Number.POSITIVE_INFINITY : Number(bound), count }];
  });
  const all = metrics.get('rmwatch_event_delay_seconds_count')!;
  return fractions.map((fraction) => buckets.find(({ count }) => count >= fraction * all)!.bound);
}

/** Does `act` again and again, `periodMs` apart, until the returned function is called, which waits for the last. */
export function every(periodMs: number, act: () => unknown): () => Promise<void> {
  let going = true;
  const loop = (async () => {
    while (going) {
      await act();
      await new Promise((resolve) => setTimeout(resolve, periodMs));
    }
  })();
  return () => {
    going = false;
    return loop;
  };
}

/** A daemon on a work directory that is a tmpfs of its own. */
export class FloodDaemon extends HostDaemon {
  constructor(options: ConstructorParameters<typeof HostDaemon>[0] = {}) {
    super(options);
    mountTmpfs(this.work);
  }

  /** A directory below the work directory. */
  subdirectory(name: string): string {
    const directory = join(this.work, name);
    mkdirSync(directory);
    return directory;
  }

  override async dispose(): Promise<void> {
    unmount(this.work);
    await super.dispose();
  }

  /** Holds a part of what was rotated away against the schema, and removes it; returns the number of lines. */
  async removeRotated(): Promise<number> {
    let read = 0;
    for (const name of readdirSync(this.directory)) {
      if (!name.startsWith('events.json.')) continue;
      const file = join(this.directory, name);
      // What is measured meanwhile shall not wait for it.
      const account = await outputOf(spawnReader(file, ROTATED_KEPT_MIB, 19));
      rmSync(file);
      checkedLines.add(account);
      read += account.read;
    }
    return read;
  }
}
