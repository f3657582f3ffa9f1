import type { WebConfig } from '../model/web-config.js';

/** Whether only users with a password, or with a certificate that was verified, are answered. Any certificate at all proves nothing. */
export function asksWho(web: WebConfig | undefined): boolean {
  return web !== undefined && (web.users.size > 0 || web.tls?.clientAuth === 'RequireAndVerifyClientCert');
}
