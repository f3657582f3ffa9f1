import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { hashSync } from 'bcryptjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { Certificates } from '../lib/certificates.js';
import { findPrometheus, PrometheusServer } from '../lib/prometheus.js';
import { waitUntil } from '../lib/wait-until.js';

const PROGRAM = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const PASSWORD = 'a scraper only';

const programs = process.geteuid?.() === 0 ? findPrometheus() : { missing: 'hooking the kernel needs root' };
const missing = 'missing' in programs ? programs.missing : undefined;
const skipped = missing !== undefined && process.env['CI'] !== 'true';
if (skipped) console.warn(`test/host/prometheus-web.test.ts is skipped: ${missing}`);

describe.skipIf(skipped)('a daemon whose pages need a certificate and a password, and a real Prometheus', () => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'rmwatch-web-'));
  const certificates = new Certificates(directory);
  const webConfig = path.join(directory, 'web.yml');
  let daemon: ChildProcess;
  let diagnostics = '';
  let prometheus: PrometheusServer;

  beforeAll(async () => {
    if ('missing' in programs) throw new Error(programs.missing);
    certificates.authority('authority');
    certificates.signed('server', 'authority', ['IP:127.0.0.1']);
    certificates.signed('scraper', 'authority', ['DNS:scraper.test']);
    writeWebConfig('server');
    const config = path.join(directory, 'rmwatch.yaml');
    const watch = { name: 'work', include: [`${directory}/work/**`] };
    const http = { listen: '127.0.0.1:0', web_config: webConfig };
    fs.writeFileSync(config, stringify({ watches: [watch], http }));
    daemon = spawn(process.execPath, [PROGRAM, 'run', '--config', config, '--format', 'json'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    daemon.stderr!.setEncoding('utf8').on('data', (text: string) => {
      diagnostics += text;
    });
    await waitUntil('the daemon watches', async () => diagnostics.includes('watching for deletions'), 60_000);
    prometheus = new PrometheusServer(programs.server);
    await prometheus.start({ global: { scrape_interval: '1s', scrape_timeout: '1s' }, scrape_configs: jobs() });
  }, 120_000);

  afterAll(async () => {
    await prometheus?.dispose();
    daemon?.kill('SIGKILL');
    fs.rmSync(directory, { recursive: true });
  });

  function writeWebConfig(certificate: string): void {
    const tls = { cert_file: `${certificate}.pem`, key_file: `${certificate}.key`, client_ca_file: 'authority.pem' };
    const client = { client_auth_type: 'RequireAndVerifyClientCert', client_allowed_sans: ['scraper.test'] };
    const users = { prometheus: hashSync(PASSWORD, 10) };
    fs.writeFileSync(webConfig, stringify({ tls_server_config: { ...tls, ...client }, basic_auth_users: users }));
  }

  function jobs(): object[] {
    const address = /"address":"https:\/\/([^"]+)"/.exec(diagnostics)?.[1];
    const common = { scheme: 'https', static_configs: [{ targets: [address] }] };
    const tls = { ca_file: certificates.path('authority.pem') };
    const client = { cert_file: certificates.path('scraper.pem'), key_file: certificates.path('scraper.key') };
    const password = (text: string) => ({ basic_auth: { username: 'prometheus', password: text } });
    return [
      { job_name: 'right', ...common, tls_config: { ...tls, ...client }, ...password(PASSWORD) },
      { job_name: 'wrong password', ...common, tls_config: { ...tls, ...client }, ...password('guessed') },
      { job_name: 'no password', ...common, tls_config: { ...tls, ...client } },
      { job_name: 'no certificate', ...common, tls_config: tls, ...password(PASSWORD) },
    ];
  }

  async function scraped(): Promise<Record<string, string>> {
    const series = await prometheus.query('up');
    return Object.fromEntries(series.map(({ metric, value }) => [metric['job']!, value![1]]));
  }

  test('its web configuration is one that promtool takes', () => {
    if ('missing' in programs) throw new Error(programs.missing);
    // An older promtool does not know the names of clients yet.
    const text = fs.readFileSync(webConfig, 'utf8').replace(/ *client_allowed_sans:\n *- .*\n/, '');
    const checked = path.join(directory, 'checked.yml');
    fs.writeFileSync(checked, text);
    const { status, stdout, stderr } = spawnSync(programs.promtool, ['check', 'web-config', checked], {
      encoding: 'utf8',
    });
    expect({ status, said: `${stdout}${stderr}` }).toEqual({ status: 0, said: expect.stringContaining('SUCCESS') });
  });

  test('only the scraper with both is served', async () => {
    await waitUntil('each job has been scraped', async () => Object.keys(await scraped()).length === 4, 20_000);
    await waitUntil('the right one is served', async () => (await scraped())['right'] === '1', 20_000);
    expect(await scraped()).toEqual({ right: '1', 'wrong password': '0', 'no password': '0', 'no certificate': '0' });
  });

  test('a reload takes a renewed certificate, and keeps the one in force when the new one is unfit', async () => {
    certificates.signed('renewed', 'authority', ['IP:127.0.0.1']);
    writeWebConfig('renewed');
    daemon.kill('SIGHUP');
    await waitUntil('the reload', async () => diagnostics.includes('configuration reloaded'), 20_000);
    expect((await prometheus.query('up{job="right"}'))[0]!.value![1]).toBe('1');
    fs.writeFileSync(certificates.path('renewed.key'), certificates.read('scraper.key'));
    daemon.kill('SIGHUP');
    await waitUntil('the refusal', async () => diagnostics.includes('does not fit cert_file'), 20_000);
    const scrapes = async () => Number((await prometheus.query('sum_over_time(up{job="right"}[1h])'))[0]!.value![1]);
    const before = await scrapes();
    await waitUntil('two scrapes more', async () => (await scrapes()) >= before + 2, 20_000);
  });
});
