import type http from 'node:http';
import type { Writable } from 'node:stream';
import type { Metrics } from '../metrics/registry.js';
import { SharedText } from './shared-text.js';

/** Whether the daemon does its work, and if not, why. */
export interface Readiness {
  readonly ready: boolean;
  /** One line for a person, shown in the answer. */
  readonly reason: string;
  /** What is worse than it should be while deletions are seen all the same: a part each, for people and for a header. */
  readonly degraded: readonly string[];
}

export interface Answer {
  readonly status: number;
  readonly contentType: string;
  /** Bytes when several clients share them. */
  readonly body: string | Buffer;
  /** Beside those of every answer. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** An answer that goes on until either side ends it. It is outside of the limits of the server: the route bounds it. */
export interface StreamAnswer extends Omit<Answer, 'body'> {
  /** Called once, when the head of the answer is sent; `out` may be closed already. */
  open(out: Writable): void;
}

export type Route = (request: http.IncomingMessage) => Answer | StreamAnswer | Promise<Answer>;

/** Paths beside those that every server has, which they win over. */
export type MoreRoutes = ReadonlyMap<string, Route>;

const HEADER_BYTES_MAX = 2_048;
const PLAIN = 'text/plain; charset=utf-8';

const INDEX_PAGE = `<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>rmwatch</title></head>
<body>
<h1>rmwatch</h1>
<ul>
<li><a href="/metrics">Metrics</a></li>
<li><a href="/-/healthy">Healthy</a></li>
<li><a href="/-/ready">Ready</a></li>
</ul>
</body>
</html>
`;

/** Every path the server answers. All of them only read, so GET and HEAD are the only methods. */
export function createRoutes(metrics: Metrics, readiness: () => Readiness): ReadonlyMap<string, Route> {
  const scrape = new SharedText(() => metrics.text());
  return new Map<string, Route>([
    ['/', () => ({ status: 200, contentType: 'text/html; charset=utf-8', body: INDEX_PAGE })],
    ['/metrics', async () => ({ status: 200, contentType: metrics.contentType, body: await scrape.bytes() })],
    ['/-/healthy', () => plain(200, 'rmwatch is healthy.')],
    [
      '/-/ready',
      () => {
        const { ready, reason, degraded } = readiness();
        if (degraded.length === 0) return plain(ready ? 200 : 503, reason);
        const text = degraded.join('; ');
        return {
          ...plain(ready ? 200 : 503, `${reason}\ndegraded: ${text}`),
          headers: { 'Rmwatch-Degraded': headerValue(text) },
        };
      },
    ],
  ]);
}

/** Printable ASCII only, and not without bounds. */
function headerValue(text: string): string {
  return text.replace(/[^ -~]/g, '?').slice(0, HEADER_BYTES_MAX);
}

export function plain(status: number, text: string): Answer {
  return { status, contentType: PLAIN, body: `${text}\n` };
}
