import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../../src/config/load.js';
import { pageObstacle } from '../../../src/http/page-access.js';
import type { TlsSettings } from '../../../src/model/web-config.js';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'rmwatch-page-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

async function load(http: string) {
  const file = join(directory, `${Math.random()}.yaml`);
  writeFileSync(file, `http:\n  ${http.replaceAll('\n', '\n  ')}\n`);
  return loadConfig(file);
}

function webConfig(content: object): string {
  const file = join(directory, `${Math.random()}.yml`);
  writeFileSync(file, JSON.stringify(content));
  return file;
}

describe('http.page', () => {
  it('is off by default', async () => {
    expect(await load('listen: off')).toMatchObject({ config: { http: { page: false, pageHosts: [] } } });
  });

  it('is for a socket, and takes the names of a proxy', async () => {
    const loaded = await load(
      'listen: unix:/run/rmwatch/http.sock\npage: true\npage_hosts: [Watch.example.org, "::1"]',
    );
    expect(loaded).toMatchObject({ config: { http: { page: true, pageHosts: ['watch.example.org', '::1'] } } });
  });

  it('is an error where every user of the host could read it, at its place', async () => {
    for (const listen of ['listen: 127.0.0.1:29293', 'listen: "[::]:29293"']) {
      expect(await load(`${listen}\npage: true`)).toEqual({
        problems: [
          expect.objectContaining({
            ...{ line: 3, column: 9, path: 'http.page' },
            message: expect.stringMatching(/^would show names of files and users to every user of this host: /),
          }),
        ],
      });
    }
    const file = webConfig({ http_server_config: { headers: { 'X-Frame-Options': 'deny' } } });
    expect(await load(`web_config: ${file}\npage: true`)).toMatchObject({ problems: [{ path: 'http.page' }] });
  });

  it('is an error without a server', async () => {
    expect(await load('listen: off\npage: true')).toMatchObject({
      problems: [{ path: 'http.page', message: 'needs http.listen, which is off' }],
    });
  });

  it('is for a port with users', async () => {
    const file = webConfig({ basic_auth_users: { ada: `$2y$10$${'a'.repeat(53)}` } });
    expect(await load(`web_config: ${file}\npage: true`)).toMatchObject({ config: { http: { page: true } } });
  });

  it('is for a port that asks for certificates which an authority has signed, and no others', () => {
    const listen = { kind: 'tcp' as const, host: '::', port: 1 };
    const web = (clientAuth: TlsSettings['clientAuth']) => ({
      ...{ users: new Map<string, string>(), headers: {} },
      tls: { clientAuth } as TlsSettings,
    });
    expect(pageObstacle({ listen, web: web('RequireAndVerifyClientCert') })).toBeUndefined();
    for (const clientAuth of ['RequireAnyClientCert', 'VerifyClientCertIfGiven', 'NoClientCert'] as const) {
      expect(pageObstacle({ listen, web: web(clientAuth) })).toBeDefined();
    }
  });

  it('takes names without ports', async () => {
    for (const name of ['watch.example.org:443', '[::1]', 'https://a', '']) {
      expect(await load(`page_hosts: ["${name}"]`)).toMatchObject({
        problems: [{ path: 'http.page_hosts[0]', message: expect.stringContaining(`got "${name}"`) }],
      });
    }
  });
});
