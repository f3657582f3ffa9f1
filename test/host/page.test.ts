import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import bcrypt from 'bcryptjs';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Certificates } from '../lib/certificates.js';
import { expectCheckedLines } from '../lib/checked-lines.js';
import { findChromium } from '../lib/chromium.js';
import { HostDaemon } from '../lib/host-daemon.js';
import { ledgerGap } from '../lib/metrics.js';
import { Tunnel } from '../lib/tunnel.js';
import { waitUntil } from '../lib/wait-until.js';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const WAIT_MS = 20_000;

let daemon: HostDaemon;
const streams: http.ClientRequest[] = [];

afterEach(async () => {
  for (const stream of streams.splice(0)) stream.destroy();
  await daemon.dispose();
});
afterAll(expectCheckedLines);

/** With the page, and without bursts, whose lines would be rows as well. */
function configure(more: object = {}): void {
  const watches = [{ name: 'work', include: [`${daemon.work}/**`] }];
  daemon.configure({ watches, bursts: 'off', http: { page: true, ...more } });
}

function remove(...names: (string | Buffer)[]): void {
  for (const name of names) {
    const path = Buffer.concat([Buffer.from(`${daemon.work}/`), Buffer.from(name)]);
    writeFileSync(path, 'four');
    rmSync(path);
  }
}

const numbered = (count: number) => Array.from({ length: count }, (_, index) => `${index}`);

describe('in a browser', () => {
  const found = findChromium();
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let tunnel: Tunnel;
  /** What the browser has asked for, and what it did not like. */
  let requests: string[];
  let complaints: string[];

  beforeAll(async () => {
    if ('missing' in found) return;
    browser = await chromium.launch({
      executablePath: found.program,
      // The tests are root, for which the sandbox of Chromium does not work.
      args: ['--no-sandbox', '--disable-dev-shm-usage'],
      env: { ...(process.env as Record<string, string>), ...found.environment },
    });
  });
  afterAll(() => browser?.close());

  beforeEach(async (test) => {
    daemon = new HostDaemon();
    if ('missing' in found) {
      if (process.env['CI']) throw new Error(found.missing);
      test.skip(found.missing);
      return;
    }
    configure();
    tunnel = await Tunnel.open(daemon.socket);
    context = await browser.newContext({ viewport: { width: 1280, height: 1000 } });
    page = await context.newPage();
    page.setDefaultTimeout(WAIT_MS);
    requests = [];
    complaints = [];
    page.on('request', (request) => requests.push(request.url()));
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => {
      // While the daemon is away this is what it says.
      if (message.type() === 'error' && !/ERR_|status of 400/.test(message.text())) complaints.push(message.text());
    });
  });
  afterEach(async () => {
    await context?.close();
    await tunnel?.close();
  });

  const url = (query = '') => `http://localhost:${tunnel.port}/${query}`;
  const live = () => page.getByRole('status').filter({ hasText: 'live' }).waitFor();
  const paths = () => page.locator('#rows .path').allTextContents();
  const shows = (what: string, has: (shown: string[]) => boolean) =>
    waitUntil(what, async () => has(await paths()), WAIT_MS);

  test('shows deletions, who made them and how many there are, in light and dark, and asks no other host', async () => {
    await daemon.start();
    await page.goto(url());
    await live();
    // The first counts are those of before.
    await page.locator('#ledger dd').first().waitFor();
    mkdirSync(join(daemon.work, 'places'));
    remove('a.db', 'places/b.db', 'places/c.db');
    await shows('all rows', (shown) => shown.length === 3);
    // The newest first.
    expect(await paths()).toEqual(['places/c.db', 'places/b.db', 'a.db'].map((name) => join(daemon.work, name)));
    const [row] = await page.locator('#rows tr').all();
    expect(await row!.locator('td').allTextContents()).toEqual([
      expect.stringMatching(/^\d\d:\d\d:\d\d\.\d{3}$/),
      'unlink',
      join(daemon.work, 'places/c.db'),
      expect.stringMatching(/^(4 B)?$/),
      `node[${process.pid}]`,
      'root',
      'work',
    ]);
    await page.locator('#watches td:nth-of-type(5)').getByText('3', { exact: true }).waitFor();
    await page.locator('#top-directory').getByText(join(daemon.work, 'places')).waitFor();
    await page.locator('#top-user').getByText('root').waitFor();
    await page
      .locator('#top-process')
      .getByText(/\/node$/)
      .waitFor();
    expect(await page.locator('#health').textContent()).toMatch(/^ready/);
    expect(await page.locator('#mode').textContent()).toMatch(/^(tracepoint|kprobe|fentry) on /);
    await page
      .locator('#ledger > div', { hasText: 'delivered' })
      .locator('dd')
      .getByText('3', { exact: true })
      .waitFor();
    // The chart has a bar for the second in which it was.
    expect(await page.locator('#watches svg rect').count()).toBeGreaterThan(0);
    // More than the list takes in a second: what it leaves out is told, and counted all the same.
    remove(...numbered(1000));
    await page
      .locator('#missed')
      .getByText(/^\d+ lines are not shown/)
      .waitFor();
    await page.locator('#watches td:nth-of-type(5)').getByText('1,003', { exact: true }).waitFor();
    expect(await page.locator('#rows tr').count()).toBeLessThanOrEqual(500);
    const ground = () => page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
    const light = await ground();
    await page.emulateMedia({ colorScheme: 'dark' });
    expect(await ground()).not.toBe(light);
    expect(requests.length).toBeGreaterThan(3);
    expect(requests.filter((asked) => !asked.startsWith(url()))).toEqual([]);
    expect(complaints).toEqual([]);
  });

  test('shows hostile names as text, with what a terminal would obey escaped', async () => {
    await daemon.start();
    await page.goto(url());
    await live();
    remove(
      '<img src=x onerror="document.title=1"><script>document.title=1',
      'new\nline\t\x1b[2J',
      'txt.\u202eexe.\u2066\u200b',
      Buffer.from([0x62, 0x61, 0x64, 0xff, 0xfe]),
      '&amp;"\'',
      'שלום.txt',
    );
    await shows('all rows', (shown) => shown.length === 6);
    expect((await paths()).reverse()).toEqual(
      [
        '<img src=x onerror="document.title=1"><script>document.title=1',
        'new\\nline\\t\\x1b[2J',
        'txt.\\u202eexe.\\u2066\\u200b',
        'bad\ufffd\ufffd',
        '&amp;"\'',
        'שלום.txt',
      ].map((name) => `${daemon.work}/${name}`),
    );
    expect(await page.locator('#rows img, #rows script').count()).toBe(0);
    expect(await page.title()).toMatch(/^rmwatch ./);
    expect(complaints).toEqual([]);
  });

  test('filters as search does, also from the address, and says what is wrong with a filter', async () => {
    await daemon.start();
    await page.goto(url('?path=**/*.db'));
    await live();
    remove('a.db', 'b.txt', 'c.db');
    await shows('two rows', (shown) => shown.length === 2);
    expect(await paths()).toEqual(['c.db', 'a.db'].map((name) => join(daemon.work, name)));

    await page.keyboard.press('/');
    expect(await page.evaluate('document.activeElement.name')).toBe('path');
    await page.getByLabel('Path').fill('');
    await page.getByLabel('PID').fill('rm');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').getByText('pid: expected a number').waitFor();
    expect(new URL(page.url()).search).toBe('?pid=rm');

    await page.getByLabel('PID').fill(`${process.pid}`);
    await page.getByLabel('Operation').selectOption('rmdir');
    await page.getByRole('button', { name: 'Filter' }).click();
    await live();
    await page.getByRole('alert').waitFor({ state: 'hidden' });
    remove('d.db');
    mkdirSync(join(daemon.work, 'directory'));
    rmSync(join(daemon.work, 'directory'), { recursive: true });
    await shows('the directory', (shown) => shown.length > 0);
    expect(await paths()).toEqual([join(daemon.work, 'directory')]);
    // What is counted is that of all filters together.
    await page.locator('#top-user tr', { hasText: 'root' }).getByText('5', { exact: true }).waitFor();

    await page.getByRole('button', { name: 'Clear' }).click();
    await waitUntil('the address is bare', () => new URL(page.url()).search === '');
    await live();
    await page.getByRole('button', { name: 'Pause' }).click();
    remove('e.db', 'f.db');
    await page.getByRole('button', { name: 'Paused (2 not shown)' }).waitFor();
    await page.getByRole('button', { name: /^Paused/ }).press('Enter');
    remove('g.db');
    await shows('what comes after the pause', (shown) => shown.includes(join(daemon.work, 'g.db')));
    expect((await paths()).filter((path) => /[ef]\.db$/.test(path))).toEqual([]);
    expect(complaints).toEqual([]);
  });

  test('has keys of one character, which can be switched off for good', async () => {
    await daemon.start();
    await page.goto(url());
    await live();
    const pause = (name: string) => page.getByRole('button', { name, exact: true });
    const focused = () => page.evaluate('document.activeElement.name');
    await page.keyboard.press('p');
    await pause('Paused (0 not shown)').waitFor();
    await page.keyboard.press('p');
    await pause('Pause').waitFor();

    const keys = page.getByRole('checkbox', { name: /^Keys/ });
    // As large as the text beside it.
    expect((await keys.boundingBox())!.width).toBeLessThan(24);
    await keys.uncheck();
    const pressAll = async () => {
      await page.locator('h1').click();
      for (const key of ['p', '/']) await page.keyboard.press(key);
      return { paused: await page.locator('#pause').getAttribute('aria-pressed'), focused: await focused() };
    };
    expect(await pressAll()).toEqual({ paused: 'false', focused: undefined });
    await page.reload();
    await live();
    expect(await page.getByRole('checkbox', { name: /^Keys/ }).isChecked()).toBe(false);
    expect(await pressAll()).toEqual({ paused: 'false', focused: undefined });

    await page.getByRole('checkbox', { name: /^Keys/ }).check();
    expect(await pressAll()).toEqual({ paused: 'true', focused: 'path' });
    expect(complaints).toEqual([]);
  });

  test('asks for the password of the web configuration, also over TLS', async () => {
    await daemon.dispose();
    daemon = new HostDaemon({ listen: 'port' });
    const certificates = new Certificates(daemon.directory);
    certificates.authority('own');
    const web = {
      tls_server_config: { cert_file: 'own.pem', key_file: 'own.key' },
      basic_auth_users: { ada: bcrypt.hashSync('secret', 4) },
    };
    writeFileSync(join(daemon.directory, 'web.yml'), JSON.stringify(web));
    configure({ web_config: join(daemon.directory, 'web.yml') });
    daemon.spawn();
    await waitUntil('it watches', () => daemon.diagnostics().includes('watching for deletions'), WAIT_MS);
    const address = /"address":"(https:[^"]+)"/.exec(daemon.diagnostics())![1]!;
    const stranger = await browser.newContext({ ignoreHTTPSErrors: true });
    expect((await stranger.request.get(address)).status()).toBe(401);
    await stranger.close();
    await context.close();
    context = await browser.newContext({
      ignoreHTTPSErrors: true,
      httpCredentials: { username: 'ada', password: 'secret' },
    });
    page = await context.newPage();
    await page.goto(address);
    await live();
    remove('secured');
    await shows('the row', (shown) => shown.includes(join(daemon.work, 'secured')));
  });

  test('comes back after the daemon, and says that it was away', async () => {
    await daemon.start();
    await page.goto(url());
    await live();
    remove('before');
    await shows('a row', (shown) => shown.length === 1);
    await daemon.stop();
    await page.getByRole('status').filter({ hasText: 'not connected' }).waitFor();
    await daemon.start();
    await live();
    remove('after');
    await shows('the other row', (shown) => shown.includes(join(daemon.work, 'after')));
    expect((await paths()).some((text) => text.includes('The daemon was started again'))).toBe(true);
    expect((await paths()).filter((text) => text === join(daemon.work, 'before'))).toHaveLength(1);
    expect(complaints).toEqual([]);
  });
});

describe('over HTTP', () => {
  interface Stream {
    readonly status: number;
    readonly headers: http.IncomingHttpHeaders;
    readonly response: http.IncomingMessage;
    /** So far, once it is read. */
    text: string;
    ended: boolean;
  }

  /** Opens a path and reads what comes; `stopped`: it is not read. */
  function open(path: string, headers: http.OutgoingHttpHeaders = {}, stopped = false): Promise<Stream> {
    return new Promise((resolve, reject) => {
      const options = { socketPath: daemon.socket, path, headers: { host: 'localhost', ...headers }, agent: false };
      const request = http.get(options, (response) => {
        const stream = { status: response.statusCode!, headers: response.headers, response, text: '', ended: false };
        const read = () =>
          response.setEncoding('utf8').on('data', (part: string) => {
            stream.text += part;
          });
        response.on('error', () => {});
        response.on('close', () => {
          stream.ended = true;
        });
        if (!stopped) read();
        resolve(stream);
      });
      request.on('error', reject);
      streams.push(request);
    });
  }

  const events = (query = '', headers: http.OutgoingHttpHeaders = {}) => open(`/page/events${query}`, headers);
  const says = (stream: Stream, what: string | RegExp) =>
    waitUntil(`the stream says ${what}`, () => stream.text.match(what) !== null, WAIT_MS);
  const answer = async (path: string, headers: http.OutgoingHttpHeaders = {}) => {
    const stream = await open(path, headers);
    await waitUntil('the answer ends', () => stream.ended);
    return { status: stream.status, text: stream.text, headers: stream.headers };
  };

  test('refuses other names and other sites, and serves 16 streams with scrapes beside them', async () => {
    daemon = new HostDaemon();
    configure({ page_hosts: ['watch.example.org'] });
    await daemon.start();
    for (const path of ['/', '/page/page.js', '/page/page.css', '/page/events']) {
      expect(await answer(path, { host: 'attacker.example' })).toMatchObject({ status: 421 });
      expect(await answer(path, { host: 'localhost.attacker.example:80' })).toMatchObject({ status: 421 });
    }
    const policy = /^default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none';/;
    for (const host of ['localhost:8080', '127.0.0.1', '[::1]:1', 'watch.example.org']) {
      const { status, headers } = await answer('/', { host });
      expect(status).toBe(200);
      expect(headers['content-security-policy']).toMatch(policy);
      expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' });
    }
    const foreign = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'cors' };
    expect(await answer('/page/events', foreign)).toMatchObject({ status: 403 });
    // Scrapers are asked for no name.
    expect(await answer('/metrics', { host: 'attacker.example' })).toMatchObject({ status: 200 });
    expect(await answer('/page/events?proces=rm')).toMatchObject({
      status: 400,
      text: 'no condition "proces", did you mean "process"?\n',
    });

    const opened = await Promise.all(numbered(16).map(() => events()));
    expect(opened.map(({ status }) => status)).toEqual(Array(16).fill(200));
    expect(await answer('/page/events')).toMatchObject({
      status: 503,
      text: expect.stringContaining('16 pages are open'),
    });
    // More than there may be connections for scrapes.
    const scrapes = await Promise.all(numbered(80).map(() => daemon.get('/metrics')));
    expect(new Set(scrapes.map(({ status }) => status))).toEqual(new Set([200]));
    remove('shown');
    for (const stream of opened) await says(stream, `${daemon.work}/shown`);
    opened[0]!.response.destroy();
    await waitUntil('a place is free', async () => (await events()).status === 200);
  });

  test('a stopped reader loses lines of its own, the others and the log none', async () => {
    daemon = new HostDaemon({ measuresLoop: true });
    configure();
    await daemon.start();
    const stopped = await open('/page/events', {}, true);
    const other = await events('?path=/**/last');
    await daemon.measureLoop();
    const flood = spawnSync(
      'bash',
      [
        '-c',
        `cd ${daemon.work} && for r in {1..10}; do touch ${'x'.repeat(200)}{1..1000} && rm -f x*; done; touch last; rm last`,
      ],
      { encoding: 'utf8' },
    );
    expect(flood.stderr).toBe('');
    await says(other, `${daemon.work}/last`);
    const metrics = await daemon.settleLog();
    expect(ledgerGap(metrics)).toBe(0);
    expect(metrics.get('rmwatch_events_delivered_total')).toBe(10_001);
    expect(daemon.longestBlockMs).toBeLessThan(100);
    // It is told when it reads again.
    const text: string[] = [];
    stopped.response.setEncoding('utf8').on('data', (part: string) => text.push(part));
    await waitUntil('it is told', () => /event: missed\ndata: \{"lines":\d+\}/.test(text.join('')), WAIT_MS);
  });

  test('comes back to where it was, over a reload that ends its stream', async () => {
    daemon = new HostDaemon();
    configure();
    await daemon.start();
    const first = await events();
    remove('one');
    await says(first, `${daemon.work}/one`);
    const id = [...first.text.matchAll(/^id: (.*)$/gm)].at(-1)![1]!;
    daemon.signal('SIGHUP');
    await waitUntil('the stream ends', () => first.ended, WAIT_MS);
    remove('two', 'three');
    await daemon.settleLog();
    const second = await events('', { 'last-event-id': id });
    await says(second, /event: hello\nid: .*\ndata: \{.*"before":2\}/);
    // The page can be switched off while the daemon runs.
    configure({ page: false });
    daemon.signal('SIGHUP');
    await waitUntil('the stream ends', () => second.ended, WAIT_MS);
    expect(await answer('/page/events')).toMatchObject({ status: 404 });
  });

  test('needs a socket or users where every user of the host could connect', async () => {
    daemon = new HostDaemon({ listen: 'port' });
    configure();
    const validate = () => spawnSync(process.execPath, [MAIN, 'validate', daemon.configFile], { encoding: 'utf8' });
    expect(validate()).toMatchObject({
      status: 6,
      stderr: expect.stringMatching(/rmwatch\.yaml:1:\d+: http\.page: would show names .* in http\.web_config/),
    });
    const run = spawnSync(process.execPath, [MAIN, 'run', '--config', daemon.configFile], { encoding: 'utf8' });
    expect(run).toMatchObject({ status: 6, stderr: expect.stringContaining('http.page') });
    const webConfig = join(daemon.directory, 'web.yml');
    writeFileSync(webConfig, JSON.stringify({ basic_auth_users: { ada: bcrypt.hashSync('secret', 4) } }));
    configure({ web_config: webConfig });
    expect(validate()).toMatchObject({ status: 0 });
    daemon.spawn();
    await waitUntil('it listens', () => daemon.diagnostics().includes('"address"'), WAIT_MS);
    const get = (path: string, password?: string) =>
      fetch(`http://${daemon.address}${path}`, {
        headers: password === undefined ? {} : { authorization: `Basic ${btoa(`ada:${password}`)}` },
      });
    for (const path of ['/', '/page/events']) {
      expect((await get(path)).status).toBe(401);
      expect((await get(path, 'wrong')).status).toBe(401);
    }
    expect(await (await get('/', 'secret')).text()).toContain('<title>rmwatch</title>');
    const stream = await get('/page/events', 'secret');
    expect(stream.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    await stream.body?.cancel();
  });
});
