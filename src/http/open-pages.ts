import type { Config } from '../model/config.js';
import { asksWho } from './asks-who.js';
import { isLoopback } from './loopback.js';

/** Warns where other hosts can read the names, counts and paths of watches without being asked who they are. */
export function warnOfOpenPages(
  { listen, web }: Pick<Config['http'], 'listen' | 'web'>,
  diagnostics: { warn(message: string): void },
): void {
  if (listen.kind !== 'tcp' || isLoopback(listen.host)) return;
  if (asksWho(web)) return;
  diagnostics.warn(
    `http.listen: whoever reaches ${listen.host} can read the metrics: name users, or verified certificates, in http.web_config`,
  );
}
