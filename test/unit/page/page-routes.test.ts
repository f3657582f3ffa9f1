import http from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type HttpServer, startHttpServer } from '../../../src/http/http-server.js';
import { Page } from '../../../src/page/page.js';
import type { FromThread } from '../../../src/page/page-messages.js';
import { pageRoutes } from '../../../src/page/page-routes.js';
import { waitUntil } from '../../lib/wait-until.js';

let server: HttpServer;
let page: Page;
/** Tells the page something in the place of its thread. */
let tell: (message: FromThread) => void;

beforeEach(async () => {
  const quiet = {
    postMessage: () => {},
    on: (event: string, listener: (message: FromThread) => void) => {
      if (event === 'message') tell = listener;
    },
    terminate: async () => 0,
  };
  page = new Page({ hostName: () => 'web-3', onProblem: () => {}, startThread: () => quiet as never });
  const listen = { kind: 'tcp' as const, host: '127.0.0.1', port: 0 };
  const routes = pageRoutes({ page, listen, hosts: () => ['watch.example.org'] });
  server = await startHttpServer({
    listen,
    metrics: { contentType: 'text/plain', text: async () => 'a_metric 1\n' },
    readiness: () => ({ ready: true, reason: 'ready', degraded: [] }),
    more: () => routes,
    onError: () => {},
    limits: { maxConnections: 4 },
  });
});

afterEach(async () => {
  await page.close();
  await server.close(0);
});

interface Reply {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly response: http.IncomingMessage;
  text: string;
  ended: boolean;
}

function get(path: string, headers: http.OutgoingHttpHeaders = {}, method = 'GET'): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(server.address!);
    const request = http.request({ host: hostname, port, path, headers, method, agent: false }, (response) => {
      const reply = { status: response.statusCode!, headers: response.headers, response, text: '', ended: false };
      response.setEncoding('utf8').on('data', (part: string) => {
        reply.text += part;
      });
      response.on('error', () => {});
      response.on('close', () => {
        reply.ended = true;
      });
      resolve(reply);
    });
    request.on('error', reject);
    request.end();
  });
}

describe('the paths of the page', () => {
  it.each([
    ['/', 'text/html; charset=utf-8', '<!doctype html>'],
    ['/?path=%2Fsrv', 'text/html; charset=utf-8', '<!doctype html>'],
    ['/page/page.css', 'text/css; charset=utf-8', ':root'],
    ['/page/page.js', 'text/javascript; charset=utf-8', 'new EventSource'],
  ])('%s is a file with a strict policy', async (path, contentType, text) => {
    const reply = await get(path);
    await waitUntil('it is read', () => reply.ended);
    expect(reply).toMatchObject({ status: 200, text: expect.stringContaining(text) });
    expect(reply.headers['content-type']).toBe(contentType);
    expect(reply.headers['content-security-policy']).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; " +
        "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
    );
  });

  it('are for names of this host only, and not for other sites', async () => {
    for (const path of ['/', '/page/page.css', '/page/page.js', '/page/events']) {
      expect((await get(path, { host: 'attacker.example' })).status).toBe(421);
    }
    expect((await get('/', { host: 'watch.example.org' })).status).toBe(200);
    const foreign = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'cors' };
    expect((await get('/page/events', foreign)).status).toBe(403);
    expect((await get('/', { ...foreign, 'sec-fetch-mode': 'navigate' })).status).toBe(200);
    expect((await get('/', { 'sec-fetch-site': 'none' })).status).toBe(200);
    expect(page.streamCount).toBe(0);
  });

  it('tell what is wrong with a filter, and take no place for it or for HEAD', async () => {
    const wrong = await get('/page/events?operation=%1b');
    await waitUntil('it is read', () => wrong.ended);
    expect(wrong).toMatchObject({ status: 400, text: expect.stringContaining('got "\\x1b"') });
    expect((await get('/page/events', {}, 'HEAD')).status).toBe(200);
    expect((await get('/page/events', {}, 'POST')).status).toBe(405);
    expect(page.streamCount).toBe(0);
  });

  it('hold little for a browser that does not read', async () => {
    const { response } = await get('/page/events');
    response.pause();
    const text = 'x'.repeat(10_000);
    // A hundred times what may wait, so that the buffers of the kernel do not count.
    for (let sent = 0; sent < 10_000; sent++) {
      tell({ kind: 'rows', stream: 1, text, rows: 1, leftOut: 0 });
      if (sent % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    let bytes = 0;
    let told = '';
    response.on('data', (part: string) => {
      bytes += part.length;
      told += part.replaceAll('x', '');
    });
    response.resume();
    await waitUntil('it is told what it has lost', () => {
      tell({ kind: 'state', text: '.' });
      return /event: missed\ndata: \{"lines":\d+\}/.test(told);
    });
    expect(bytes).toBeLessThan(50_000_000);
  });

  it('have 16 streams, which take no place of a scrape and end with the server', async () => {
    const streams = await Promise.all(Array.from({ length: 16 }, () => get('/page/events')));
    for (const stream of streams) {
      expect(stream).toMatchObject({ status: 200, headers: { 'content-type': 'text/event-stream; charset=utf-8' } });
      await waitUntil('it says hello', () => stream.text.includes('event: hello'));
    }
    expect((await get('/page/events')).status).toBe(503);
    // Until the streams are older than a connection has to be to give way to others.
    for (const endMs = performance.now() + 500; performance.now() < endMs; ) {
      const scrapes = await Promise.all(Array.from({ length: 3 }, () => get('/metrics')));
      expect(scrapes.map(({ status }) => status)).toEqual(Array(3).fill(200));
    }
    expect(streams.some(({ ended }) => ended)).toBe(false);
    streams[0]!.response.destroy();
    await waitUntil('a place is free', () => page.streamCount === 15);
    const closing = page.close();
    await waitUntil('all have ended', () => streams.every(({ ended }) => ended));
    await closing;
  });
});
