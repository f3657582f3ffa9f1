import { type ChildProcess, spawn } from 'node:child_process';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkedLines } from './checked-lines.js';
import { waitUntil } from './wait-until.js';

const program = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

/** A daemon as an operator runs it, in a directory of its own, watched from outside only. */
export class DaemonProcess {
  readonly directory = mkdtempSync(join(tmpdir(), 'rmwatch-daemon-'));
  readonly work = mkdtempSync(join(tmpdir(), 'rmwatch-work-'));
  readonly eventsFile = join(this.directory, 'events.json');
  private readonly configFile = join(this.directory, 'rmwatch.yaml');
  private readonly socket = join(this.directory, 'http.sock');
  private child: ChildProcess | undefined;
  private exited: Promise<number | NodeJS.Signals> | undefined;
  private stderr = '';

  /** `config`: beside `http`; by default one watch, "work", on the work directory. */
  configure(config: Record<string, unknown> = {}): void {
    const whole = {
      watches: [{ name: 'work', include: [`${this.work}/**`] }],
      self_test: { interval: 'off' },
      ...config,
      http: { listen: `unix:${this.socket}` },
    };
    // At once: a daemon that reads it at the wrong moment would find it empty, which stands for the defaults.
    writeFileSync(`${this.configFile}.new`, JSON.stringify(whole));
    renameSync(`${this.configFile}.new`, this.configFile);
  }

  /** Resolves when the daemon is ready. */
  async start(...options: string[]): Promise<void> {
    this.spawn(options);
    await this.ready();
  }

  async ready(): Promise<void> {
    await waitUntil(
      'the daemon is ready',
      async () => {
        if (this.child!.exitCode !== null) throw new Error(`the daemon has ended: ${this.stderr}`);
        return (await this.get('/-/ready').catch(() => undefined))?.status === 200;
      },
      20_000,
    );
  }

  /** Starts the daemon and does not wait. Events go to `log`: a file, or an open descriptor that becomes its stdout. */
  spawn(
    options: readonly string[],
    environment: NodeJS.ProcessEnv = process.env,
    log: string | number = this.eventsFile,
  ): void {
    if (!existsSync(this.configFile)) this.configure();
    const args = [
      // As the commands of package.json and of packages have it.
      '--max-semi-space-size=4',
      '--inspect-port=[fe80::1]:9229',
      program,
      'run',
      '--config',
      this.configFile,
      '--format',
      'json',
      '--log',
      typeof log === 'number' ? 'stdout' : log,
      ...options,
    ];
    this.child = spawn(process.execPath, args, {
      stdio: ['ignore', typeof log === 'number' ? log : 'ignore', 'pipe'],
      env: environment,
    });
    this.exited = new Promise((resolve) => this.child!.once('exit', (code, signal) => resolve(code ?? signal!)));
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
  }

  get pid(): number {
    return this.child!.pid!;
  }

  get diagnostics(): string {
    return this.stderr;
  }

  signal(signal: NodeJS.Signals): void {
    this.child!.kill(signal);
  }

  /** The exit code, or the signal that ended it. */
  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | NodeJS.Signals> {
    this.signal(signal);
    return this.exited!;
  }

  /**
   * Ends the daemon, if it runs, and removes all that it left; throws when one of the event lines was not of the schema.
   * `expectCheckedLines` in afterAll() says how many there were.
   */
  async dispose(): Promise<void> {
    try {
      if (this.child !== undefined && this.child.exitCode === null) await this.stop('SIGKILL');
      for (const file of this.logFiles()) checkedLines.addFile(file);
    } finally {
      rmSync(this.directory, { recursive: true, force: true });
      rmSync(this.work, { recursive: true, force: true });
    }
  }

  /** The log and what was moved away from its place, as far as they are files. */
  private logFiles(): string[] {
    return readdirSync(this.directory)
      .map((name) => join(this.directory, name))
      .filter((file) => file.startsWith(this.eventsFile) && statSync(file).isFile());
  }

  get(path: string): Promise<{ status: number; body: string }> {
    return new Promise((resolve, reject) => {
      const options = { socketPath: this.socket, path, timeout: 5_000, agent: false as const };
      const request = http.get(options, (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (text: string) => {
          body += text;
        });
        response.on('end', () => resolve({ status: response.statusCode!, body }));
      });
      request.on('error', reject).on('timeout', () => request.destroy(new Error(`no answer to ${path}`)));
    });
  }

  /** Samples by `name{labels}`. */
  async metrics(): Promise<Map<string, number>> {
    const { body } = await this.get('/metrics');
    const lines = body.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    return new Map(
      lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
    );
  }

  /**
   * Waits until the ring is empty and two scrapes agree, then returns the metrics. When the ledger does not close, lines may
   * still be on their way to a reader: then they must agree for a second.
   */
  async settle(): Promise<Map<string, number>> {
    let before = '';
    let sinceMs = 0;
    let metrics = new Map<string, number>();
    await waitUntil(
      'the daemon has come to rest',
      async () => {
        metrics = await this.metrics();
        const now = `${metrics.get('rmwatch_events_seen_total')} ${metrics.get('rmwatch_events_delivered_total')}`;
        if (now !== before) {
          before = now;
          sinceMs = performance.now();
          return false;
        }
        if (metrics.get('rmwatch_ring_buffer_used_bytes') !== 0) return false;
        return ledgerGap(metrics) === 0 || performance.now() - sinceMs > 1_000;
      },
      30_000,
    );
    return metrics;
  }

  /**
   * The events, when each that `metrics` counts as delivered has its line: of watches that all log, in one file. Lines
   * are handed over when they are counted, and written a moment later.
   */
  // biome-ignore lint/suspicious/noExplicitAny: what the daemon writes is what is tested
  async writtenEvents(metrics: ReadonlyMap<string, number>): Promise<any[]> {
    const delivered = metrics.get('rmwatch_events_delivered_total')!;
    await waitUntil('every event has its line', () => this.events().length >= delivered);
    return this.events();
  }

  /** Finished lines so far, parsed. */
  // biome-ignore lint/suspicious/noExplicitAny: what the daemon writes is what is tested
  events(): any[] {
    if (!existsSync(this.eventsFile)) return [];
    const text = readFileSync(this.eventsFile, 'utf8');
    return text
      .slice(0, text.lastIndexOf('\n') + 1)
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  }
}

/** What remains of seen - filtered - lost - delivered: 0 when every event is accounted for. */
export function ledgerGap(metrics: ReadonlyMap<string, number>): number {
  let gap = metrics.get('rmwatch_events_seen_total')! - metrics.get('rmwatch_events_delivered_total')!;
  for (const [name, value] of metrics) {
    if (/^rmwatch_events_(filtered|lost)_total/.test(name)) gap -= value;
  }
  return gap;
}
