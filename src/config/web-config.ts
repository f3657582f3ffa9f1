import { readFile as readBytes } from 'node:fs/promises';
import { isIP } from 'node:net';
import path from 'node:path';
import { createSecureContext } from 'node:tls';
import * as z from 'zod';
import { CLIENT_AUTH_TYPES, type TlsSettings, type WebConfig } from '../model/web-config.js';
import type { KnownKeys } from './issue-text.js';
import { readFile } from './parse.js';
import { formatPath, type KeyPath, type Problem } from './problem.js';
import type { YamlSource } from './yaml-source.js';

/**
 * The file of `http.web_config`, in the form of Prometheus' exporter-toolkit (its docs/web-configuration.md). What it knows
 * and this daemon does not do is refused rather than passed over.
 */

const VERSIONS = { TLS12: 'TLSv1.2', TLS13: 'TLSv1.3' } as const;

/** Headers that a file may set there. */
const HEADERS = [
  'Content-Security-Policy',
  'Strict-Transport-Security',
  'X-Content-Type-Options',
  'X-Frame-Options',
  'X-XSS-Protection',
] as const;

/** Each step doubles the time of a check: at 14 it takes some two seconds, and a scrape has ten. */
const BCRYPT_COST_MAX = 14;

const NOT_TAKEN = 'is not supported: leave it out, the defaults of Node.js and OpenSSL apply';

function notTaken(message = NOT_TAKEN) {
  return z.undefined({ error: message }).optional();
}

const clientName = z.string().refine((name) => isIP(name) !== 0 || /^[^\s/:]+$/.test(name), {
  error: 'expected a host name, an IP address or an e-mail address; URIs are not supported',
});

const tls = z.strictObject({
  cert_file: z.string().min(1),
  key_file: z.string().min(1),
  client_auth_type: z.enum(CLIENT_AUTH_TYPES).prefault('NoClientCert'),
  client_ca_file: z.string().min(1).optional(),
  client_allowed_sans: z.array(clientName).prefault([]),
  min_version: z.enum(['TLS12', 'TLS13']).prefault('TLS12'),
  max_version: z.enum(['TLS12', 'TLS13']).prefault('TLS13'),
  cert: notTaken('is not supported: name a file with cert_file'),
  key: notTaken('is not supported: name a file with key_file'),
  client_ca: notTaken('is not supported: name a file with client_ca_file'),
  cipher_suites: notTaken(),
  prefer_server_cipher_suites: notTaken(),
  curve_preferences: notTaken(),
});

const server = z.strictObject({
  http2: z.literal(false, { error: 'expected false: HTTP/1.1 alone is served' }).optional(),
  headers: z
    .partialRecord(z.enum(HEADERS), z.string().regex(/^[\x20-\x7e]*$/, 'expected printable ASCII'))
    .prefault({}),
});

const hash = z.string().refine(isUsableHash, {
  error: `expected a hash of bcrypt of a cost up to ${BCRYPT_COST_MAX}, such as "htpasswd -nBC 10 NAME" prints`,
});

const schema = z.strictObject({
  tls_server_config: tls.optional(),
  http_server_config: server.optional(),
  basic_auth_users: z.record(z.string().regex(/^[^:]+$/, 'a user name has no colon'), hash).optional(),
  rate_limit: notTaken('is not supported'),
});

const KEYS: KnownKeys = {
  '': Object.keys(schema.shape),
  tls_server_config: Object.keys(tls.shape),
  http_server_config: Object.keys(server.shape),
};

function isUsableHash(text: string): boolean {
  const [, cost] = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/.exec(text) ?? [];
  return cost !== undefined && Number(cost) >= 4 && Number(cost) <= BCRYPT_COST_MAX;
}

type TlsFile = z.output<typeof tls>;

/** Reads the text of a web configuration and the files that it names, relative to its own directory. */
export async function parseWebConfig(
  text: string,
  file: string,
): Promise<{ readonly web: WebConfig } | { readonly problems: readonly Problem[] }> {
  const read = readFile(text, file, { schema, keys: KEYS });
  if ('problems' in read) return read;
  const { tls_server_config, http_server_config, basic_auth_users } = read.value;
  const users = new Map(Object.entries(basic_auth_users ?? {}));
  const headers = http_server_config?.headers ?? {};
  if (tls_server_config === undefined) return { web: { users, headers } };
  try {
    return { web: { tls: await readTls(tls_server_config, path.dirname(file)), users, headers } };
  } catch (error) {
    if (!(error instanceof TlsProblem)) throw error;
    return { problems: [problemAt(read.source, file, ['tls_server_config', error.key], error.message)] };
  }
}

class TlsProblem extends Error {
  constructor(
    readonly key: keyof TlsFile,
    message: string,
  ) {
    super(message);
  }
}

async function readTls(file: TlsFile, directory: string): Promise<TlsSettings> {
  const read = async (key: 'cert_file' | 'key_file' | 'client_ca_file'): Promise<Buffer> => {
    try {
      return await readBytes(path.resolve(directory, file[key] ?? ''));
    } catch (error) {
      throw new TlsProblem(key, `cannot be read: ${(error as Error).message}`);
    }
  };
  const certificates = await read('cert_file');
  const key = await read('key_file');
  const clientAuthorities = file.client_ca_file === undefined ? undefined : await read('client_ca_file');
  const verifies =
    file.client_auth_type === 'RequireAndVerifyClientCert' || file.client_auth_type === 'VerifyClientCertIfGiven';
  if (clientAuthorities === undefined && verifies) {
    throw new TlsProblem('client_auth_type', 'needs client_ca_file, whose authorities sign certificates of clients');
  }
  if (clientAuthorities !== undefined && file.client_auth_type === 'NoClientCert') {
    throw new TlsProblem('client_ca_file', 'has no effect with client_auth_type NoClientCert');
  }
  if (file.client_allowed_sans.length > 0 && file.client_auth_type !== 'RequireAndVerifyClientCert') {
    throw new TlsProblem('client_allowed_sans', 'needs client_auth_type RequireAndVerifyClientCert');
  }
  if (file.min_version > file.max_version) throw new TlsProblem('max_version', 'is below min_version');
  try {
    createSecureContext({ cert: certificates });
  } catch (error) {
    throw new TlsProblem('cert_file', `holds no certificate: ${(error as Error).message}`);
  }
  try {
    createSecureContext({ cert: certificates, key });
  } catch (error) {
    throw new TlsProblem('key_file', `does not fit cert_file: ${(error as Error).message}`);
  }
  try {
    createSecureContext(clientAuthorities && { ca: clientAuthorities });
  } catch (error) {
    throw new TlsProblem('client_ca_file', `holds no certificate: ${(error as Error).message}`);
  }
  return {
    certificates,
    key,
    clientAuth: file.client_auth_type,
    clientAuthorities,
    clientNames: file.client_allowed_sans,
    minVersion: VERSIONS[file.min_version],
    maxVersion: VERSIONS[file.max_version],
  };
}

function problemAt(source: YamlSource, file: string, at: KeyPath, message: string): Problem {
  return { file, ...source.position(source.offsetOf(at)), path: formatPath(at), message };
}
