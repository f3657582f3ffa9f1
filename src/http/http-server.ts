import http from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { processListeningOn } from '../host/listening-process.js';
import type { Metrics } from '../metrics/registry.js';
import type { HttpListen } from '../model/config.js';
import type { WebConfig } from '../model/web-config.js';
import { escapeControl } from '../text/escape.js';
import { Access } from './access.js';
import type { BasicAuth } from './basic-auth.js';
import { ConnectionLimit } from './connection-limit.js';
import {
  type Answer,
  createRoutes,
  type MoreRoutes,
  plain,
  type Readiness,
  type Route,
  type StreamAnswer,
} from './http-routes.js';
import { RequestGate } from './request-gate.js';
import { listenOnSocket, removeStaleSocket } from './unix-socket.js';

export interface HttpServerOptions {
  readonly listen: HttpListen;
  /** Who may read the pages; undefined: whoever can connect. */
  readonly web?: WebConfig | undefined;
  readonly metrics: Metrics;
  readiness(): Readiness;
  /** What else is served at the moment; undefined: nothing. */
  more?(): MoreRoutes | undefined;
  /** Told what went wrong while serving; the client gets no more than a 500. */
  onError(error: Error): void;
  readonly limits?: Partial<HttpLimits>;
}

/** A scraper sends a few hundred bytes and reads the answer at once; whatever needs more than this is not one. */
export interface HttpLimits {
  /** From the connection, or the first byte of a further request, to the end of its headers. */
  readonly headersTimeoutMs: number;
  readonly requestTimeoutMs: number;
  /** Longest silence on a connection, also while the client does not read its answer. */
  readonly idleTimeoutMs: number;
  /** How often the first two are looked at: so much later they may take effect. */
  readonly checkIntervalMs: number;
  /** With more than these the oldest gives way, see ConnectionLimit. */
  readonly maxConnections: number;
  /** Answers of ten thousand watches have 6 MB; scrapers take them at once. */
  readonly maxWaitingBytes: number;
  /** Then the client has to connect again: a scraper does so every half an hour. */
  readonly maxRequestsPerConnection: number;
}

const DEFAULT_LIMITS: HttpLimits = {
  // A scraper needs milliseconds; but when the daemon itself got no CPU for seconds, that is not the scraper's fault.
  headersTimeoutMs: 5_000,
  requestTimeoutMs: 10_000,
  idleTimeoutMs: 30_000,
  checkIntervalMs: 500,
  maxConnections: 64,
  maxWaitingBytes: 32 * 2 ** 20,
  maxRequestsPerConnection: 100,
};

const MAX_HEADER_BYTES = 8 * 1024;
const CLOSE_GRACE_MS = 1_000;

const SAFE_HEADERS = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
};

const HEADERS_OF_STATUS: Readonly<Record<number, Readonly<Record<string, string>>>> = {
  401: { 'WWW-Authenticate': 'Basic realm="rmwatch", charset="UTF-8"' },
  405: { Allow: 'GET, HEAD' },
  503: { 'Retry-After': '1' },
};

export interface HttpServer {
  /** What clients connect to, as a URL or `unix:PATH`; undefined when off. */
  readonly address: string | undefined;
  /** Other certificates, users and headers from now on. Throws, with nothing changed, when the certificates are unfit. */
  update(web: WebConfig | undefined): void;
  /** Ends within `graceMs`, whatever the clients do; a second call is harmless. */
  close(graceMs?: number): Promise<void>;
}

/** Rejects, with a message that names the address, when the address cannot be had. */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { listen } = options;
  if (listen.kind === 'off') return { address: undefined, update: () => {}, close: async () => {} };
  const access = new Access(options.web, options.onError);
  const server = createServer(options, access);
  try {
    if (listen.kind === 'unix') await removeStaleSocket(listen.path);
    await bind(server, listen);
  } catch (error) {
    throw new Error(`cannot serve HTTP on ${wanted(listen)}: ${bindProblem(error as NodeJS.ErrnoException, listen)}`, {
      cause: error,
    });
  }
  server.on('error', options.onError);
  return {
    address: actual(server, listen, access.tls !== undefined),
    update: (web) => access.update(web),
    close: async (graceMs = CLOSE_GRACE_MS) => {
      await close(server, graceMs);
      await access.auth.close();
    },
  };
}

function createServer(options: HttpServerOptions, access: Access): http.Server {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const routes = createRoutes(options.metrics, options.readiness);
  const server = http.createServer({
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    connectionsCheckingInterval: limits.checkIntervalMs,
  });
  const connections = new ConnectionLimit(limits);
  putGates(server, connections, access);
  server.setTimeout(limits.idleTimeoutMs);
  const handle = (request: http.IncomingMessage, response: http.ServerResponse) => {
    const gate = request.socket as unknown as RequestGate;
    connections.answer(gate, response);
    response.once('close', () => gate.next());
    const find = (path: string): Route | undefined => options.more?.()?.get(path) ?? routes.get(path);
    serve(find, request, access.auth, options.onError).then(
      (answer) => {
        if ('open' in answer) {
          connections.release(gate);
          sendStream(response, answer, access.headers);
          return;
        }
        const isLast = gate.requests >= limits.maxRequestsPerConnection;
        send(request, response, answer, { ...access.headers, ...(isLast && { Connection: 'close' }) });
      },
      (error: Error) => options.onError(error),
    );
  };
  server.on('request', handle);
  // Without this, "Expect: 100-continue" would invite the client to send a body that is not wanted.
  server.on('checkContinue', handle);
  return server;
}

/**
 * Puts TLS, where it is wanted, and a gate between each connection and the server, which takes any duplex stream for a
 * connection.
 */
function putGates(server: http.Server, connections: ConnectionLimit, access: Access): void {
  const [listener] = server.listeners('connection');
  server.removeAllListeners('connection');
  server.on('connection', (socket: Socket) => {
    if (access.tls === undefined) {
      const gate = new RequestGate(socket);
      connections.open(gate);
      listener!.call(server, gate);
      return;
    }
    connections.open(socket);
    access.tls.accept(socket, (secured) => {
      const gate = new RequestGate(secured);
      connections.replace(socket, gate);
      listener!.call(server, gate);
    });
  });
}

async function serve(
  find: (path: string) => Route | undefined,
  request: http.IncomingMessage,
  auth: BasicAuth,
  onError: (error: Error) => void,
): Promise<Answer | StreamAnswer> {
  const verdict = await auth.check(request.headers.authorization);
  if (verdict === 'busy') return plain(503, 'Too many passwords wait for their check.');
  if (verdict === 'refused') return plain(401, 'Unauthorized.');
  const route = find(request.url?.split('?', 1)[0] ?? '');
  if (!route) return plain(404, 'Not found.');
  if (request.method !== 'GET' && request.method !== 'HEAD') return plain(405, 'Only GET and HEAD are allowed.');
  try {
    return await route(request);
  } catch (error) {
    onError(error as Error);
    return plain(500, 'Internal error.');
  }
}

function send(
  request: http.IncomingMessage,
  response: http.ServerResponse,
  answer: Answer,
  headers: Readonly<Record<string, string>>,
): void {
  const hasBody = request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined;
  response.writeHead(answer.status, {
    ...SAFE_HEADERS,
    ...headers,
    ...answer.headers,
    'Content-Type': answer.contentType,
    'Content-Length': Buffer.byteLength(answer.body),
    ...HEADERS_OF_STATUS[answer.status],
    // No request here needs a body; giving up the connection is what keeps one from being read to its end.
    ...(hasBody && { Connection: 'close' }),
  });
  // For HEAD, node:http itself leaves the body out.
  response.end(answer.body);
}

/** The end of the answer is the end of the connection: a stream takes no request after its own. */
function sendStream(
  response: http.ServerResponse,
  answer: StreamAnswer,
  headers: Readonly<Record<string, string>>,
): void {
  response.writeHead(answer.status, {
    ...SAFE_HEADERS,
    ...headers,
    ...answer.headers,
    'Content-Type': answer.contentType,
    Connection: 'close',
  });
  response.flushHeaders();
  answer.open(response);
}

function bind(server: http.Server, listen: Exclude<HttpListen, { kind: 'off' }>): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.once('listening', () => {
      server.off('error', reject);
      resolve();
    });
    if (listen.kind === 'unix') listenOnSocket(server, listen.path);
    else server.listen(listen.port, listen.host);
  });
}

async function close(server: http.Server, graceMs: number): Promise<void> {
  if (!server.listening) return;
  await new Promise<void>((resolve) => {
    const patience = setTimeout(() => server.closeAllConnections(), graceMs);
    server.close(() => {
      clearTimeout(patience);
      resolve();
    });
    server.closeIdleConnections();
  });
}

function userOf(listen: HttpListen): string {
  const user = listen.kind === 'tcp' ? processListeningOn(listen.port) : undefined;
  return user === undefined ? 'another process' : `the process ${escapeControl(user.name)}[${user.pid}]`;
}

function wanted(listen: Exclude<HttpListen, { kind: 'off' }>): string {
  return listen.kind === 'unix' ? `unix:${listen.path}` : hostAndPort(listen.host, listen.port);
}

function actual(server: http.Server, listen: Exclude<HttpListen, { kind: 'off' }>, secure: boolean): string {
  if (listen.kind === 'unix') return `unix:${listen.path}`;
  const { address, port } = server.address() as AddressInfo;
  return `${secure ? 'https' : 'http'}://${hostAndPort(address, port)}`;
}

function hostAndPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function bindProblem(error: NodeJS.ErrnoException, listen: HttpListen): string {
  switch (error.code) {
    case 'EADDRINUSE':
      return `${userOf(listen)} uses this address; name another by --listen or http.listen, or off`;
    case 'EADDRNOTAVAIL':
      return 'this host has no such address';
    case 'EACCES':
      return 'permission denied';
    case 'ENOTFOUND':
      return 'the host name is unknown';
    default:
      return error.message;
  }
}
