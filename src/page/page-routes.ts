import { readFileSync } from 'node:fs';
import type http from 'node:http';
import { type Answer, type MoreRoutes, plain, type Route, type StreamAnswer } from '../http/http-routes.js';
import type { HttpListen } from '../model/config.js';
import { escapeControl } from '../text/escape.js';
import { isAllowedHost } from './allowed-host.js';
import type { Page } from './page.js';
import { givenConditions } from './page-conditions.js';

export interface PageRouteOptions {
  readonly page: Pick<Page, 'reserve' | 'streamCount'>;
  readonly listen: HttpListen;
  /** See Config.http.pageHosts; at this moment. */
  hosts(): readonly string[];
}

/** Its own files, and nothing from elsewhere; no text can become code. */
const PAGE_POLICY = [
  "default-src 'none'",
  ...["script-src 'self'", "style-src 'self'", "connect-src 'self'"],
  ...["base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"],
].join('; ');

const FILES = [
  { path: '/', file: 'page.html', contentType: 'text/html; charset=utf-8' },
  { path: '/page/page.css', file: 'page.css', contentType: 'text/css; charset=utf-8' },
  { path: '/page/page.js', file: 'page.js', contentType: 'text/javascript; charset=utf-8' },
];
const EVENTS = '/page/events';

/** The paths of the page. Throws when its files cannot be read. */
export function pageRoutes(options: PageRouteOptions): MoreRoutes {
  const guarded = (route: Route): Route => {
    return (request) => refusal(request, options) ?? route(request);
  };
  const files = FILES.map(({ path, file, contentType }): [string, Route] => {
    const body = readFileSync(new URL(`./assets/${file}`, import.meta.url));
    const answer = { status: 200, contentType, body, headers: { 'Content-Security-Policy': PAGE_POLICY } };
    return [path, guarded(() => answer)];
  });
  return new Map([...files, [EVENTS, guarded((request) => openStream(request, options.page))]]);
}

function refusal({ headers }: http.IncomingMessage, { listen, hosts }: PageRouteOptions): Answer | undefined {
  if (!isAllowedHost(headers.host, listen, hosts())) {
    return plain(421, 'This name is none of the page: http.page_hosts names those under which browsers reach it.');
  }
  // Another site could not read it, but take up the streams.
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none' && headers['sec-fetch-mode'] !== 'navigate') {
    return plain(403, 'Another site may not ask for this.');
  }
  return undefined;
}

function openStream(request: http.IncomingMessage, page: PageRouteOptions['page']): Answer | StreamAnswer {
  const [, query = ''] = /^[^?]*\?(.*)$/s.exec(request.url ?? '') ?? [];
  const given = givenConditions(new URLSearchParams(query));
  if ('error' in given) return plain(400, escapeControl(given.error));
  const contentType = 'text/event-stream; charset=utf-8';
  if (request.method === 'HEAD') return { status: 200, contentType, body: '' };
  const lastId = request.headers['last-event-id'];
  const place = page.reserve(given.value, typeof lastId === 'string' ? lastId : undefined);
  if (place === undefined) return plain(503, `${page.streamCount} pages are open, and no more may be.`);
  // A proxy would hold it back until it is long enough.
  return { status: 200, contentType, headers: { 'X-Accel-Buffering': 'no' }, open: (out) => place.open(out) };
}
