import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../../src/config/load.js';
import { formatProblem } from '../../../src/config/problem.js';
import type { WebConfig } from '../../../src/model/web-config.js';
import { Certificates } from '../../lib/certificates.js';

const HASH = '$2b$10$MdC3VVwtuKreN9k8K3j.7uWfUth9PXTFj4gCfMWVRZlicK661gR0O';
const TLS = 'tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n';

let directory: string;

beforeAll(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'rmwatch-web-config-'));
  const certificates = new Certificates(directory);
  certificates.authority('authority');
  certificates.signed('server', 'authority', ['IP:127.0.0.1']);
});

afterAll(() => fs.rmSync(directory, { recursive: true }));

async function load(text: string, listen = '127.0.0.1:0') {
  const file = path.join(directory, 'web.yml');
  fs.writeFileSync(file, text);
  const config = path.join(directory, 'rmwatch.yaml');
  fs.writeFileSync(config, `http: { listen: "${listen}", web_config: ${file} }`);
  return loadConfig(config);
}

async function web(text: string): Promise<WebConfig> {
  const loaded = await load(text);
  if ('problems' in loaded) throw new Error(loaded.problems.map(formatProblem).join('\n'));
  return loaded.config.http.web!;
}

/** Without the directory. */
async function problems(text: string, listen?: string): Promise<string[]> {
  const loaded = await load(text, listen);
  return 'problems' in loaded ? loaded.problems.map((one) => formatProblem(one).replaceAll(`${directory}/`, '')) : [];
}

describe('the file of http.web_config', () => {
  it('may be empty: then nothing is asked for', async () => {
    expect(await web('')).toEqual({ users: new Map(), headers: {} });
  });

  it('names users, headers and certificates, which lie beside it', async () => {
    const text = `${TLS}  client_ca_file: authority.pem\n  client_auth_type: RequireAndVerifyClientCert\n  client_allowed_sans: [a.test]\n  min_version: TLS13\nhttp_server_config:\n  headers: { X-Frame-Options: DENY }\nbasic_auth_users:\n  ops: ${HASH}\n`;
    expect(await web(text)).toEqual({
      users: new Map([['ops', HASH]]),
      headers: { 'X-Frame-Options': 'DENY' },
      tls: {
        certificates: fs.readFileSync(path.join(directory, 'server.pem')),
        key: fs.readFileSync(path.join(directory, 'server.key')),
        clientAuth: 'RequireAndVerifyClientCert',
        clientAuthorities: fs.readFileSync(path.join(directory, 'authority.pem')),
        clientNames: ['a.test'],
        minVersion: 'TLSv1.3',
        maxVersion: 'TLSv1.3',
      },
    });
  });

  it.each([
    ['rate_limit: {}', 'web.yml:1:13: rate_limit: is not supported'],
    ['tls_serve_config: {}', 'web.yml:1:1: tls_serve_config: unknown key, did you mean "tls_server_config"?'],
    ['basic_auth_users: { ops: secret }', /^web.yml:1:26: basic_auth_users.ops: expected a hash of bcrypt/],
    [`basic_auth_users: { ops: "${HASH.replace('10', '31')}" }`, /expected a hash of bcrypt of a cost up to 14/],
    [`${TLS}  cipher_suites: [x]\n`, /cipher_suites: is not supported/],
    [`${TLS}  client_auth_type: Always\n`, /client_auth_type: expected NoClientCert, RequestClientCert/],
    [`${TLS}  client_auth_type: RequireAndVerifyClientCert\n`, /client_auth_type: needs client_ca_file/],
    [`${TLS}  client_ca_file: authority.pem\n`, /client_ca_file: has no effect with client_auth_type NoClientCert/],
    [`${TLS}  client_allowed_sans: ["spiffe://a/b"]\n`, /client_allowed_sans\[0\]: .*URIs are not supported/],
    [`${TLS}  client_allowed_sans: [a.test]\n`, /client_allowed_sans: needs client_auth_type/],
    [`${TLS}  min_version: TLS13\n  max_version: TLS12\n`, /max_version: is below min_version/],
    [TLS.replace('server.key', 'authority.key'), /key_file: does not fit cert_file/],
    [TLS.replace('server.pem', 'web.yml'), /cert_file: holds no certificate/],
    [TLS.replace('server.pem', 'none.pem'), /cert_file: cannot be read: ENOENT/],
    ['http_server_config: { http2: true }', /http2: expected false/],
    ['http_server_config: { headers: { Location: x } }', /headers/],
    ['http_server_config: { headers: { X-Frame-Options: "a\\nb" } }', /printable ASCII/],
  ])('%j is refused where it stands', async (text, expected) => {
    expect(await problems(text)).toEqual([typeof expected === 'string' ? expected : expect.stringMatching(expected)]);
  });

  it('is refused where rmwatch.yaml names it when there is none, or TLS would go over a socket', async () => {
    expect(await problems(TLS, 'unix:/run/x.sock')).toEqual([
      expect.stringMatching(/^rmwatch.yaml:1:\d+: http.web_config: a socket in the filesystem takes no TLS/),
    ]);
    const config = path.join(directory, 'missing.yaml');
    fs.writeFileSync(config, `http:\n  web_config: ${directory}/none.yml\n`);
    const loaded = await loadConfig(config);
    expect('problems' in loaded && loaded.problems.map(formatProblem)).toEqual([
      `${config}:2:15: http.web_config: there is no file ${directory}/none.yml`,
    ]);
  });
});
