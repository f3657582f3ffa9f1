import { expect, it } from 'vitest';
import { warnOfOpenPages } from '../../../src/http/open-pages.js';
import type { Config } from '../../../src/model/config.js';

type Http = Pick<Config['http'], 'listen' | 'web'>;

function warnings(listen: Http['listen'], web?: object): string[] {
  const told: string[] = [];
  warnOfOpenPages({ listen, web } as Http, { warn: (message) => told.push(message) });
  return told;
}

const tcp = (host: string) => ({ kind: 'tcp', host, port: 9101 }) as const;

it('warns of an address that other hosts reach, where nobody is asked who they are', () => {
  expect(warnings(tcp('0.0.0.0'))[0]).toMatch(/^http\.listen: whoever reaches 0\.0\.0\.0 can read the metrics/);
  expect(warnings(tcp('192.0.2.1'))).toHaveLength(1);
});

it('gives no warning for the loopback, for a server that is off, or for an address whose users are named', () => {
  expect(warnings(tcp('127.0.0.1'))).toEqual([]);
  expect(warnings(tcp('::1'))).toEqual([]);
  expect(warnings({ kind: 'off' })).toEqual([]);
  expect(warnings(tcp('0.0.0.0'), { users: new Map([['reader', 'hash']]) })).toEqual([]);
});
