/** The daemon under test, run as an operator would and spoken to from outside only: arguments, HTTP, signals, files. */
import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Metrics, parseMetrics, sampleOf } from './metrics.js';

const READY_TIMEOUT_MS = 180_000;
const STOP_TIMEOUT_MS = 120_000;
const REST_TIMEOUT_MS = 90_000;
const POLL_MS = 50;
const CHUNK_BYTES = 1 << 20;
const NEWLINE = 0x0a;

export interface DaemonOptions {
  /** The command line up to `run`. */
  readonly program: readonly string[];
  readonly attach: string;
  /** What rmwatch.yaml holds; the address of its HTTP server is added. */
  readonly config: Readonly<Record<string, unknown>>;
  /** For everything the daemon reads and writes; made if need be. */
  readonly directory: string;
}

export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
}

/** GET on a unix socket, each time by a connection of its own: the caller may block for longer than an idle one is kept. */
export function httpGet(socketPath: string, urlPath: string, timeoutMs = 60_000): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const request = http.get({ socketPath, path: urlPath, timeout: timeoutMs, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        body += part;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
    request.on('error', reject).on('timeout', () => request.destroy(new Error(`no answer to ${urlPath}`)));
  });
}

export class Daemon {
  readonly attach: string;
  readonly eventsFile: string;
  readonly diagnosticsFile: string;
  readonly socket: string;
  private readonly program: readonly string[];
  private readonly configFile: string;
  private child: ChildProcess | undefined;
  private exited: Promise<number | NodeJS.Signals> | undefined;
  private counted = { bytes: 0, lines: 0 };

  constructor({ program, attach, config, directory }: DaemonOptions) {
    this.program = program;
    this.attach = attach;
    this.eventsFile = path.join(directory, 'events.json');
    this.diagnosticsFile = path.join(directory, 'diagnostics.json');
    this.socket = path.join(directory, 'http.sock');
    this.configFile = path.join(directory, 'rmwatch.yaml');
    fs.mkdirSync(directory, { recursive: true });
    // JSON is YAML.
    fs.writeFileSync(this.configFile, JSON.stringify({ ...config, http: { listen: `unix:${this.socket}` } }));
  }

  /** Resolves when the daemon says that it is ready. */
  async start(): Promise<void> {
    const diagnostics = fs.openSync(this.diagnosticsFile, 'a');
    const [command, ...before] = this.program;
    const args = ['run', '--attach', this.attach, '--config', this.configFile, '--format', 'json'];
    this.child = spawn(command!, [...before, ...args, '--log', this.eventsFile], {
      stdio: ['ignore', 'ignore', diagnostics],
    });
    fs.closeSync(diagnostics);
    this.exited = new Promise((resolve) => this.child!.once('exit', (code, signal) => resolve(code ?? signal!)));
    const deadline = performance.now() + READY_TIMEOUT_MS;
    for (;;) {
      const answer = await this.get('/-/ready').catch(() => undefined);
      if (answer?.status === 200) return;
      if (this.child.exitCode !== null || performance.now() > deadline) {
        throw new Error(`the daemon is not ready: ${answer?.body ?? ''} ${this.diagnostics()}`);
      }
      await sleep(POLL_MS);
    }
  }

  get pid(): number {
    return this.child!.pid!;
  }

  get(urlPath: string): Promise<HttpAnswer> {
    return httpGet(this.socket, urlPath);
  }

  async metricsText(): Promise<string> {
    return (await this.get('/metrics')).body;
  }

  async metrics(): Promise<Metrics> {
    return parseMetrics(await this.metricsText());
  }

  /**
   * Waits until nothing new arrives: the ring is empty, two scrapes agree, and the log has a line for every event that was
   * handed to it. For configurations in which every watch logs. Returns the text of the last scrape.
   */
  async settle(): Promise<string> {
    const deadline = performance.now() + REST_TIMEOUT_MS;
    let before = '';
    for (;;) {
      const text = await this.metricsText();
      const metrics = parseMetrics(text);
      const delivered = sampleOf(metrics, 'rmwatch_events_delivered_total');
      const now = `${sampleOf(metrics, 'rmwatch_events_seen_total')} ${delivered}`;
      const isEmpty = sampleOf(metrics, 'rmwatch_ring_buffer_used_bytes') === 0;
      if (isEmpty && now === before && this.eventLines() >= delivered) return text;
      if (performance.now() > deadline) {
        throw new Error(`the daemon does not come to rest: ${this.eventLines()} lines\n${text}`);
      }
      before = now;
      await sleep(POLL_MS);
    }
  }

  /** Bytes of event lines so far. */
  eventBytes(): number {
    return fs.existsSync(this.eventsFile) ? fs.statSync(this.eventsFile).size : 0;
  }

  /** Finished event lines so far. What was counted before is not read again. */
  eventLines(): number {
    if (!fs.existsSync(this.eventsFile)) return this.counted.lines;
    const file = fs.openSync(this.eventsFile, 'r');
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    for (;;) {
      const length = fs.readSync(file, chunk, 0, CHUNK_BYTES, this.counted.bytes);
      if (length === 0) break;
      const bytes = chunk.subarray(0, length);
      for (let at = bytes.indexOf(NEWLINE); at !== -1; at = bytes.indexOf(NEWLINE, at + 1)) this.counted.lines += 1;
      this.counted.bytes += length;
    }
    fs.closeSync(file);
    return this.counted.lines;
  }

  diagnostics(): string {
    return fs.existsSync(this.diagnosticsFile) ? fs.readFileSync(this.diagnosticsFile, 'utf8') : '';
  }

  /** The exit code, or the signal that ended it. Throws when it does not end in time, and kills it. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | NodeJS.Signals> {
    this.child!.kill(signal);
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        this.child!.kill('SIGKILL');
        reject(new Error(`no exit after ${signal}: ${this.diagnostics()}`));
      }, STOP_TIMEOUT_MS);
    });
    try {
      return await Promise.race([this.exited!, timeout]);
    } finally {
      // A timer that is left would keep the whole guest waiting.
      clearTimeout(timer);
    }
  }

  kill(): void {
    this.child?.kill('SIGKILL');
  }
}
