/** The daemon run as an operator would, with an account of what it uses. */
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { Daemon, isSettled } from '../lib/daemon.js';
import type { Metrics } from '../lib/metrics.js';
import { ENDS_WITH_BENCH } from './children.js';
import { ProcessAccount } from './process-account.js';
import type { Roots } from './workloads.js';

const START_TIMEOUT_MS = 240_000;
const SOCKET = 'events.sock';

/** A watch as rmwatch.yaml has it. */
export interface Watch {
  readonly name: string;
  readonly include: readonly string[];
  readonly exclude?: readonly string[];
  readonly log?: boolean;
}

export interface MeasuredDaemonOptions {
  /** The daemon's command line, up to its command. */
  readonly program: readonly string[];
  readonly mode: string;
  readonly watches: readonly Watch[];
  readonly outputs: string;
  readonly quietMs: number;
  /** Events go to /dev/null instead of a file. */
  readonly discard?: boolean;
  /** So many read the event socket. */
  readonly readers?: number | undefined;
  /** So many have the page open. */
  readonly pages?: number | undefined;
}

/** One watch that wants all that is deleted. */
export function matchingWatch(roots: Roots): Watch {
  return { name: 'bench', include: Object.values(roots).map((root) => `${root}/**`) };
}

/** Takes what the event socket has, and drops it. */
async function read(socket: string): Promise<net.Socket> {
  const connection = net.connect(socket);
  await once(connection, 'connect');
  return connection.on('error', () => {}).resume();
}

/** Takes what the page's stream has, and drops it. */
async function openPage(socketPath: string): Promise<http.ClientRequest> {
  const headers = { host: 'localhost' };
  const request = http.get({ socketPath, path: '/page/events', headers, agent: false });
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  if (response.statusCode !== 200) throw new Error(`the page answers ${response.statusCode}`);
  response.on('error', () => {}).resume();
  return request.on('error', () => {});
}

export class MeasuredDaemon {
  private constructor(
    readonly daemon: Daemon,
    readonly account: ProcessAccount,
    private readonly directory: string,
    private readonly connections: readonly { destroy(): unknown }[],
  ) {}

  /** Resolves when it is ready. */
  static async start(options: MeasuredDaemonOptions): Promise<MeasuredDaemon> {
    const { program, mode, watches, outputs, quietMs, discard = false, readers = 0, pages = 0 } = options;
    const name = `rmwatch-${mode}`;
    const directory = path.join(outputs, name);
    const daemon = new Daemon({
      program: [...ENDS_WITH_BENCH, ...program],
      directory,
      config: {
        watches,
        self_test: { interval: 'off' },
        ...(readers > 0 && { socket: { path: path.join(directory, SOCKET) } }),
        ...(pages > 0 && { http: { page: true } }),
      },
      attach: mode,
      startTimeoutMs: START_TIMEOUT_MS,
    });
    const log = discard ? fs.openSync('/dev/null', 'a') : daemon.eventsFile;
    daemon.spawn({ log });
    if (typeof log === 'number') fs.closeSync(log);
    const connections: (net.Socket | http.ClientRequest)[] = [];
    try {
      await daemon.ready();
      for (let reader = 0; reader < readers; reader++) connections.push(await read(path.join(directory, SOCKET)));
      for (let page = 0; page < pages; page++) connections.push(await openPage(daemon.socket));
    } catch (error) {
      daemon.kill();
      throw error;
    }
    const account = new ProcessAccount({ name, pid: daemon.pid, outputFile: daemon.eventsFile, quietMs });
    return new MeasuredDaemon(daemon, account, directory, connections);
  }

  get pid(): number {
    return this.daemon.pid;
  }

  /**
   * Waits until it rests and has told all: on a busy machine a daemon that gets no CPU looks as if it rested. Returns the
   * CPU seconds since the begin of the account, without those of the scrape, and the metrics.
   */
  async settle(): Promise<{ cpuSeconds: number; metrics: Metrics }> {
    for (;;) {
      const cpuSeconds = await this.account.settle();
      const metrics = await this.daemon.metrics();
      if (isSettled(metrics)) return { cpuSeconds, metrics };
    }
  }

  async stop(): Promise<void> {
    for (const connection of this.connections) connection.destroy();
    await this.daemon.stop();
    this.daemon.close();
    fs.rmSync(this.directory, { recursive: true, force: true });
  }
}
