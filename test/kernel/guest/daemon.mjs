/** Runs the staged daemon inside a guest, as an operator would, and talks to it from outside only. */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';

const READY_TIMEOUT_MS = 180_000;
const STOP_TIMEOUT_MS = 120_000;

export const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** GET on the daemon's unix socket. */
export function get(socketPath, path) {
  return new Promise((resolve, reject) => {
    // A connection of its own: the caller may block for longer than the daemon keeps an idle one.
    const request = http.get({ socketPath, path, timeout: 60_000, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (part) => {
        body += part;
      });
      response.on('end', () => resolve({ status: response.statusCode, body }));
    });
    request.on('error', reject).on('timeout', () => request.destroy(new Error(`no answer to ${path}`)));
  });
}

/** The text exposition as { 'name{labels}': value }. */
export function parseMetrics(text) {
  const samples = {};
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const at = line.lastIndexOf(' ');
    samples[line.slice(0, at)] = Number(line.slice(at + 1));
  }
  return samples;
}

export class GuestDaemon {
  /** `check`: from event-lines.mjs; every line that is read is held against the schema. */
  constructor({ mode, config, dir, program, check }) {
    this.mode = mode;
    this.dir = dir;
    this.program = program;
    this.check = check;
    this.eventsFile = `${dir}/events.json`;
    this.diagnosticsFile = `${dir}/diagnostics.json`;
    this.socket = `${dir}/http.sock`;
    this.read = { bytes: 0, events: [] };
    fs.mkdirSync(dir, { recursive: true });
    // JSON is YAML.
    fs.writeFileSync(`${dir}/rmwatch.yaml`, JSON.stringify({ ...config, http: { listen: `unix:${this.socket}` } }));
  }

  async start() {
    const diagnostics = fs.openSync(this.diagnosticsFile, 'a');
    const args = [
      'run',
      '--attach',
      this.mode,
      '--config',
      `${this.dir}/rmwatch.yaml`,
      '--format',
      'json',
      '--log',
      this.eventsFile,
    ];
    this.child = spawn(this.program, args, { stdio: ['ignore', 'ignore', diagnostics] });
    fs.closeSync(diagnostics);
    this.exited = new Promise((resolve) => this.child.once('exit', (code, signal) => resolve({ code, signal })));
    const deadline = Date.now() + READY_TIMEOUT_MS;
    for (;;) {
      const answer = await get(this.socket, '/-/ready').catch(() => undefined);
      if (answer?.status === 200) return;
      if (this.child.exitCode !== null || Date.now() > deadline) {
        throw new Error(`the daemon is not ready: ${answer?.body ?? ''} ${this.diagnostics()}`);
      }
      await sleep(100);
    }
  }

  get pid() {
    return this.child.pid;
  }

  async metrics() {
    return parseMetrics((await get(this.socket, '/metrics')).body);
  }

  /**
   * Waits until nothing new arrives: the ring is empty, two scrapes agree and the file has a line for every event that was
   * handed to the log. For configurations in which every watch logs.
   */
  async settle() {
    let before;
    for (let round = 0; round < 600; round++) {
      const now = await this.metrics();
      const key = `${now.rmwatch_events_seen_total} ${now.rmwatch_events_delivered_total}`;
      const written = this.events().length >= now.rmwatch_events_delivered_total;
      if (now.rmwatch_ring_buffer_used_bytes === 0 && key === before && written) return now;
      before = key;
      await sleep(150);
    }
    throw new Error('the daemon does not come to rest');
  }

  /** Bytes of event lines so far. */
  eventBytes() {
    return fs.existsSync(this.eventsFile) ? fs.statSync(this.eventsFile).size : 0;
  }

  /** All events so far. What was read before is not read again, and a line that is being written waits for its end. */
  events() {
    if (!fs.existsSync(this.eventsFile)) return this.read.events;
    const file = fs.openSync(this.eventsFile, 'r');
    const added = Buffer.alloc(fs.fstatSync(file).size - this.read.bytes);
    fs.readSync(file, added, 0, added.length, this.read.bytes);
    fs.closeSync(file);
    const end = added.lastIndexOf(0x0a) + 1;
    this.read.bytes += end;
    for (const event of this.check.add(added.subarray(0, end))) if (event !== undefined) this.read.events.push(event);
    return this.read.events;
  }

  /** Every finished line so far, held against the schema: { lines, invalid, problems }. */
  checkedLines() {
    this.events();
    return this.check.toJSON();
  }

  diagnostics() {
    return fs.existsSync(this.diagnosticsFile) ? fs.readFileSync(this.diagnosticsFile, 'utf8') : '';
  }

  async stop(signal = 'SIGTERM') {
    this.child.kill(signal);
    let timer;
    const timeout = new Promise((_, reject) => {
      timer = setTimeout(() => {
        this.child.kill('SIGKILL');
        reject(new Error(`no exit after ${signal}: ${this.diagnostics()}`));
      }, STOP_TIMEOUT_MS);
    });
    try {
      return await Promise.race([this.exited, timeout]);
    } finally {
      // A timer that is left would keep the whole guest waiting.
      clearTimeout(timer);
    }
  }
}

/** What remains of seen - filtered - lost - delivered; 0 when the ledger closes. */
export function ledgerGap(metrics) {
  let gap = metrics.rmwatch_events_seen_total - metrics.rmwatch_events_delivered_total;
  for (const [name, value] of Object.entries(metrics)) {
    if (/^rmwatch_events_(filtered|lost)_total/.test(name)) gap -= value;
  }
  return gap;
}

export function lost(metrics) {
  return Object.entries(metrics)
    .filter(([name]) => name.startsWith('rmwatch_events_lost_total'))
    .reduce((sum, [, value]) => sum + value, 0);
}
