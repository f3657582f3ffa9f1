import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { hashSync } from 'bcryptjs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { BasicAuth } from '../../../src/http/basic-auth.js';
import { type HttpServer, startHttpServer } from '../../../src/http/http-server.js';
import type { ClientAuthType, TlsSettings, WebConfig } from '../../../src/model/web-config.js';
import { Certificates } from '../../lib/certificates.js';

let directory: string;
let certificates: Certificates;
const servers: HttpServer[] = [];
const auths: BasicAuth[] = [];

beforeAll(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'rmwatch-web-'));
  certificates = new Certificates(directory);
  certificates.authority('authority');
  certificates.authority('other');
  certificates.signed('server', 'authority', ['IP:127.0.0.1']);
  certificates.signed('renewed', 'authority', ['IP:127.0.0.1']);
  certificates.signed('scraper', 'authority', ['DNS:scraper.test', 'IP:192.0.2.7', 'email:ops@scraper.test']);
  certificates.signed('stranger', 'other', ['DNS:scraper.test']);
});

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close(0)));
  await Promise.all(auths.splice(0).map((auth) => auth.close()));
});

afterAll(() => fs.rmSync(directory, { recursive: true }));

function tlsSettings(changes: Partial<TlsSettings> = {}, name = 'server'): TlsSettings {
  return {
    certificates: certificates.read(`${name}.pem`),
    key: certificates.read(`${name}.key`),
    clientAuth: 'NoClientCert',
    clientAuthorities: certificates.read('authority.pem'),
    clientNames: [],
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    ...changes,
  };
}

const web = (changes: Partial<WebConfig> = {}): WebConfig => ({ users: new Map(), headers: {}, ...changes });

async function start(config: WebConfig): Promise<HttpServer> {
  const server = await startHttpServer({
    listen: { kind: 'tcp', host: '127.0.0.1', port: 0 },
    web: config,
    metrics: { contentType: 'text/plain', text: async () => 'a_metric 1\n' },
    readiness: () => ({ ready: true, reason: 'ready', degraded: [] }),
    onError: (error) => {
      throw error;
    },
  });
  servers.push(server);
  return server;
}

interface Reply {
  readonly status: number | undefined;
  readonly headers: http.IncomingHttpHeaders;
  readonly serverName: string | undefined;
}

function get(server: HttpServer, options: https.RequestOptions = {}): Promise<Reply> {
  const url = new URL('/metrics', server.address);
  const client = url.protocol === 'https:' ? https : http;
  const trusted = { ca: certificates.read('authority.pem'), agent: false };
  return new Promise((resolve, reject) => {
    const request = client.get(url, { ...trusted, ...options }, (response) => {
      const { socket } = response;
      const peer = 'getPeerX509Certificate' in socket ? (socket as import('node:tls').TLSSocket) : undefined;
      const serverName = peer?.getPeerX509Certificate()?.subject;
      response
        .resume()
        .once('end', () => resolve({ status: response.statusCode, headers: response.headers, serverName }));
    });
    request.once('error', reject);
  });
}

const clientOf = (name: string) => ({ cert: certificates.read(`${name}.pem`), key: certificates.read(`${name}.key`) });

describe('TLS', () => {
  it('serves the pages over TLS alone', async () => {
    const server = await start(web({ tls: tlsSettings() }));
    expect(server.address).toMatch(/^https:/);
    expect((await get(server)).status).toBe(200);
    const plain = http.get(server.address!.replace('https', 'http'));
    await expect(new Promise((_, reject) => plain.once('error', reject))).rejects.toThrow();
  });

  const cases: [ClientAuthType, { none: boolean; signed: boolean; stranger: boolean }][] = [
    ['NoClientCert', { none: true, signed: true, stranger: true }],
    ['RequestClientCert', { none: true, signed: true, stranger: true }],
    ['RequireAnyClientCert', { none: false, signed: true, stranger: true }],
    ['VerifyClientCertIfGiven', { none: true, signed: true, stranger: false }],
    ['RequireAndVerifyClientCert', { none: false, signed: true, stranger: false }],
  ];

  it.each(cases)('%s admits %o', async (clientAuth, admitted) => {
    const server = await start(web({ tls: tlsSettings({ clientAuth }) }));
    const isAdmitted = (options: https.RequestOptions) =>
      get(server, options).then(
        () => true,
        () => false,
      );
    expect({
      none: await isAdmitted({}),
      signed: await isAdmitted(clientOf('scraper')),
      stranger: await isAdmitted(clientOf('stranger')),
    }).toEqual(admitted);
  });

  it.each([
    ['scraper.test', true],
    ['192.0.2.7', true],
    ['ops@scraper.test', true],
    ['scraper', false],
    ['192.0.2.8', false],
    ['root@scraper.test', false],
  ])('a client whose certificate must hold the name %s: admitted %s', async (name, admitted) => {
    const clientAuth = 'RequireAndVerifyClientCert';
    const server = await start(web({ tls: tlsSettings({ clientAuth, clientNames: ['elsewhere.test', name] }) }));
    expect(
      await get(server, clientOf('scraper')).then(
        () => true,
        () => false,
      ),
    ).toBe(admitted);
  });

  it('takes other certificates without a restart, and none that are unfit', async () => {
    const server = await start(web({ tls: tlsSettings() }));
    expect((await get(server)).serverName).toBe('CN=server');
    server.update(web({ tls: tlsSettings({}, 'renewed') }));
    expect((await get(server)).serverName).toBe('CN=renewed');
    const unfit = tlsSettings({ key: certificates.read('other.key') });
    expect(() => server.update(web({ tls: unfit }))).toThrow();
    expect((await get(server)).serverName).toBe('CN=renewed');
  });

  it('refuses a version below the least', async () => {
    const server = await start(web({ tls: tlsSettings({ minVersion: 'TLSv1.3' }) }));
    await expect(get(server, { maxVersion: 'TLSv1.2' })).rejects.toThrow();
    expect((await get(server)).status).toBe(200);
  });

  it('gives up connections that do not end their handshake, and answers others meanwhile', async () => {
    const server = await start(web({ tls: tlsSettings() }));
    const { hostname, port } = new URL(server.address!);
    const silent = Array.from({ length: 100 }, () => net.connect(Number(port), hostname).on('error', () => {}));
    const closed = silent.map((socket) => new Promise((resolve) => socket.once('close', resolve)));
    expect((await get(server)).status).toBe(200);
    await Promise.all(closed);
  });
});

describe('basic authentication', () => {
  const PASSWORD = 'correct: horse';
  const users = new Map([['prometheus', hashSync(PASSWORD, 4)]]);
  const header = (user: string, password: string) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  let started: number;

  function newAuth(): BasicAuth {
    started = 0;
    const source = new URL('../../../src/http/password-worker.ts', import.meta.url);
    const auth = new BasicAuth({
      users,
      onError: () => {},
      startWorker: () => {
        started++;
        return new Worker(source, { execArgv: ['--import', './test/lib/typescript.mjs'] });
      },
    });
    auths.push(auth);
    return auth;
  }

  it('admits a user with the password, and no other', async () => {
    const auth = newAuth();
    expect(await auth.check(header('prometheus', PASSWORD))).toBe('admitted');
    for (const wrong of [
      undefined,
      '',
      'Basic',
      'Bearer x',
      `Basic ${Buffer.from('prometheus').toString('base64')}`,
      header('prometheus', 'horse'),
      header('prometheus', ''),
      header('root', PASSWORD),
      header('__proto__', PASSWORD),
      header('prometheus', PASSWORD.padEnd(73, 'x')),
    ]) {
      expect(await auth.check(wrong), wrong).toBe('refused');
    }
  });

  it('compares once for each scraper, and each time for a wrong password', async () => {
    const auth = newAuth();
    expect(await auth.check(header('prometheus', PASSWORD))).toBe('admitted');
    await auth.close();
    // From memory: no thread is needed.
    expect(await auth.check(header('prometheus', PASSWORD))).toBe('admitted');
    expect(started).toBe(1);
    expect(await auth.check(header('prometheus', 'x'))).toBe('refused');
    expect(started).toBe(2);
  });

  it('forgets what was right when the users change', async () => {
    const auth = newAuth();
    expect(await auth.check(header('prometheus', PASSWORD))).toBe('admitted');
    auth.update(new Map([['prometheus', hashSync('another', 4)]]));
    expect(await auth.check(header('prometheus', PASSWORD))).toBe('refused');
    expect(await auth.check(header('prometheus', 'another'))).toBe('admitted');
  });

  it('lets eight wait, and those who were admitted before go past', async () => {
    const auth = newAuth();
    expect(await auth.check(header('prometheus', PASSWORD))).toBe('admitted');
    const attempts = Array.from({ length: 20 }, (_, i) => auth.check(header('prometheus', String(i))));
    expect(await auth.check(header('prometheus', PASSWORD))).toBe('admitted');
    const verdicts = await Promise.all(attempts);
    expect(verdicts.filter((verdict) => verdict === 'busy')).toHaveLength(12);
    expect(verdicts.filter((verdict) => verdict === 'refused')).toHaveLength(8);
  });

  it('asks for a password on every page, and adds the headers that the file wants', async () => {
    const server = await start(web({ users, headers: { 'X-Frame-Options': 'DENY' } }));
    const reply = await get(server);
    expect(reply.status).toBe(401);
    expect(reply.headers['www-authenticate']).toBe('Basic realm="rmwatch", charset="UTF-8"');
    expect(reply.headers['x-frame-options']).toBe('DENY');
    server.update(undefined);
    expect((await get(server)).status).toBe(200);
  });
});
