/** The daemon under test, run as an operator would and spoken to from outside only: arguments, HTTP, signals, files. */
import { type ChildProcess, type SpawnOptions as SpawnOptionsOfNode, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { EventLog, type LineParser } from './event-log.js';
import { type HttpAnswer, type HttpServer, httpGet } from './http-get.js';
import { ledgerGap, Metrics, sampleOf } from './metrics.js';
import { waitUntil } from './wait-until.js';

const START_TIMEOUT_MS = 180_000;
const STOP_TIMEOUT_MS = 120_000;
const REST_TIMEOUT_MS = 90_000;
const POLL_MS = 20;
/** What does not change for so long, though the ledger is open, waits for a reader or is a fault. */
const UNCHANGED_MS = 1_000;

/** Starts a program as process 1 of its own namespaces, waits for it, and ends as it does. */
const CONTAINER = ['unshare', '-m', '-p', '-f', '--mount-proc'];

export type DaemonConfig = Readonly<Record<string, unknown>>;

export interface DaemonOptions {
  /** The command line up to `run`. */
  readonly program: readonly string[];
  /** For everything the daemon reads and writes; made if need be. */
  readonly directory: string;
  /** What rmwatch.yaml holds; to `http` the address of the server is added. */
  readonly config: DaemonConfig;
  /** It runs in mount and pid namespaces of its own, as in a container. */
  readonly isContained?: boolean;
  /** As `--attach`; by default what the configuration says. */
  readonly attach?: string;
  /** `port`: HTTP on a free port of the loopback, for clients that know no unix sockets. */
  readonly listen?: 'socket' | 'port';
  /** Takes each line that `events()` reads, to hold it against the schema. */
  readonly parser?: LineParser;
  /** How long the start may take. */
  readonly startTimeoutMs?: number;
}

export interface SpawnOptions {
  readonly environment?: NodeJS.ProcessEnv;
  /** A file, or an open descriptor that becomes its stdout; by default `eventsFile`. */
  readonly log?: string | number;
}

/** Bytes of records that the daemon has not handled. */
function waitingBytes(metrics: Metrics): number {
  return sampleOf(metrics, 'rmwatch_ring_buffer_used_bytes') + sampleOf(metrics, 'rmwatch_backlog_used_bytes');
}

/**
 * Whether every event is accounted for and nothing waits in the ring. A scrape tells a state that is not older than its
 * request, so that one is enough.
 */
export function isSettled(metrics: Metrics): boolean {
  return waitingBytes(metrics) === 0 && ledgerGap(metrics) === 0;
}

export class Daemon {
  readonly directory: string;
  readonly eventsFile: string;
  readonly diagnosticsFile: string;
  readonly configFile: string;
  /** The unix socket of its HTTP server, unless that has a port. */
  readonly socket: string;
  private readonly log: EventLog;
  private child: ChildProcess | undefined;
  private exited: Promise<number | NodeJS.Signals> | undefined;

  constructor(private readonly options: DaemonOptions) {
    const { directory, config, parser } = options;
    this.directory = directory;
    this.eventsFile = path.join(directory, 'events.json');
    this.diagnosticsFile = path.join(directory, 'diagnostics.json');
    this.configFile = path.join(directory, 'rmwatch.yaml');
    this.socket = path.join(directory, 'http.sock');
    this.log = new EventLog(this.eventsFile, parser);
    fs.mkdirSync(directory, { recursive: true });
    this.configure(config);
  }

  /** Writes rmwatch.yaml; a daemon that runs takes it after SIGHUP. */
  configure(config: DaemonConfig): void {
    const listen = this.options.listen === 'port' ? '127.0.0.1:0' : `unix:${this.socket}`;
    // JSON is YAML. A file that is read while it is written would be empty, which stands for the defaults.
    const http = { listen, ...(config['http'] as object | undefined) };
    fs.writeFileSync(`${this.configFile}.new`, JSON.stringify({ ...config, http }));
    fs.renameSync(`${this.configFile}.new`, this.configFile);
  }

  /** Resolves when the daemon says that it is ready. */
  start(how: SpawnOptions = {}): Promise<void> {
    this.spawn(how);
    return this.ready();
  }

  /** Starts the daemon and does not wait. */
  spawn({ environment = process.env, log = this.eventsFile }: SpawnOptions = {}): void {
    const [output, stdout] = typeof log === 'number' ? ['stdout', log] : [log, 'ignore' as const];
    const diagnostics = fs.openSync(this.diagnosticsFile, 'a');
    this.follow(this.commandOn(output), { stdio: ['ignore', stdout, diagnostics], env: environment });
    fs.closeSync(diagnostics);
  }

  /** Starts the daemon with events and messages on a unix socket, as the journal has it, and does not wait for it. */
  async spawnOnSocket(path: string): Promise<void> {
    const socket = net.connect(path);
    await once(socket, 'connect');
    this.follow(this.commandOn('stdout'), { stdio: ['ignore', socket, socket] });
    socket.destroy();
  }

  private commandOn(output: string): string[] {
    const { program, attach, isContained = false } = this.options;
    const mode = attach === undefined ? [] : ['--attach', attach];
    return [
      ...(isContained ? CONTAINER : []),
      ...program,
      'run',
      '--config',
      this.configFile,
      '--format',
      'json',
      ...mode,
      '--log',
      output,
    ];
  }

  private follow([command, ...args]: string[], options: SpawnOptionsOfNode): void {
    const child = spawn(command!, args, options);
    this.exited = new Promise((resolve, reject) => {
      child.once('exit', (code, signal) => resolve(code ?? signal!)).once('error', reject);
    });
    // It is told to whoever waits for the start or the end.
    this.exited.catch(() => {});
    this.child = child;
  }

  /** Resolves when the daemon says that it is ready; throws when it ends instead, or takes too long. */
  async ready(): Promise<void> {
    const child = this.child!;
    const end = performance.now() + (this.options.startTimeoutMs ?? START_TIMEOUT_MS);
    let answer: HttpAnswer | undefined;
    await waitUntil(
      'the daemon is ready',
      async () => {
        answer = await this.get('/-/ready').catch(() => undefined);
        if (answer?.status === 200) return true;
        if (child.pid === undefined) await this.exited;
        if (this.hasEnded || performance.now() > end) {
          throw new Error(`the daemon is not ready: ${answer?.body ?? ''} ${this.diagnostics()}`);
        }
        return false;
      },
      Number.POSITIVE_INFINITY,
      POLL_MS,
    );
  }

  get pid(): number {
    const { pid } = this.child!;
    if (this.options.isContained !== true) return pid!;
    // Until there is one, who starts it stands for it.
    return Number.parseInt(fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8'), 10) || pid!;
  }

  get isRunning(): boolean {
    return this.child?.pid !== undefined && !this.hasEnded;
  }

  private get hasEnded(): boolean {
    return this.child!.exitCode !== null || this.child!.signalCode !== null;
  }

  /** `host:port` of its HTTP server; known once the daemon has told it. */
  get address(): string {
    const told = [...this.diagnostics().matchAll(/"address":"http:\/\/([^"]+)"/g)].at(-1);
    if (told === undefined) throw new Error('the daemon has not told its address yet');
    return told[1]!;
  }

  async get(urlPath: string): Promise<HttpAnswer> {
    return httpGet(this.server(), urlPath);
  }

  private server(): HttpServer {
    if (this.options.listen !== 'port') return { socketPath: this.socket };
    const { hostname, port } = new URL(`http://${this.address}`);
    return { host: hostname, port: Number(port) };
  }

  async metrics(): Promise<Metrics> {
    const { status, body } = await this.get('/metrics');
    if (status !== 200) throw new Error(`/metrics answers ${status}: ${body}`);
    return new Metrics(body);
  }

  /**
   * Waits until the ring is empty and the ledger closes, and returns the metrics of that moment. What keeps the ledger open
   * for a second, such as a log that nobody reads, is returned too.
   */
  async settle(): Promise<Metrics> {
    let before = '';
    let sinceMs = 0;
    let metrics = new Metrics('');
    await waitUntil(
      'the daemon has come to rest',
      async () => {
        metrics = await this.metrics();
        if (isSettled(metrics)) return true;
        const now = `${sampleOf(metrics, 'rmwatch_events_seen_total')} ${ledgerGap(metrics)}`;
        if (now !== before) sinceMs = performance.now();
        before = now;
        const isEmpty = waitingBytes(metrics) === 0;
        return isEmpty && performance.now() - sinceMs > UNCHANGED_MS;
      },
      REST_TIMEOUT_MS,
      POLL_MS,
    );
    return metrics;
  }

  /**
   * Waits until the ring is empty, the ledger closes, and each event that is counted as delivered has its line in
   * `eventsFile`. For configurations in which every watch logs, and a log that takes lines, however slowly, and was not moved
   * away.
   */
  async settleLog(): Promise<Metrics> {
    let metrics = new Metrics('');
    const closes = async () => {
      metrics = await this.metrics();
      return isSettled(metrics);
    };
    await waitUntil('the ledger closes', closes, REST_TIMEOUT_MS, POLL_MS);
    const delivered = sampleOf(metrics, 'rmwatch_events_delivered_total');
    const hasAll = () => this.eventLines() >= delivered;
    await waitUntil(`${delivered} events have their lines`, hasAll, REST_TIMEOUT_MS, POLL_MS);
    return metrics;
  }

  /** Waits until its filter knows the present mounts of this host, or has no use for them. */
  async mountsFollowed(): Promise<void> {
    const isFollowed = async () => (await this.metrics()).get('rmwatch_mounts_followed') !== 0;
    await waitUntil('the daemon follows the mounts of this host', isFollowed, REST_TIMEOUT_MS, POLL_MS);
  }

  /** Waits until every record that the kernel has made is handled, though its line may not be written yet. */
  async handled(): Promise<void> {
    const isEmpty = async () => waitingBytes(await this.metrics()) === 0;
    await waitUntil('the daemon has handled what waited', isEmpty, REST_TIMEOUT_MS, POLL_MS);
  }

  /** Finished event lines so far, parsed. */
  // biome-ignore lint/suspicious/noExplicitAny: what the daemon writes is what is tested
  events(): any[] {
    return this.log.events();
  }

  /** Finished lines so far in which the record speaks of itself, parsed. */
  // biome-ignore lint/suspicious/noExplicitAny: what the daemon writes is what is tested
  record(): any[] {
    return this.log.record();
  }

  /** Finished event lines so far. */
  eventLines(): number {
    return this.log.lines();
  }

  /** Bytes of event lines so far. */
  eventBytes(): number {
    return this.log.bytes();
  }

  /** What it has said on stderr. */
  diagnostics(): string {
    return fs.existsSync(this.diagnosticsFile) ? fs.readFileSync(this.diagnosticsFile, 'utf8') : '';
  }

  /** The last of its own messages, parsed. */
  // biome-ignore lint/suspicious/noExplicitAny: what the daemon writes is what is tested
  lastDiagnostic(): any {
    return JSON.parse(this.diagnostics().trimEnd().split('\n').at(-1)!);
  }

  signal(signal: NodeJS.Signals): void {
    try {
      if (this.isRunning) process.kill(this.pid, signal);
    } catch (error) {
      // It can end before the signal comes.
      if (!/^(ESRCH|ENOENT)$/.test((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
  }

  /** The exit code, or the signal that ended it. Throws when it does not end in time, and kills it. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | NodeJS.Signals> {
    this.signal(signal);
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        this.kill();
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
    if (this.child !== undefined) this.signal('SIGKILL');
  }

  /** Closes the log that is being read; the daemon's own files stay. */
  close(): void {
    this.log.close();
  }
}
