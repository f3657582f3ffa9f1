import { describe, expect, it } from 'vitest';
import { parseListenAddress } from '../../../src/config/listen-address.js';

describe('parseListenAddress', () => {
  it.each([
    ['127.0.0.1:29293', { kind: 'tcp', host: '127.0.0.1', port: 29293 }],
    ['localhost:0', { kind: 'tcp', host: 'localhost', port: 0 }],
    ['[::1]:65535', { kind: 'tcp', host: '::1', port: 65535 }],
    ['unix:/run/rmwatch/http.sock', { kind: 'unix', path: '/run/rmwatch/http.sock' }],
    ['off', { kind: 'off' }],
  ])('%s', (text, value) => expect(parseListenAddress(text)).toEqual({ value }));

  it.each([
    ['', 'expected "host:port"'],
    ['localhost', 'the port is missing'],
    ['localhost:65536', 'at most 65535'],
    [':29293', '0.0.0.0:29293'],
    ['::1', 'in brackets'],
    ['[::1]', 'the port is missing'],
    ['[127.0.0.1]:1', 'no IPv6 address'],
    ['300.1.1.1:80', 'no address'],
    ['-x:80', 'no address'],
    ['http://localhost:80', 'URL'],
    ['unix:run/http.sock', 'absolute'],
    [`unix:/${'x'.repeat(107)}`, 'at most 107 bytes'],
  ])('refuses "%s"', (text, message) =>
    expect(parseListenAddress(text)).toEqual({ error: expect.stringContaining(message) }),
  );
});
