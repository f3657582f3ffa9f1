import type { WebConfig } from '../model/web-config.js';
import { BasicAuth } from './basic-auth.js';
import { TlsFront } from './tls-front.js';

/** What stands between a connection and the pages. */
export class Access {
  tls: TlsFront | undefined;
  headers: Readonly<Record<string, string>>;
  readonly auth: BasicAuth;

  /** Throws when the certificates are unfit. */
  constructor(web: WebConfig | undefined, onError: (error: Error) => void) {
    this.tls = web?.tls && new TlsFront(web.tls);
    this.headers = web?.headers ?? {};
    this.auth = new BasicAuth({ users: web?.users ?? new Map(), onError });
  }

  /** From now on. Throws, with nothing changed, when the certificates are unfit. */
  update(web: WebConfig | undefined): void {
    this.tls = web?.tls && new TlsFront(web.tls);
    this.headers = web?.headers ?? {};
    this.auth.update(web?.users ?? new Map());
  }
}
