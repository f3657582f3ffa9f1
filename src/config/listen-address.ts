import { isIP, isIPv6 } from 'node:net';
import type { HttpListen } from '../model/config.js';
import type { Parsed } from './units.js';

/** Room for a path in a socket address, its terminating NUL left out. */
const SOCKET_PATH_BYTES_MAX = 107;

const EXPECTED = 'expected "host:port", "[ipv6]:port", "unix:/path" or off';

/** `127.0.0.1:29293`, `[::1]:29293`, `localhost:29293`, `unix:/run/rmwatch/http.sock` or `off`. */
export function parseListenAddress(text: string): Parsed<HttpListen> {
  if (text === 'off') return { value: { kind: 'off' } };
  if (text.startsWith('unix:')) return parseSocketListen(text.slice('unix:'.length));
  if (/^https?:\/\//.test(text)) return { error: `${EXPECTED}, got the URL "${text}"` };
  if (isIPv6(text)) return { error: `${EXPECTED}: write an IPv6 address in brackets and add a port` };
  const parts = /^(?:\[([^\]]*)\]|([^:[\]]*)):([0-9]+)$/.exec(text);
  if (parts === null) {
    return { error: `${EXPECTED}, got "${text}"${/:[0-9]+$/.test(text) ? '' : ': the port is missing'}` };
  }
  const [, bracketed, name = '', digits = ''] = parts;
  const port = Number(digits);
  if (port > 65535) return { error: `the port must be at most 65535, got ${digits}` };
  if (bracketed !== undefined) {
    if (!isIPv6(bracketed)) return { error: `"${bracketed}" is no IPv6 address` };
    return { value: { kind: 'tcp', host: bracketed, port } };
  }
  if (name === '')
    return { error: `${EXPECTED}: to listen on every address write "0.0.0.0:${port}" or "[::]:${port}"` };
  const looksNumeric = /^[0-9.]+$/.test(name);
  if (looksNumeric ? isIP(name) !== 4 : !isHostName(name)) return { error: `"${name}" is no address and no host name` };
  return { value: { kind: 'tcp', host: name, port } };
}

function parseSocketListen(text: string): Parsed<HttpListen> {
  if (!isSocketPath(text)) return { error: 'the path after "unix:" must be an absolute file path' };
  const path = parseSocketPath(text);
  return 'error' in path ? path : { value: { kind: 'unix', path: path.value } };
}

function isSocketPath(path: string): boolean {
  return path.startsWith('/') && !path.endsWith('/');
}

/** The path of a unix socket. */
export function parseSocketPath(path: string): Parsed<string> {
  if (!isSocketPath(path)) return { error: `a socket needs an absolute file path, got "${path}"` };
  const bytes = Buffer.byteLength(path);
  if (bytes > SOCKET_PATH_BYTES_MAX || path.includes('\0')) {
    return { error: `a socket path can have at most ${SOCKET_PATH_BYTES_MAX} bytes and no NUL, got ${bytes} bytes` };
  }
  return { value: path };
}

/** The name of a host as a browser sends it, in lower case, without a port. */
export function parseHostName(text: string): Parsed<string> {
  const name = text.toLowerCase();
  if (isIP(name) !== 0 || isHostName(name)) return { value: name };
  return { error: `expected the name or address of a host, without port and brackets, got "${text}"` };
}

function isHostName(name: string): boolean {
  return name.length <= 253 && /^[a-z0-9_]([a-z0-9_-]*[a-z0-9])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9])?)*\.?$/i.test(name);
}
