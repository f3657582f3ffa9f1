import { describe, expect, it } from 'vitest';
import { isAllowedHost } from '../../../src/page/allowed-host.js';

const tcp = (host: string) => ({ kind: 'tcp' as const, host, port: 29293 });
const unix = { kind: 'unix' as const, path: '/run/rmwatch/http.sock' };

describe('the names under which a browser may reach the page', () => {
  it.each(['localhost', 'LOCALHOST:8080', 'localhost.', '127.0.0.1:1', '127.1.2.3', '[::1]', '[::1]:65535'])(
    'are %s everywhere',
    (host) => {
      expect(isAllowedHost(host, unix, [])).toBe(true);
      expect(isAllowedHost(host, tcp('10.0.0.1'), [])).toBe(true);
    },
  );

  it.each([
    undefined,
    '',
    'attacker.example',
    'localhost.attacker.example',
    'localhost@attacker.example',
    'localhost:80:80',
    'localhost/',
    '[localhost]',
    '[::1',
    '::1',
    '10.0.0.1',
    '[fe80::1]',
    '0.0.0.0',
    'xlocalhost',
    '127.0.0.1.attacker.example',
  ])('are not %s at a socket', (host) => {
    expect(isAllowedHost(host, unix, [])).toBe(false);
  });

  it('are the name or the address that is listened on, however it is written', () => {
    expect(isAllowedHost('web-3:29293', tcp('Web-3'), [])).toBe(true);
    expect(isAllowedHost('web-3.', tcp('web-3'), [])).toBe(true);
    expect(isAllowedHost('web-4', tcp('web-3'), [])).toBe(false);
    expect(isAllowedHost('10.0.0.1:29293', tcp('10.0.0.1'), [])).toBe(true);
    expect(isAllowedHost('10.0.0.2', tcp('10.0.0.1'), [])).toBe(false);
    expect(isAllowedHost('[2001:db8:0::1]', tcp('2001:db8::1'), [])).toBe(true);
    expect(isAllowedHost('[2001:db8::2]', tcp('2001:db8::1'), [])).toBe(false);
  });

  it('are any address where all are listened on, and no name', () => {
    for (const listen of [tcp('0.0.0.0'), tcp('::'), tcp('0:0::0')]) {
      expect(isAllowedHost('10.0.0.2', listen, [])).toBe(true);
      expect(isAllowedHost('[fe80::1]:29293', listen, [])).toBe(true);
      expect(isAllowedHost('web-3', listen, [])).toBe(false);
    }
  });

  it('are those of the configuration', () => {
    const names = ['watch.example.org', '10.9.8.7', '2001:db8::7'];
    expect(isAllowedHost('Watch.Example.org:443', unix, names)).toBe(true);
    expect(isAllowedHost('10.9.8.7', unix, names)).toBe(true);
    expect(isAllowedHost('[2001:db8::7]', unix, names)).toBe(true);
    expect(isAllowedHost('example.org', unix, names)).toBe(false);
  });
});
