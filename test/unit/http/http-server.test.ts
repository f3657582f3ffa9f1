import { spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Readiness } from '../../../src/http/http-routes.js';
import { type HttpLimits, type HttpServer, startHttpServer } from '../../../src/http/http-server.js';
import type { HttpListen } from '../../../src/model/config.js';

const ANY_PORT: HttpListen = { kind: 'tcp', host: '127.0.0.1', port: 0 };

let directory: string;
let readiness: Readiness;
let metricsText: () => Promise<string>;
let errors: Error[];
const servers: HttpServer[] = [];

beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'rmwatch-http-'));
  readiness = { ready: true, reason: 'ready', degraded: [] };
  metricsText = async () => 'a_metric 1\n';
  errors = [];
});

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close(0)));
  fs.rmSync(directory, { recursive: true });
});

async function start(listen: HttpListen, limits: Partial<HttpLimits> = {}): Promise<HttpServer> {
  const server = await startHttpServer({
    listen,
    metrics: { contentType: 'text/plain; version=0.0.4; charset=utf-8', text: () => metricsText() },
    readiness: () => readiness,
    onError: (error) => errors.push(error),
    limits,
  });
  servers.push(server);
  return server;
}

interface Reply {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

function request(server: HttpServer, url: string, options: http.RequestOptions = {}, body?: string): Promise<Reply> {
  const address = server.address ?? '';
  const where = address.startsWith('unix:')
    ? { socketPath: address.slice('unix:'.length) }
    : { host: new URL(address).hostname, port: new URL(address).port };
  return new Promise((resolve, reject) => {
    const outgoing = http.request({ ...where, path: url, agent: false, ...options }, (incoming) => {
      let text = '';
      incoming.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: text }));
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

async function scrape(server: HttpServer): Promise<string> {
  return (await request(server, '/metrics')).body;
}

/** What the server sends on a raw connection until it closes it. */
function raw(server: HttpServer, send: string): Promise<string> {
  const { hostname, port } = new URL(server.address ?? '');
  return new Promise((resolve, reject) => {
    const connection = net.connect(Number(port), hostname, () => connection.write(send));
    let text = '';
    connection.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
    connection.on('error', reject);
    connection.on('close', () => resolve(text));
  });
}

describe('routes', () => {
  it('serves the metrics with their content type, query or not', async () => {
    const server = await start(ANY_PORT);
    for (const url of ['/metrics', '/metrics?name=x']) {
      const reply = await request(server, url);
      expect(reply.status).toBe(200);
      expect(reply.body).toBe('a_metric 1\n');
      expect(reply.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    }
  });

  it('is healthy as long as it answers, and ready when the daemon says so', async () => {
    const server = await start(ANY_PORT);
    expect((await request(server, '/-/ready')).status).toBe(200);
    readiness = { ready: false, reason: 'the first self-test has not passed', degraded: [] };
    const reply = await request(server, '/-/ready');
    expect(reply.status).toBe(503);
    expect(reply.body).toBe('the first self-test has not passed\n');
    expect((await request(server, '/-/healthy')).status).toBe(200);
  });

  it('is ready while something is worse than it should be, and says so in its text and a header', async () => {
    const server = await start(ANY_PORT);
    readiness = { ready: true, reason: 'ready', degraded: ['log takes nothing since 17 s (ENOSPC)', 'a\r\nX: ü'] };
    const { status, body, headers } = await request(server, '/-/ready');
    expect(status).toBe(200);
    expect(body).toBe('ready\ndegraded: log takes nothing since 17 s (ENOSPC); a\r\nX: ü\n');
    expect(headers['rmwatch-degraded']).toBe('log takes nothing since 17 s (ENOSPC); a??X: ?');
    expect(headers['x']).toBeUndefined();
    readiness = { ready: true, reason: 'ready', degraded: [] };
    expect((await request(server, '/-/ready')).headers['rmwatch-degraded']).toBeUndefined();
  });

  it('has a page that links the others', async () => {
    const { headers, body } = await request(await start(ANY_PORT), '/');
    expect(headers['content-type']).toBe('text/html; charset=utf-8');
    for (const url of ['/metrics', '/-/healthy', '/-/ready']) expect(body).toContain(`href="${url}"`);
  });

  it('answers HEAD with the headers alone', async () => {
    const reply = await request(await start(ANY_PORT), '/metrics', { method: 'HEAD' });
    expect(reply.status).toBe(200);
    expect(reply.headers['content-length']).toBe('11');
    expect(reply.body).toBe('');
  });

  it('refuses unknown paths and other methods', async () => {
    const server = await start(ANY_PORT);
    expect((await request(server, '/metricsx')).status).toBe(404);
    expect((await request(server, '/../etc/passwd')).status).toBe(404);
    const reply = await request(server, '/metrics', { method: 'POST' }, 'body');
    expect(reply.status).toBe(405);
    expect(reply.headers.allow).toBe('GET, HEAD');
  });

  it('sends headers that keep browsers from doing anything with the answer', async () => {
    const { headers } = await request(await start(ANY_PORT), '/nothing');
    expect(headers).toMatchObject({
      'cache-control': 'no-store',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
      'x-content-type-options': 'nosniff',
    });
    expect(headers['x-powered-by']).toBeUndefined();
  });

  it('hides the reason of an internal error from the client and tells it to the daemon', async () => {
    metricsText = async () => {
      throw new Error('the inner reason');
    };
    const reply = await request(await start(ANY_PORT), '/metrics');
    expect(reply.status).toBe(500);
    expect(reply.body).toBe('Internal error.\n');
    expect(errors.map((error) => error.message)).toEqual(['the inner reason']);
  });
});

const PATIENT = { headersTimeoutMs: 60_000, requestTimeoutMs: 60_000 };

describe('limits', () => {
  it('refuses headers that are too big', async () => {
    const server = await start(ANY_PORT);
    expect(await raw(server, `GET / HTTP/1.1\r\nHost: x\r\nA: ${'a'.repeat(9000)}\r\n\r\n`)).toMatch(/^HTTP\/1.1 431 /);
  });

  it('cuts off a client that does not finish its headers', async () => {
    const server = await start(ANY_PORT, { headersTimeoutMs: 50, requestTimeoutMs: 100, checkIntervalMs: 20 });
    expect(await raw(server, 'GET /metrics HTTP/1.1\r\n')).toMatch(/^HTTP\/1.1 408 /);
  });

  it('does not keep a connection on which a body is announced', async () => {
    const server = await start(ANY_PORT);
    const text = await raw(server, 'GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n');
    expect(text).toMatch(/^HTTP\/1.1 200 /);
    expect(text).toMatch(/^Connection: close\r$/m);
  });

  it('does not invite a body', async () => {
    const server = await start(ANY_PORT);
    const head = 'POST /metrics HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n';
    expect(await raw(server, head)).toMatch(/^HTTP\/1.1 405 /);
  });

  it('cuts off a client that sends nothing, or one byte now and then, by its own defaults', async () => {
    const server = await start(ANY_PORT);
    const silent = HalfOpen.connect(server, '');
    const slow = HalfOpen.connect(server, 'G');
    const drip = setInterval(() => slow.send('a'), 100);
    const before = performance.now();
    await Promise.all([silent.closed, slow.closed]);
    clearInterval(drip);
    expect(performance.now() - before).toBeGreaterThan(4_900);
    expect(performance.now() - before).toBeLessThan(9_000);
  });

  it('closes the oldest connections that wait for the sake of a new one', async () => {
    const server = await start(ANY_PORT, { ...PATIENT, maxConnections: 3 });
    const connections: HalfOpen[] = [];
    for (let i = 0; i < 4; i++) {
      connections.push(HalfOpen.connect(server, 'GET /metrics HTTP/1.1\r\n'));
      await connections.at(-1)!.connected;
    }
    await new Promise((resolve) => setTimeout(resolve, 400));
    // The fourth was let in for a moment, since all were new; now two must go.
    expect((await request(server, '/metrics')).status).toBe(200);
    await Promise.all([connections[0]!.closed, connections[1]!.closed]);
    expect(connections.map(({ open }) => open)).toEqual([false, false, true, true]);
    for (const connection of connections) connection.close();
  });

  it('lets one that is being answered go last', async () => {
    let answer = () => {};
    metricsText = () =>
      new Promise((resolve) => {
        answer = () => resolve('late 1\n');
      });
    const server = await start(ANY_PORT, { ...PATIENT, maxConnections: 1 });
    const first = request(server, '/metrics');
    await new Promise((resolve) => setTimeout(resolve, 400));
    const others = [HalfOpen.connect(server, 'G'), HalfOpen.connect(server, 'G')];
    await others[0]!.connected;
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect((await request(server, '/-/healthy')).status).toBe(200);
    await Promise.all(others.map(({ closed }) => closed));
    answer();
    expect((await first).body).toBe('late 1\n');
  });

  it('closes one that is being answered when they alone are too many', async () => {
    metricsText = () => new Promise(() => {});
    const server = await start(ANY_PORT, { ...PATIENT, maxConnections: 1 });
    const stuck = [1, 2].map(() => HalfOpen.connect(server, 'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n'));
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect((await request(server, '/-/healthy')).status).toBe(200);
    await stuck[0]!.closed;
    for (const connection of stuck) connection.close();
  });

  it('answers every scrape while another process opens half-open connections without end', async () => {
    const server = await start(ANY_PORT);
    const { port } = new URL(server.address ?? '');
    // Another process, as the attacker's own work must not delay the server.
    const attacker = spawn(process.execPath, ['-e', HALF_OPEN_WITHOUT_END, port], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      await new Promise((resolve) => attacker.stdout.once('data', resolve));
      // How long an answer takes depends on the machine. Without the limit of connections none comes at all.
      for (let i = 0; i < 15; i++) {
        expect((await request(server, '/metrics')).status).toBe(200);
        // By now a scraper of its own does not share its text with the one before.
        await new Promise((resolve) => setTimeout(resolve, 250));
      }
      expect(attacker.exitCode).toBeNull();
    } finally {
      attacker.kill();
    }
  });
});

describe('pipelining', () => {
  const get = (path: string, more = '') => `GET ${path} HTTP/1.1\r\nHost: x\r\n${more}\r\n`;

  it('answers one request after the other, in their order, however their bytes are cut', async () => {
    const server = await start(ANY_PORT);
    const { hostname, port } = new URL(server.address ?? '');
    const text = `\r\n${get('/-/healthy')}\r\n\r\n${get('/metrics')}${get('/none', 'Connection: close\r\n')}`;
    for (const pieces of [[text], [...text], text.split(/(?<=\r)/), text.split(/(?<=\n)/)]) {
      const connection = net.connect(Number(port), hostname).setNoDelay();
      let answers = '';
      connection.setEncoding('utf8').on('data', (part: string) => {
        answers += part;
      });
      for (const piece of pieces) {
        connection.write(piece);
        await new Promise((resolve) => setImmediate(resolve));
      }
      await new Promise((resolve) => connection.once('close', resolve));
      expect(answers.match(/^HTTP.*|^rmwatch is.*|^a_metric.*|^Not.*/gm)).toEqual([
        'HTTP/1.1 200 OK',
        'rmwatch is healthy.',
        'HTTP/1.1 200 OK',
        'a_metric 1',
        'HTTP/1.1 404 Not Found',
        'Not found.',
      ]);
    }
  });

  it('begins with a request only when the one before is answered', async () => {
    let made = 0;
    const waiting: (() => void)[] = [];
    metricsText = () => {
      made += 1;
      return new Promise((resolve) => waiting.push(() => resolve(`made ${made}\n`)));
    };
    const server = await start(ANY_PORT, PATIENT);
    const client = HalfOpen.connect(server, get('/metrics').repeat(1_000));
    for (let answered = 0; answered < 3; answered++) {
      while (waiting.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      expect(made).toBe(answered + 1);
      waiting.pop()!();
    }
    client.close();
  });

  it('closes a connection after a number of requests', async () => {
    const server = await start(ANY_PORT, { maxRequestsPerConnection: 3 });
    const text = await raw(server, get('/-/healthy').repeat(1_000));
    expect(text.match(/^HTTP\/1.1 200 /gm)).toHaveLength(3);
    expect(text).toMatch(/^Connection: close\r$/m);
  });

  it('makes the text for all who ask at once, at most every 250 ms, and never an older one than was asked for', async () => {
    let state = 0;
    let made = 0;
    metricsText = async () => `a_metric ${state} ${++made}\n`;
    const server = await start(ANY_PORT);
    const before = performance.now();
    for (state = 1; state <= 3; state++) {
      const replies = await Promise.all(Array.from({ length: 20 }, () => scrape(server)));
      for (const body of replies) expect(body).toMatch(new RegExp(`^a_metric ${state} `));
    }
    const elapsedMs = performance.now() - before;
    expect(made).toBeLessThanOrEqual(elapsedMs / 250 + 1);
    expect(elapsedMs).toBeGreaterThanOrEqual(499);
  });

  it('closes the oldest clients that do not read, when too many bytes wait for them', async () => {
    const size = 8 * 2 ** 20;
    metricsText = async () => 'x'.repeat(size);
    const server = await start(ANY_PORT, { ...PATIENT, maxWaitingBytes: size * 1.5 });
    const stuck: HalfOpen[] = [];
    for (let i = 0; i < 4; i++) {
      stuck.push(HalfOpen.connect(server, get('/metrics'), 'unread'));
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    expect((await scrape(server)).length).toBe(size);
    stuck.at(-1)!.readUntil(size);
    for (const client of stuck) client.read();
    await Promise.all(stuck.map(({ closed }) => closed));
    expect(stuck.map(({ received }) => received >= size)).toEqual([false, false, false, true]);
  }, 20_000);
});

/** Keeps 300 connections open that have sent half a request, and opens a new one for each that is closed. */
const HALF_OPEN_WITHOUT_END = `
  const net = require('node:net');
  let opened = 0;
  const open = () => {
    const connection = net.connect(Number(process.argv[1]), '127.0.0.1', () => {
      connection.write('GET /metrics HTTP/1.1\\r\\n');
      if (++opened === 300) console.log('all open');
    });
    connection.on('error', () => {});
    connection.on('close', () => setImmediate(open));
    connection.resume();
  };
  for (let i = 0; i < 300; i++) open();`;

/** A client that sends what it is told, and looks at nothing but whether it is still connected. */
class HalfOpen {
  readonly connected: Promise<unknown>;
  readonly closed: Promise<void>;
  open = true;
  received = 0;

  private constructor(private readonly socket: net.Socket) {
    this.connected = new Promise((resolve) => socket.once('connect', resolve));
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.open = false;
        resolve();
      });
    });
    socket.on('error', () => {});
  }

  static connect(server: HttpServer, text: string, reading: 'read' | 'unread' = 'read'): HalfOpen {
    const { hostname, port } = new URL(server.address ?? '');
    const socket = net.connect(Number(port), hostname);
    if (reading === 'read') socket.resume();
    const client = new HalfOpen(socket);
    client.send(text);
    return client;
  }

  send(text: string): void {
    this.socket.write(text);
  }

  read(): void {
    this.socket.on('data', (chunk: Buffer) => {
      this.received += chunk.length;
    });
  }

  /** Closes the connection when so much has come. */
  readUntil(bytes: number): void {
    this.socket.on('data', () => {
      if (this.received >= bytes) this.close();
    });
  }

  close(): void {
    this.socket.destroy();
  }
}

describe('address', () => {
  it('says clearly that a port is taken', async () => {
    const first = await start(ANY_PORT);
    const port = Number(new URL(first.address ?? '').port);
    await expect(start({ kind: 'tcp', host: '127.0.0.1', port })).rejects.toThrow(
      `cannot serve HTTP on 127.0.0.1:${port}: the process ${path.basename(process.execPath)}[${process.pid}] uses this address; name another by --listen or http.listen, or off`,
    );
  });

  it('serves on a unix socket that only owner and group may use, and removes it', async () => {
    const file = path.join(directory, 'http.sock');
    const server = await start({ kind: 'unix', path: file });
    expect(fs.statSync(file).mode & 0o777).toBe(0o660);
    expect((await request(server, '/-/healthy')).status).toBe(200);
    await server.close();
    expect(fs.existsSync(file)).toBe(false);
  });

  it('takes over the socket of a process that died', async () => {
    const file = path.join(directory, 'http.sock');
    const kept = path.join(directory, 'kept');
    const dead = await start({ kind: 'unix', path: file });
    fs.linkSync(file, kept);
    await dead.close();
    fs.renameSync(kept, file);
    const server = await start({ kind: 'unix', path: file });
    expect((await request(server, '/-/healthy')).status).toBe(200);
  });

  it('leaves a live socket and a file that is no socket alone', async () => {
    const live = path.join(directory, 'live.sock');
    const server = await start({ kind: 'unix', path: live });
    await expect(start({ kind: 'unix', path: live })).rejects.toThrow(`another process listens on ${live}`);
    expect((await request(server, '/-/healthy')).status).toBe(200);

    const file = path.join(directory, 'file');
    fs.writeFileSync(file, 'precious');
    await expect(start({ kind: 'unix', path: file })).rejects.toThrow('is not a socket');
    expect(fs.readFileSync(file, 'utf8')).toBe('precious');
  });

  it('does nothing when off', async () => {
    const server = await start({ kind: 'off' });
    expect(server.address).toBeUndefined();
    await server.close();
  });
});

describe('close', () => {
  it('ends within its bound although a client holds its connection, and twice', async () => {
    const server = await start(ANY_PORT);
    const { hostname, port } = new URL(server.address ?? '');
    const client = net.connect(Number(port), hostname, () => client.write('GET / HTTP/1.1\r\n'));
    client.on('error', () => {});
    await new Promise((resolve) => client.once('connect', resolve));
    const before = performance.now();
    await server.close(100);
    await server.close(100);
    expect(performance.now() - before).toBeLessThan(1000);
    client.destroy();
  });
});
