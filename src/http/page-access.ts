import type { Config } from '../model/config.js';
import { asksWho } from './asks-who.js';

/**
 * Why the page for browsers may not be served there, as the end of a sentence about `http.page`; undefined: it may. It shows
 * names of files and users, and every user of this host can connect to a port, of the loopback too: either the mode of a
 * socket or a password or certificate says who may read.
 */
export function pageObstacle({ listen, web }: Pick<Config['http'], 'listen' | 'web'>): string | undefined {
  switch (listen.kind) {
    case 'off':
      return 'needs http.listen, which is off';
    case 'unix':
      return undefined;
    case 'tcp': {
      if (asksWho(web)) return undefined;
      return (
        'would show names of files and users to every user of this host: let http.listen be a socket ("unix:/path"), or ' +
        'name a file with basic_auth_users or verified client certificates (RequireAndVerifyClientCert) in http.web_config'
      );
    }
    default:
      return listen satisfies never;
  }
}
