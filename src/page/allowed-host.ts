import { BlockList, isIP } from 'node:net';
import { isLoopback } from '../http/loopback.js';
import type { HttpListen } from '../model/config.js';

const ANY_ADDRESS = new BlockList();
ANY_ADDRESS.addAddress('0.0.0.0', 'ipv4');
ANY_ADDRESS.addAddress('::', 'ipv6');

/**
 * Whether a browser that sends this header `Host` means this host. A page of another site can let its name lead here (DNS
 * rebinding), and would then read what this user may read; but it cannot choose the name that the browser sends. Allowed
 * are localhost and addresses of the loopback, which a tunnel leads here; the name or address of `listen`; when that is
 * every address, any address, since an address needs no DNS; and `names`. The port does not count: a tunnel has its own.
 */
export function isAllowedHost(header: string | undefined, listen: HttpListen, names: readonly string[]): boolean {
  const host = hostOf(header);
  if (host === undefined) return false;
  if (isLoopback(host) || names.includes(host)) return true;
  if (listen.kind !== 'tcp') return false;
  const family = isIP(listen.host);
  if (family === 0) return listen.host.toLowerCase().replace(/\.$/, '') === host;
  if (ANY_ADDRESS.check(listen.host, family === 6 ? 'ipv6' : 'ipv4')) return isIP(host) !== 0;
  return isSameAddress(listen.host, host);
}

/** In lower case, without port, brackets and the dot of a full name; undefined: it is none. */
function hostOf(header = ''): string | undefined {
  const [, bracketed, name] = /^(?:\[([0-9a-f:.]+)\]|([^:[\]@/\s]+))(?::[0-9]{1,5})?$/i.exec(header) ?? [];
  if (bracketed !== undefined) return isIP(bracketed) === 6 ? bracketed.toLowerCase() : undefined;
  return name?.toLowerCase().replace(/\.$/, '');
}

/** However they are written. */
function isSameAddress(listened: string, host: string): boolean {
  const family = isIP(listened);
  if (isIP(host) !== family) return false;
  const only = new BlockList();
  only.addAddress(listened, family === 6 ? 'ipv6' : 'ipv4');
  return only.check(host, family === 6 ? 'ipv6' : 'ipv4');
}
