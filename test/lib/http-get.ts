import http from 'node:http';

export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
  readonly headers: http.IncomingHttpHeaders;
}

/** A unix socket, or an address of the loopback. */
export type HttpServer = { readonly socketPath: string } | { readonly host: string; readonly port: number };

/**
 * GET, each time by a connection of its own: the caller may block for longer than an idle one is kept. Rejects when there is
 * no answer within `timeoutMs`.
 */
export function httpGet(server: HttpServer, path: string, timeoutMs = 60_000): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const request = http.get({ ...server, path, timeout: timeoutMs, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        body += part;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body, headers: response.headers }));
      response.on('error', reject);
    });
    request.on('error', reject).on('timeout', () => request.destroy(new Error(`no answer to ${path}`)));
  });
}
