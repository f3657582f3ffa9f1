import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { stringify } from 'yaml';
import { waitUntil } from './wait-until.js';

/** The server and its tool, seen to run, or why there are none. */
export type PrometheusPrograms = { readonly server: string; readonly promtool: string } | { readonly missing: string };

/**
 * Takes both from the cache, else from the Debian package `prometheus`, which is unpacked there: nothing is installed, so
 * no Prometheus starts on the machine that runs the tests.
 */
export function findPrometheus(): PrometheusPrograms {
  const userCache = process.env['XDG_CACHE_HOME'] ?? path.join(os.homedir(), '.cache');
  const home = path.join(process.env['RMWATCH_CACHE'] ?? path.join(userCache, 'rmwatch'), 'prometheus');
  const programs = { server: path.join(home, 'usr/bin/prometheus'), promtool: path.join(home, 'usr/bin/promtool') };
  const run = () => Object.values(programs).every((program) => spawnSync(program, ['--version']).status === 0);
  if (run()) return programs;
  try {
    unpackFromDebian(home);
  } catch (error) {
    return { missing: `Prometheus could not be fetched: ${(error as Error).message}` };
  }
  return run() ? programs : { missing: `Prometheus was fetched, but does not run: ${programs.server}` };
}

/** Unpacks beside the final place and renames, so that two runs at once never see half a program. */
function unpackFromDebian(home: string): void {
  fs.mkdirSync(path.dirname(home), { recursive: true });
  const scratch = fs.mkdtempSync(`${home}-`);
  try {
    const run = (program: string, ...args: string[]) =>
      execFileSync(program, args, { cwd: scratch, stdio: ['ignore', 'ignore', 'pipe'], timeout: 120_000 });
    run('apt-get', 'download', 'prometheus');
    const archive = fs.readdirSync(scratch).find((name) => name.endsWith('.deb'));
    if (archive === undefined) throw new Error('apt-get download left no package');
    run('dpkg', '-x', archive, 'tree');
    if (!fs.existsSync(home)) fs.renameSync(path.join(scratch, 'tree'), home);
  } finally {
    fs.rmSync(scratch, { recursive: true, force: true });
  }
}

/** `[seconds, value]`. */
export type Sample = readonly [number, string];

/** An element of an answer: one sample of a vector, or several of a matrix. */
export interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly value?: Sample;
  readonly values?: readonly Sample[];
}

export interface Alert {
  readonly labels: Readonly<Record<string, string>>;
  readonly state: 'pending' | 'firing';
}

export interface Rule {
  readonly name: string;
  readonly health: 'ok' | 'unknown' | 'err';
  readonly lastError?: string;
}

/** A Prometheus of its own, on a free port of the loopback, with its data in a directory that goes with it. */
export class PrometheusServer {
  private readonly directory = fs.mkdtempSync(path.join(os.tmpdir(), 'rmwatch-prometheus-'));
  private readonly program: string;
  private child: ChildProcess | undefined;
  private exited: Promise<void> | undefined;
  private log = '';

  constructor(program: string) {
    this.program = program;
  }

  /** Resolves when it answers. Paths in `config` must be absolute. */
  async start(config: object): Promise<void> {
    const configFile = path.join(this.directory, 'prometheus.yml');
    fs.writeFileSync(configFile, stringify(config));
    const args = [
      `--config.file=${configFile}`,
      `--storage.tsdb.path=${path.join(this.directory, 'data')}`,
      '--web.listen-address=127.0.0.1:0',
    ];
    this.child = spawn(this.program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.exited = new Promise((resolve) => this.child!.once('exit', () => resolve()));
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.log += text;
    });
    await waitUntil(
      'Prometheus is ready',
      async () => {
        if (this.child!.exitCode !== null) throw new Error(`Prometheus has ended: ${this.log}`);
        const url = this.url;
        return url !== undefined && (await fetch(`${url}/-/ready`).catch(() => undefined))?.status === 200;
      },
      30_000,
    );
  }

  async dispose(): Promise<void> {
    if (this.child?.exitCode === null) {
      this.child.kill('SIGKILL');
      await this.exited;
    }
    fs.rmSync(this.directory, { recursive: true, force: true });
  }

  /** An instant query; `at` in seconds, by default now. */
  async query(query: string, at?: number): Promise<Series[]> {
    const data = await this.api<{ result: Series[] }>('query', {
      query,
      ...(at !== undefined && { time: String(at) }),
    });
    return data.result;
  }

  /** What a graph of the last `seconds` shows. */
  async queryRange(query: string, seconds: number): Promise<Series[]> {
    const end = Date.now() / 1000;
    const range = { start: String(end - seconds), end: String(end), step: '1' };
    return (await this.api<{ result: Series[] }>('query_range', { query, ...range })).result;
  }

  labelValues(label: string, matcher: string): Promise<string[]> {
    return this.api(`label/${label}/values`, { 'match[]': matcher });
  }

  async alerts(): Promise<Alert[]> {
    return (await this.api<{ alerts: Alert[] }>('alerts')).alerts;
  }

  async rules(): Promise<Rule[]> {
    return (await this.api<{ groups: { rules: Rule[] }[] }>('rules')).groups.flatMap(({ rules }) => rules);
  }

  private get url(): string | undefined {
    const [, address] = /msg="Listening on" address=(\S+)/.exec(this.log) ?? [];
    return address === undefined ? undefined : `http://${address}`;
  }

  private async api<T>(name: string, parameters: Record<string, string> = {}): Promise<T> {
    const response = await fetch(`${this.url}/api/v1/${name}?${new URLSearchParams(parameters)}`);
    const answer = (await response.json()) as { status: string; error?: string; data: T };
    if (answer.status !== 'success') throw new Error(`${name} ${JSON.stringify(parameters)}: ${answer.error}`);
    return answer.data;
  }
}
